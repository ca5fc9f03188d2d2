"""Ratings of solutions move the health of the account: the signal, the knock-out, and what was known when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from customers.models import Account, Contact
from health.facts import Facts, moment_of
from health.knock_outs import caps_for
from health.models import HealthSnapshot, ScoreDue
from health.peers import NO_COHORT
from health.registry import Reading, signals
from health.services.score_accounts import score_accounts
from people.viewer import contact_viewer, system_viewer
from tests.health.world import write_message
from tickets.events import TICKET_RATED
from tickets.models import Episode, SatisfactionSurvey, Ticket
from tickets.satisfaction import token_of
from tickets.services.rate_ticket import rate_ticket

BY = system_viewer("task")


class Rate:
    """Ratings of one account, as the public page records them or as of former days."""

    def __init__(self, account: Account, contact: Contact) -> None:
        self.account, self.contact = account, contact
        self.number = 5000
        self.ticket = write_message(account, contact, self.number, at=timezone.now(), score=None).ticket

    def __call__(
        self, score: int, *, days: float = 0, survey: int | None = None, contact: Contact | None = None
    ) -> int:
        """Record an answer of ``days`` ago; ``survey`` changes one. Returns the number of the survey."""
        self.number += 1
        at = timezone.now() - timedelta(days=days)
        number = survey or self.number
        with time_machine.travel(at, tick=False):
            TICKET_RATED.record(
                by=contact_viewer((contact or self.contact).pk, "page"), subject_id=self.ticket.pk, ticket_id=self.ticket.pk,
                account_id=self.account.pk, detail={"survey": number, "score": score},
            )  # fmt: skip
        return number


@pytest.fixture
def rate(account: Account, contact: Contact) -> Rate:
    """Let the customer rate: ``rate(5, days=3)``."""
    return Rate(account, contact)


def reading(account: Account, at: datetime | None = None) -> Reading | None:
    moment = at or timezone.now()
    facts = Facts([account.pk], first=moment, last=moment)
    return signals.get("satisfaction").readings(facts, moment, NO_COHORT).get(account.pk)


def test_the_share_is_shrunk_and_few_ratings_say_little(account: Account, rate: Rate) -> None:
    assert reading(account) is None
    rate(1)
    one = reading(account)
    assert one is not None
    assert one.value == pytest.approx((0 + 4) / 6)
    for score in (5, 4, 3, 5):
        rate(score, days=10)
    five = reading(account)
    assert five is not None
    assert five.value == pytest.approx((3 + 4) / 10)
    assert (five.n_obs, five.detail) == (5, {"good": 3, "rated": 5, "mean": 3.6})
    words = signals.get("satisfaction").describe(five.value, five.detail)
    assert words == "3 of 5 ratings good, mean 3.6 of 5"


def test_a_changed_answer_counts_once_and_the_past_keeps_the_former(account: Account, rate: Rate) -> None:
    survey = rate(1, days=5)
    rate(5, days=1, survey=survey)
    now, before = reading(account), reading(account, timezone.now() - timedelta(days=3))
    assert now is not None
    assert before is not None
    assert (now.detail["rated"], now.detail["good"]) == (1, 1)
    assert (before.detail["rated"], before.detail["good"]) == (1, 0)


def test_old_ratings_and_those_of_others_do_not_count(account: Account, rate: Rate) -> None:
    rate(1, days=181)
    other = Account.objects.create(name="Elsewhere")
    rate.account = other
    rate(5, days=10)
    assert reading(account) is None
    assert reading(other) is not None


def test_the_public_page_moves_the_score_with_its_explanation(
    account: Account, contact: Contact, pump: Callable[[], int]
) -> None:
    at = timezone.now()
    ticket = write_message(account, contact, 77, at=at, score=None).ticket
    episode = Episode.objects.create(
        ticket=ticket, number=1, opened_at=at, opened_slot=1, channel="email", priority="normal"
    )
    survey = SatisfactionSurvey.objects.create(
        episode=episode, ticket=ticket, contact=contact, nonce="n", state="sent", send_at=at, sent_at=at
    )
    rate_ticket(token=token_of(survey), score=2)
    pump()
    assert ScoreDue.objects.get(account=account).reason == "tickets.rated"
    score_accounts(account_ids=[account.pk], by=BY)
    part = next(
        one for one in HealthSnapshot.objects.get(account=account).parts if one["key"] == "satisfaction"
    )
    assert (part["group"], part["detail"]) == ("sentiment", {"good": 0, "rated": 1, "mean": 2.0})
    assert 50 < part["n"] < 60
    assert Ticket.objects.get(pk=ticket.pk).satisfaction == 2


def test_a_bad_rating_by_an_executive_caps_for_two_weeks(account: Account, rate: Rate) -> None:
    sponsor = Contact.objects.create(account=account, name="Sig Moen", role="sponsor")

    def caps(at: datetime) -> dict[int, Any]:
        return caps_for(Facts([account.pk], first=at, last=at), at)

    rate(1)  # an administrator's rating caps nothing
    assert caps(timezone.now()) == {}
    Contact.objects.filter(pk=sponsor.pk).update(created_at=timezone.now() - timedelta(days=90))
    rate(2, days=3, contact=sponsor)
    rate(5, days=1, contact=sponsor)
    now = timezone.now()
    assert [(cap.key, cap.ceiling, cap.detail) for cap in caps(now)[account.pk]] == [
        ("low_rating", 65, {"score": 2})
    ]
    assert caps(now - timedelta(days=4)) == {}
    assert account.pk not in caps(now + timedelta(days=12))


def test_the_future_of_ratings_does_not_leak(account: Account, rate: Rate) -> None:
    moment = moment_of((timezone.now() - timedelta(days=20)).date())
    survey = rate(4, days=30)
    before = reading(account, moment)
    rate(1, days=2, survey=survey)
    rate(1, days=1)
    assert reading(account, moment) == before
