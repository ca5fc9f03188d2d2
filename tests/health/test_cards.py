"""Health cards: which counts for whom, what a version is, how missing values count, and what a change of card explains."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from core.models import Event, Job
from customers.models import Account
from health.attribution import changes_between, changes_with_method
from health.card_book import CardBook
from health.card_checks import clean_content, shares_of, warnings_of
from health.cards import Missing, card_from, checksum_of, content_of, default_card, default_version
from health.facts import Facts
from health.models import HealthCard, HealthSnapshot, LensSnapshot
from health.normalisers import Peers
from health.peers import NO_COHORT
from health.registry import signals
from health.scorecard import Cap, Measure, score_of
from health.scoring import Moment, carried_measure, prior_of, scores_at
from health.services.publish_card import publish_card, retire_card, roll_back_card
from health.services.save_card import save_card, save_draft
from health.services.score_accounts import score_accounts
from health.services.score_history import score_history
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.health.world import build_world

BY = system_viewer("test")
FALLING = {"kind": "piecewise", "points": [[1, 0], [0, 100]]}


@pytest.fixture
def world(db: None) -> list[Account]:
    """Twelve customers with half a year of use."""
    return build_world(count=12, days=200, today=timezone.now().date(), leaving=0.0).accounts


def made(content: dict[str, Any] | None = None, **values: Any) -> HealthCard:
    """A published card."""
    card = save_card(card=None, values={"name": "Card", **values}, by=BY)
    if content is not None:
        save_draft(card=card, content=content, by=BY)
    publish_card(card=card, by=BY)
    return card


def usual(**weights: float) -> dict[str, Any]:
    """The built-in card with other weights."""
    content = content_of(default_card())
    for measure in content["measures"]:
        measure["weight"] = weights.get(measure["signal"], measure["weight"])
    return content


def test_the_built_in_card_is_the_signals_own_values(world: list[Account]) -> None:
    """Written out as content and read back it scores the same; nobody's score moves by publishing it unchanged."""
    again = card_from(content_of(default_card()), version="again")
    assert again.measures == default_card().measures
    ids = [account.pk for account in world]
    as_of = timezone.now()
    facts = Facts(ids, first=as_of, last=as_of)
    plain = scores_at(facts, ids, as_of, NO_COHORT)
    assert plain == scores_at(facts, ids, as_of, NO_COHORT, dict.fromkeys(ids, again))
    assert any(score.final for score in plain.values())


def test_priority_decides_and_the_rest_gets_the_built_in_card(world: list[Account]) -> None:
    """The lowest number wins, whatever was made last; conditions look at tier and tenure."""
    enterprise = {"field": "tier", "is": "in", "value": ["enterprise"]}
    first = made(key="first", priority=10, applies_to=enterprise)
    made(usual(seat_use=50), key="second", priority=20, applies_to={"match": "any", "of": [
        enterprise, {"field": "tier", "is": "in", "value": ["growth"]}]})  # fmt: skip
    as_of = timezone.now()
    facts = Facts([account.pk for account in world], first=as_of, last=as_of)
    chosen = CardBook.load().primary(facts, as_of)
    by_tier = {account.tier: chosen[account.pk].version.partition(":")[0] for account in world}
    assert by_tier == {"enterprise": "first", "growth": "second", "starter": default_version()}
    retire_card(card=first, by=BY)
    chosen = CardBook.load().primary(facts, as_of)
    assert {
        chosen[account.pk].version.partition(":")[0] for account in world if account.tier != "starter"
    } == {"second"}


@pytest.mark.django_db
def test_conditions_refuse_what_they_cannot_ask() -> None:
    for wrong in (
        {"field": "tier", "is": "in", "value": ["gold"]},
        {"field": "colour", "is": "in", "value": ["red"]},
        {"field": "tenure_days", "is": "at_least", "value": "90"},
        {"of": "tier"},
    ):
        with pytest.raises(ValidationError) as refused:
            save_card(card=None, values={"name": "X", "applies_to": wrong}, by=BY)
        assert "applies_to" in refused.value.message_dict


@pytest.mark.django_db
def test_versions_never_change_and_can_come_back(csm: User) -> None:
    """Publishing numbers the draft, scores everybody and tells; going back makes a former version live."""
    card = made(usual(seat_use=30))
    first = HealthCard.objects.get().live
    assert first is not None
    assert first.number == 1
    first.note = "changed"
    with pytest.raises(ValueError, match="does not change"):
        first.save()
    with pytest.raises(ValidationError):
        publish_card(card=card, by=BY)
    save_draft(card=card, content=usual(seat_use=40), by=BY)
    second = publish_card(card=card, by=BY, note="Seats matter more")
    assert (second.number, HealthCard.objects.get().live) == (2, second)
    assert checksum_of(second.content) == second.checksum != first.checksum
    roll_back_card(card=card, version=first, by=BY)
    assert HealthCard.objects.get().live == first
    with pytest.raises(ValidationError):
        roll_back_card(card=card, version=first, by=BY)
    assert Job.objects.filter(kind="health.rescore_all").exists()
    verbs = list(
        Event.objects.filter(subject_kind="health_card").order_by("pk").values_list("verb", flat=True)
    )
    assert verbs[-3:] == ["health.card_saved", "health.card_published", "health.card_rolled_back"]
    with pytest.raises(PermissionDenied):
        publish_card(
            card=card, by=Viewer(kind="staff", user_id=csm.pk, permissions=frozenset({"health.view"}))
        )


def test_content_is_refused_by_the_name_of_the_measure() -> None:
    good = usual()
    cases: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
        ("measures.nonsense", lambda card: card["measures"].append({"signal": "nonsense"})),
        ("measures.seat_use", lambda card: _of(card, "seat_use").update(weight=-1)),
        ("measures.seat_use", lambda card: _of(card, "seat_use").update(weight=float("nan"))),
        ("measures.seat_use", lambda card: _of(card, "seat_use").update(missing="perhaps")),
        ("measures.seat_use", lambda card: _of(card, "seat_use").update(normaliser=FALLING)),
        ("measures.last_use", lambda card: _of(card, "last_use").update(half_life_days=0)),
        ("measures.last_use", lambda card: card["measures"].append({"signal": "last_use"})),
        ("knock_outs.notice", lambda card: card["knock_outs"].update(notice=120)),
        ("knock_outs.rain", lambda card: card["knock_outs"].update(rain=20)),
        ("measures", lambda card: card.update(measures=[])),
    ]  # fmt: skip
    for field, spoil in cases:
        content = clean_content(good)
        spoil(content)
        with pytest.raises(ValidationError) as refused:
            clean_content(content)
        assert field in refused.value.message_dict, field


def _of(content: dict[str, Any], signal: str) -> dict[str, Any]:
    return next(measure for measure in content["measures"] if measure["signal"] == signal)


def test_warnings_name_sums_groups_and_what_is_off() -> None:
    content = clean_content(
        {"measures": [{"signal": "seat_use", "weight": 90}, {"signal": "last_use", "weight": 5}]}
    )
    told = " ".join(warnings_of(content))
    for part in ("sum to 95", "three measures", "Use of seats alone is 95 %", "Support", "Notice of leaving"):
        assert part in told
    assert sum(shares_of(content).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("missing", "n", "imputed"),
    [(Missing.EXCLUDE, None, False), (Missing.NEUTRAL, 50, True), (Missing.WORST, 0, True)],
)
def test_null_policies(account: Account, missing: str, n: float | None, imputed: bool) -> None:
    """An account without usage: what stands in counts in the score and never as coverage."""
    content = usual()
    for measure in content["measures"]:
        measure["missing"] = missing
    as_of = timezone.now()
    facts = Facts([account.pk], first=as_of, last=as_of)
    card = card_from(clean_content(content), version="v")
    score = scores_at(facts, [account.pk], as_of, NO_COHORT, {account.pk: card})[account.pk]
    seats = next(measure for measure in score.measures if measure.key == "seat_use")
    assert (seats.n, seats.imputed) == (n, imputed)
    bare = scores_at(facts, [account.pk], as_of, NO_COHORT)[account.pk]
    assert score.coverage == pytest.approx(bare.coverage)


def test_a_value_is_carried_forward_while_it_is_allowed() -> None:
    rule = card_from(
        clean_content({"measures": [{"signal": "seat_use", "missing": "carry_forward", "missing_days": 40,
                                     "grace_days": 10, "half_life_days": 20}]}),
        version="v",
    ).measures[0]  # fmt: skip
    now = timezone.now()
    last = Measure("seat_use", "adoption", 14, 0.5, 60.0, 1.0, now - timedelta(days=30))
    carried = carried_measure(rule, last, now)
    assert carried is not None
    assert (carried.n, carried.freshness, carried.carried, carried.imputed) == (60.0, 0.5, True, False)
    assert carried_measure(rule, last, now + timedelta(days=11)) is None


def test_a_carried_value_comes_from_the_last_snapshot(world: list[Account]) -> None:
    """A value that was there yesterday and is not today goes on counting, and is marked."""
    content = usual()
    _of(content, "key_contacts").update(missing="carry_forward", missing_days=30)
    made(content)
    account = world[0]
    yesterday = timezone.now() - timedelta(days=1)
    measure = {"key": "key_contacts", "group": "relationship", "weight": 7, "value": 0.4, "n": 77.0, "freshness": 1.0,
               "share": 0.1, "observed_at": yesterday.isoformat(timespec="seconds"), "n_obs": 2}  # fmt: skip
    HealthSnapshot.objects.create(
        account=account, as_of=yesterday.date(), card_version="x", score=70, band="steady", coverage=0.8, confidence="high",
        parts=[measure], inputs_hash="", computed_at=yesterday,
    )  # fmt: skip
    score_accounts(account_ids=[account.pk], by=BY)
    parts = {
        part["key"]: part for part in HealthSnapshot.objects.filter(account=account).latest("as_of").parts
    }
    assert (parts["key_contacts"]["n"], parts["key_contacts"]["carried"]) == (77.0, True)


def test_the_prior_is_the_mean_of_peers() -> None:
    rule = card_from(
        clean_content({"measures": [{"signal": "seat_use", "missing": "prior"}]}), version="v"
    ).measures[0]
    assert prior_of(rule, Peers([1.0, 1.0], [0.0, 1.0])) == pytest.approx((200 + 30 * 50) / 32)
    assert prior_of(rule, Peers([], [])) is None


def test_a_measure_that_is_very_low_caps(world: list[Account]) -> None:
    ids = [account.pk for account in world]
    as_of = timezone.now()
    read = Moment(Facts(ids, first=as_of, last=as_of), as_of, NO_COHORT, {})
    content = usual()
    _of(content, "seat_use")["low"] = {"n": 100, "ceiling": 33}
    content["knock_outs"] = {}
    for score in read.scores(dict.fromkeys(ids, card_from(clean_content(content), version="v"))).values():
        assert [cap.key for cap in score.caps] == ["low:seat_use"]
        assert score.final is not None
        assert score.final <= 33


def test_other_lenses_are_scored_beside_the_primary_card(world: list[Account]) -> None:
    adoption = {"measures": [{"signal": "seat_use"}, {"signal": "feature_breadth"}, {"signal": "last_use"}]}
    made(adoption, lens="adoption", is_primary=False)
    ids = [account.pk for account in world]
    score_accounts(account_ids=ids, by=BY)
    rows = LensSnapshot.objects.all()
    assert {row.account_id for row in rows} == set(ids)
    assert {len(row.parts) for row in rows} == {3}
    assert set(HealthSnapshot.objects.values_list("card_version", flat=True)) == {default_version()}


def test_a_change_of_card_is_a_line_of_its_own(world: list[Account]) -> None:
    """Both cards are computed for the day; the lines still sum to the change."""
    ids = [account.pk for account in world]
    today = timezone.now().date()
    score_history(by=BY, account_ids=ids, days=40, step=7)
    made(usual(seat_use=200, last_use=0))
    score_accounts(account_ids=ids, by=BY)
    rows = list(HealthSnapshot.objects.filter(as_of=today).exclude(delta_30=None))
    assert len(rows) == len(ids)
    for row in rows:
        assert sum(change["points"] for change in row.changes) == pytest.approx(row.delta_30, abs=1e-9)
        assert [change["key"] for change in row.changes if change["effect"] == "method"] == ["method"]


def test_a_day_repeats_to_the_same_hash_under_a_card(world: list[Account]) -> None:
    made(usual(seat_use=30))
    ids = [account.pk for account in world]
    at = timezone.now()
    score_accounts(account_ids=ids, by=BY, as_of=at)
    first = dict(HealthSnapshot.objects.values_list("account_id", "inputs_hash"))
    score_accounts(account_ids=ids, by=BY, as_of=at)
    assert dict(HealthSnapshot.objects.values_list("account_id", "inputs_hash")) == first
    assert all(
        label.startswith("card:1-") for label in HealthSnapshot.objects.values_list("card_version", flat=True)
    )


def drawn(seed: random.Random) -> tuple[list[Measure], list[Cap]]:
    """A random card with missing, faded and imputed measures and caps."""
    keys = seed.sample([signal.key for signal in signals], k=seed.randint(1, len(signals)))
    measures = [
        Measure(
            key,
            seed.choice("abc"),
            seed.uniform(0.1, 20),
            1.0,
            None if seed.random() < 0.2 else seed.uniform(0, 100),
            seed.uniform(0.1, 1),
            imputed=seed.random() < 0.1,
        )
        for key in sorted(keys)
    ]
    caps = [Cap(key, seed.uniform(0, 100)) for key in seed.sample(["p", "q", "r"], k=seed.randint(0, 3))]
    return measures, caps


@pytest.mark.parametrize("cases", [500, pytest.param(20_000, marks=pytest.mark.long)])
def test_lines_sum_to_the_change_in_many_cases(cases: int) -> None:
    """With and without a change of card: to 1e-9."""
    seed = random.Random(20260101)
    worst = 0.0
    for _case in range(cases):
        before, as_before, after = drawn(seed), drawn(seed), drawn(seed)
        old, new = score_of(*before).final, score_of(*after).final
        plain = changes_between(*before, *after)
        method = changes_with_method(before, as_before, after)
        if old is None or new is None:
            assert plain == []
            continue
        worst = max(worst, abs(sum(line.points for line in plain) - (new - old)))
        if score_of(*as_before).final is not None:
            worst = max(worst, abs(sum(line.points for line in method) - (new - old)))
    assert worst < 1e-9


def test_history_uses_the_card_that_applied_by_tenure(world: list[Account]) -> None:
    made(key="young", applies_to={"field": "tenure_days", "is": "at_most", "value": 365})
    account = world[0]
    account.customer_since = date.today() - timedelta(days=380)
    account.save()
    score_history(by=BY, account_ids=[account.pk], days=60, step=7)
    labels = list(HealthSnapshot.objects.order_by("as_of").values_list("card_version", flat=True))
    assert labels[0].startswith("young:1-")
    assert labels[-1] == default_version()
