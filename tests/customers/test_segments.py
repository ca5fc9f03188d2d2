"""Segments: what conditions on accounts hold for, the ledger of who came and went, the doors to them."""

import csv
import io
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Event
from customers.models import Account, Contact, Segment, SegmentMembership, UsageDaily
from customers.segments import all_fields, check_definition, explain, in_words, matching, readable
from customers.services.evaluate_segments import evaluate_segment, evaluate_segments
from customers.services.save_account import update_account
from customers.services.save_segment import save_segment
from health.models import HealthSnapshot
from people.models import User
from people.viewer import system_viewer
from success.models import Playbook
from success.services.save_playbook import save_playbook, switch_playbook
from tickets.models import Ticket

Login = Callable[[User], Client]
Pump = Callable[[], int]
BANDS = ("healthy", "watch", "at_risk")
TODAY = timezone.localdate()


def clause(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "is": operator, "value": value}


def accounts(count: int, **fields: Any) -> list[Account]:
    return Account.objects.bulk_create(
        Account(
            **{
                "name": f"Company {number}",
                "tier": ("enterprise", "growth", "starter")[number % 3],
                "arr": 10_000 * (number + 1),
                "lifecycle": "established",
                "renewal_on": TODAY + timedelta(days=10 * number),
                **fields,
            }
        )
        for number in range(count)
    )


def names(definition: object) -> list[str]:
    checked = check_definition(definition)
    return sorted(matching(checked, owner_id=None).values_list("name", flat=True))


def snapshot(account: Account, day: date, band: str) -> HealthSnapshot:
    return HealthSnapshot(
        account=account, as_of=day, card_version="t", band=band, coverage=1.0, confidence="high", inputs_hash="",
        computed_at=timezone.now(),
    )  # fmt: skip


def test_groups_match_all_any_and_none(db: None) -> None:
    accounts(6)
    large = clause("arr", "at_least", 40_000)
    starter = clause("tier", "in", ["starter"])
    assert names({"match": "all", "of": [large, starter]}) == ["Company 5"]
    assert names({"match": "any", "of": [large, starter]}) == [f"Company {n}" for n in (2, 3, 4, 5)]
    assert names({"match": "none", "of": [large, starter]}) == ["Company 0", "Company 1"]
    both = {"match": "none", "of": [{"match": "none", "of": [large]}, starter]}
    assert names(both) == ["Company 3", "Company 4"]


def test_former_customers_are_out_unless_asked_for(db: None) -> None:
    accounts(1)
    accounts(1, name="Gone", lifecycle="churned", churned_on=TODAY)
    assert names({}) == ["Company 0"]
    assert names(clause("churned_on", "in_last", 30)) == ["Gone"]
    assert names(clause("stage", "in", ["churned", "established"])) == ["Company 0", "Gone"]


def test_renewals_usage_people_and_tickets(db: None) -> None:
    first, second, third = accounts(3)
    assert names(clause("renewal", "in_next", 10)) == ["Company 0", "Company 1"]
    assert names(clause("renewal", "further", 10)) == ["Company 2"]
    now = timezone.now()
    UsageDaily.objects.bulk_create(
        UsageDaily(account=account, day=TODAY - timedelta(days=ago), feature=feature, events=events, recorded_at=now)
        for account, ago, feature, events in (
            (first, 1, "", 7), (first, 1, "export", 7), (first, 40, "", 99), (second, 2, "", 3), (second, 3, "", 1),
        )
    )  # fmt: skip
    week = {"of": [], "within": 7}
    assert names(clause("usage_events", "at_least", {"number": 5, **week})) == ["Company 0"]
    assert names(clause("usage_events", "at_most", {"number": 5, **week})) == ["Company 1", "Company 2"]
    assert names(clause("usage_events", "at_most", {"number": 0, **week})) == ["Company 2"]
    assert names(clause("usage_days", "at_least", {"number": 2, **week})) == ["Company 1"]
    assert names(clause("usage_events", "at_least", {"number": 1, "of": ["export"], "within": 7})) == [
        "Company 0"
    ]
    Contact.objects.create(account=second, name="C", role="champion")
    Contact.objects.create(account=third, name="D", role="champion", left_at=now)
    assert names(clause("roles", "any", ["champion"])) == ["Company 1"]
    assert names(clause("roles", "none", ["champion"])) == ["Company 0", "Company 2"]
    holder = Contact.objects.create(account=None, name="H")
    for number, (priority, mood) in enumerate([("urgent", "negative"), ("low", ""), ("urgent", "")]):
        Ticket.objects.create(
            number=number + 1, contact=holder, subject="x", channel="email", priority=priority,
            account=third if number < 2 else first, sentiment_label=mood, status_id="open",
            status_category="open", created_at=now, updated_at=now, last_message_at=now,
        )  # fmt: skip
    assert names(clause("tickets_open", "at_least", {"number": 2, "of": []})) == ["Company 2"]
    assert names(clause("tickets_open", "at_least", {"number": 1, "of": ["urgent"]})) == [
        "Company 0",
        "Company 2",
    ]
    assert names(clause("tickets_negative", "at_least", {"number": 1, "of": [], "within": 2})) == [
        "Company 2"
    ]


def held(history: dict[int, str], states: set[str], days: int) -> bool:
    """By hand: in one of the states now, at the start of the time, and on every known day between. Keys are days ago."""
    before = [ago for ago in history if ago >= days]
    if not history or not before or history[min(history)] not in states:
        return False
    return history[min(before)] in states and all(history[ago] in states for ago in history if ago < days)


def moved(history: dict[int, str], old: set[str], new: set[str], days: int) -> bool:
    """By hand: some day in old, a later one in new, both within the time."""
    return any(
        history[early] in old and history[late] in new
        for early in history
        for late in history
        if late < early <= days and late < days
    )


def test_states_that_last_and_change_agree_with_a_count_by_hand(db: None) -> None:
    rng = random.Random(4)
    rows, histories = accounts(40), {}
    for account in rows:
        days = sorted(rng.sample(range(1, 25), rng.randint(0, 12)))
        histories[account.name] = {ago: rng.choice(BANDS) if rng.random() < 0.5 else "watch" for ago in days}
        if days:
            account.health_band = histories[account.name][days[0]]
    Account.objects.bulk_update(rows, ["health_band"])
    HealthSnapshot.objects.bulk_create(
        snapshot(account, TODAY - timedelta(days=ago), band)
        for account in rows
        for ago, band in histories[account.name].items()
    )
    some = st.sets(st.sampled_from(BANDS), min_size=1, max_size=2)
    seen = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(some, some, st.integers(1, 24))
    def agree(old: set[str], new: set[str], days: int) -> None:
        lasting = names(clause("band_held", "held", {"of": sorted(old), "for": days}))
        assert lasting == sorted(name for name, known in histories.items() if held(known, old, days))
        change = {"from": sorted(old), "to": sorted(new), "within": days}
        changed = names(clause("band_moved", "moved", change))
        assert changed == sorted(name for name, known in histories.items() if moved(known, old, new, days))
        seen.update({len(lasting), -len(changed)})

    agree()
    assert len(seen) > 4


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"match": "few", "of": []}, "none"),
        (clause("password", "in", ["x"]), "password"),
        (clause("arr", "contains", "x"), "ARR"),
        (clause("renewal", "in_next", -1), "renewal"),
        (clause("usage_events", "at_least", 5), "usage events"),
        (clause("usage_events", "at_least", {"number": 1, "within": 0}), "usage events"),
        (clause("usage_events", "at_least", {"number": 1, "within": 7, "x": 1}), "x"),
        (clause("band_held", "held", {"of": [], "for": 3}), "band"),
        (clause("band_held", "held", {"of": ["purple"], "for": 3}), "purple"),
        (clause("roles", "any", ["boss"]), "boss"),
    ],
)
def test_what_is_wrong_is_named(db: None, wrong: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        check_definition(wrong)


def test_every_field_can_be_told_asked_and_explained_at_constant_cost(db: None) -> None:
    [account] = accounts(1)
    for field in all_fields():
        for operator in field.operators:
            kind = field.input_kind(operator)
            offered = [key for key, _name in field.options()][:1]
            value = {
                "number": 3, "days": 9, "span": 86_400, "date": "2026-03-01", "text": "a", "choice": offered, "none": None,
            }.get(kind)  # fmt: skip
            if kind.startswith("parts:"):
                usual: dict[str, Any] = {"number": 1, "within": 5, "for": 5}
                parts = kind.removeprefix("parts:").split(",")
                value = {name: usual.get(name, offered) for name in parts}
            definition = check_definition(clause(field.key, operator, value))
            assert in_words(definition)
            with CaptureQueriesContext(
                connection,
            ) as asked:
                inside = matching(definition, owner_id=None).filter(pk=account.pk).exists()
            assert len(asked) == 1
            assert explain(definition, account, owner_id=None).holds == inside


def test_ledger_follows_and_keeps_one_open_row(db: None, csm: User) -> None:
    rows = accounts(5)
    by = csm.as_viewer()
    segment = save_segment(by=by, name="Large", definition=clause("arr", "at_least", 30_000))
    assert segment.members == 3
    [event] = Event.objects.filter(verb="customers.segment_entered")
    assert event.detail.data["accounts"] == [one.pk for one in rows[2:]]

    Account.objects.filter(pk=rows[0].pk).update(arr=99_000)
    Account.objects.filter(pk=rows[4].pk).update(arr=1)
    assert evaluate_segment(segment=segment, by=by) == (1, 1)
    assert evaluate_segment(segment=segment, by=by) == (0, 0)
    assert Event.objects.filter(verb="customers.segment_left").count() == 1
    present = SegmentMembership.objects.filter(segment=segment, left_at=None)
    assert set(present.values_list("account", flat=True)) == {rows[0].pk, rows[2].pk, rows[3].pk}
    Account.objects.filter(pk=rows[4].pk).update(arr=50_000)
    evaluate_segment(segment=segment, by=by)
    assert SegmentMembership.objects.filter(segment=segment, account=rows[4]).count() == 2


def test_ledger_is_the_history_of_the_condition(db: None, csm: User) -> None:
    """After any changes, the open rows are exactly who meets the condition; rows of one account never overlap."""
    rows, rng = accounts(12), random.Random(3)
    by, start = csm.as_viewer(), timezone.now()
    segment = save_segment(by=by, name="Large", definition=clause("arr", "at_least", 60_000))
    for step in range(1, 15):
        for account in rng.sample(rows, 4):
            Account.objects.filter(pk=account.pk).update(arr=rng.choice([10_000, 90_000]))
        evaluate_segment(segment=segment, by=by, now=start + timedelta(hours=step))
        inside = set(Account.objects.filter(arr__gte=60_000).values_list("pk", flat=True))
        open_rows = SegmentMembership.objects.filter(segment=segment, left_at=None)
        assert sorted(open_rows.values_list("account", flat=True)) == sorted(inside)
        assert Segment.objects.get().members == len(inside)
    for account in rows:
        ledger = SegmentMembership.objects.filter(account=account).order_by("entered_at")
        spans = [(row.entered_at, row.left_at) for row in ledger]
        for (_came, left), (later, _left) in pairwise(spans):
            assert left is not None
            assert left <= later


def test_cost_of_an_evaluation_does_not_grow(db: None, csm: User) -> None:
    accounts(5)
    segment = save_segment(by=csm.as_viewer(), name="All", definition={})

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            evaluate_segment(segment=segment, by=system_viewer("task"))
        return len(queries)

    few = cost()
    accounts(200)
    evaluate_segment(segment=segment, by=system_viewer("task"))
    assert cost() == few


def test_a_change_is_seen_without_waiting(db: None, csm: User, pump: Pump) -> None:
    [account] = accounts(1)
    by = csm.as_viewer()
    save_segment(by=by, name="Large", definition=clause("arr", "at_least", 50_000))
    pump()
    update_account(account=account, values={"arr": 70_000}, by=by)
    pump()
    assert SegmentMembership.objects.filter(account=account, left_at=None).exists()


def test_task_looks_again_when_time_has_passed(db: None, csm: User) -> None:
    by = csm.as_viewer()
    [account] = accounts(1, renewal_on=TODAY + timedelta(days=40))
    save_segment(by=by, name="Soon", definition=clause("renewal", "in_next", 30))
    now = timezone.now()
    assert evaluate_segments(by=by, budget_seconds=9, now=now) == 0
    assert evaluate_segments(by=by, budget_seconds=9, now=now + timedelta(days=11)) == 1
    assert SegmentMembership.objects.filter(account=account, left_at=None).exists()


def test_segment_starts_a_playbook_and_leaving_clears_it(
    db: None, csm: User, admin: User, pump: Pump
) -> None:
    rows = accounts(2)
    segment = save_segment(by=csm.as_viewer(), name="Large", definition=clause("arr", "at_least", 50_000))
    playbook = save_playbook(
        playbook=Playbook(key="large"),
        values={
            "name": "Large", "description": "", "trigger": "segment_entered",
            "trigger_config": {"segment": str(segment.pk)}, "cooldown_days": 30, "holdout_percent": 0,
            "steps": [{"kind": "cta", "title": "Say hello", "due_business_days": 1}],
        },
        by=admin.as_viewer(),
    )  # fmt: skip
    switch_playbook(playbook=playbook, is_active=True, by=admin.as_viewer())
    pump()
    update_account(account=rows[1], values={"arr": 80_000}, by=csm.as_viewer())
    pump()
    assert [one.account_id for one in playbook.enrolments.all()] == [rows[1].pk]
    assert "Large" in playbook.enrolments.get().reason


def test_only_owner_or_lead_changes_and_private_ones_are_hidden(
    db: None, csm: User, lead_user: User, login: Login
) -> None:
    other = User.objects.create_user("other@example.com", name="Other", role="csm")
    segment = save_segment(by=csm.as_viewer(), name="Mine", definition={}, is_shared=False)
    with pytest.raises(PermissionDenied):
        save_segment(by=other.as_viewer(), name="x", definition={}, segment=segment)
    assert login(lead_user).get(f"/customers/segments/{segment.pk}/").status_code == 404
    with pytest.raises(ValidationError, match="such a segment"):
        save_segment(by=other.as_viewer(), name="mINE", definition={})


def test_pages_build_show_explain_and_export(db: None, csm: User, login: Login) -> None:
    rows = accounts(4)
    client = login(csm)
    wanted = '{"field":"arr","is":"at_least","value":"25000"}'
    shown = client.post("/customers/segments/preview/", {"definition": wanted}).content.decode()
    assert '<b class="num">2</b>' in shown
    assert "Company 3" in shown
    refused = client.post("/customers/segments/preview/", {"definition": '{"field":"no"}'}).content.decode()
    assert "no" in refused
    made = client.post("/customers/segments/new/", {"name": "Large", "is_shared": "on", "definition": wanted})
    segment = Segment.objects.get()
    assert made.url == f"/customers/segments/{segment.pk}/"
    body = client.get(made.url).content.decode()
    assert "Company 3" in body
    assert "ARR is at least 25000" in body
    why = client.get(f"{made.url}why/?account={rows[0].pk}").content.decode()
    assert "does not meet" in why
    assert "10000" in why
    lines = list(csv.DictReader(io.StringIO(client.get(f"{made.url}export.csv").content.decode())))
    assert {line["name"] for line in lines} == {"Company 2", "Company 3"}
    portfolio = client.get(f"/customers/?view=all&segment={segment.pk}").content.decode()
    assert "Company 2" in portfolio
    assert "Company 1<" not in portfolio
    assert client.get("/customers/segments/").status_code == 200
    assert client.get(f"/customers/segments/{segment.pk}/edit/").status_code == 200
    plain = {
        "name": "Plain", "definition-match": "none", "definition-field": ["usage_events", "tier"],
        "definition-is": ["at_least", "in"], "definition-value": ["number=1; within=7", "Growth"],
        "definition-group": ["", ""],
    }  # fmt: skip
    assert client.post("/customers/segments/new/", plain).status_code == 302
    assert Segment.objects.get(name="Plain").members == 3


def test_account_page_names_its_segments(db: None, csm: User, login: Login) -> None:
    [account] = accounts(1)
    save_segment(by=csm.as_viewer(), name="Everybody here", definition={})
    assert "Everybody here" in login(csm).get(f"/customers/{account.pk}/").content.decode()


def test_fields_that_may_not_be_read_are_refused_and_hidden(db: None, csm: User) -> None:
    class Blind:
        """A viewer without health."""

        def __init__(self) -> None:
            self.inner = csm.as_viewer()

        def can(self, permission: str) -> bool:
            return permission != "health.view" and self.inner.can(permission)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    save_segment(by=csm.as_viewer(), name="Red", definition=clause("band", "in", ["at_risk"]))
    blind: Any = Blind()
    assert readable(blind) == []
    with pytest.raises(ValidationError, match=r"health\.view"):
        check_definition(clause("score", "at_least", 1), blind)


def test_rest_agrees_with_the_page(db: None, csm: User, login: Login) -> None:
    accounts(4)
    client = login(csm)
    definition = clause("arr", "at_least", 25_000)
    tried = client.post("/api/v1/segments/preview/", {"definition": definition}, "application/json").json()
    assert (tried["count"], tried["total"]) == (2, 4)
    made = client.post(
        "/api/v1/segments/", {"name": "L", "definition": definition}, "application/json"
    ).json()
    assert made["members"] == 2
    url = f"/api/v1/segments/{made['id']}/"
    members = client.get(f"{url}members/?current=true").json()["results"]
    assert {one["name"] for one in members} == {"Company 2", "Company 3"}
    found = client.get(f"/api/v1/accounts/?segment={made['id']}").json()["results"]
    assert {one["name"] for one in found} == {"Company 2", "Company 3"}
    told = client.get(f"{url}explain/?account={members[0]['account']}").json()
    assert told["holds"]
    assert told["reason"]["parts"][1]["holds"]
    wrong = client.patch(url, {"definition": clause("arr", "x", 1)}, "application/json")
    assert wrong.status_code == 400
    assert "definition" in wrong.json()["errors"]
    assert client.patch(url, {"name": "M"}, "application/json").json()["name"] == "M"
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_now_is_the_same_for_all_clauses(db: None) -> None:
    [account] = accounts(1, last_touch_at=datetime(2026, 1, 1, tzinfo=timezone.get_current_timezone()))
    definition = check_definition(clause("last_touch", "older_than", 86_400))
    early = datetime(2026, 1, 1, 12, tzinfo=timezone.get_current_timezone())
    assert not matching(definition, owner_id=None, now=early).exists()
    assert matching(definition, owner_id=None, now=early + timedelta(days=1)).get() == account
