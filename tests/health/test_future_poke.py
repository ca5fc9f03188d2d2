"""What becomes known after a moment moves no feature of that moment: added facts, changed ones, late ones."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.models import Event, EventDetail
from customers.models import Account, Contact, RevenueMovement, UsageDaily, UsageDailyRevision
from customers.services.save_account import update_account
from customers.services.save_contact import update_contact
from health.churn.features import Row, features_as_of
from health.facts import Facts, moment_of
from people.viewer import system_viewer
from tests.health.world import build_world, write_message
from tickets.models import Ticket
from tickets.services.change_priority import change_priority

BY = system_viewer("task")
NOW = timezone.now()
# The moment that is looked at, two months ago; everything below becomes known after it.
MOMENT = moment_of(NOW.date() - timedelta(days=60))


def later(days: int) -> datetime:
    return min(NOW, MOMENT + timedelta(days=days))


def use_more(account: Account, days: int) -> None:
    """A day after the moment with use that was not there."""
    UsageDaily.objects.filter(account=account, day=later(days).date()).delete()
    for feature in ("", "brand new"):
        UsageDaily.objects.create(
            account=account,
            day=later(days).date(),
            feature=feature,
            users=900,
            events=9_000,
            recorded_at=later(days),
        )


def learn_late_of_use(account: Account, days: int) -> None:
    """A day before the moment that became another one after it."""
    row = UsageDaily.objects.filter(account=account, feature="", day__lt=MOMENT.date()).order_by("-day")[
        days % 20
    ]
    UsageDailyRevision.objects.create(
        account=account, day=row.day, feature="", users=row.users, events=row.events, recorded_at=row.recorded_at,
        superseded_at=later(days),
    )  # fmt: skip
    UsageDaily.objects.filter(pk=row.pk).update(users=0, events=0, recorded_at=later(days))


def write_angrily(account: Account, days: int) -> None:
    """An urgent ticket after the moment."""
    contact = Contact.objects.filter(account=account)[0]
    number = 9_000 + Ticket.objects.count()
    write_message(account, contact, number, at=later(days), score=-0.9, priority="urgent")


def raise_priority(account: Account, days: int) -> None:
    """The ticket of before is urgent from now on."""
    ticket = Ticket.objects.filter(account=account).order_by("pk")[0]
    change_priority(ticket=ticket, priority="urgent" if ticket.priority != "urgent" else "low", by=BY)


def change_contract(account: Account, days: int) -> None:
    """Another tier, other seats, another renewal."""
    values = {
        "tier": "starter" if account.tier != "starter" else "growth",
        "seats": account.seats + 100 + days,
        "renewal_on": later(days).date(),
        "customer_since": MOMENT.date() - timedelta(days=900 + days),
    }
    update_account(account=account, values=values, by=BY)


def lose_the_champion(account: Account, days: int) -> None:
    """Somebody left, as it turns out, before the moment."""
    contact = Contact.objects.filter(account=account)[0]
    left_at = MOMENT - timedelta(days=days)
    update_contact(contact=contact, values={"role": "user", "left_at": left_at}, by=BY)


def meet_somebody(account: Account, days: int) -> None:
    """A new contact."""
    contact = Contact.objects.create(account=account, name="New", role="sponsor")
    Contact.objects.filter(pk=contact.pk).update(created_at=later(days))


def leave(account: Account, days: int) -> None:
    """Notice was given."""
    day = later(days).date()
    RevenueMovement.objects.create(
        account=account, kind="churn", amount=-1, effective_on=day, notice_on=day, recorded_at=later(days)
    )
    Account.objects.filter(pk=account.pk).update(churned_on=day)


def log_late(account: Account, days: int) -> None:
    """A rating and a touch that happened before the moment and were recorded after it."""
    for verb, data in (
        ("tickets.rated", {"score": 1}),
        ("customers.touch_logged", {"kind": "call", "text": "x"}),
    ):
        event = Event.objects.create(
            verb=verb, occurred_at=MOMENT - timedelta(days=days), recorded_at=later(days), actor_kind="system",
            subject_kind="account", subject_id=account.pk, account_id=account.pk, ticket_id=None, source="test",
        )  # fmt: skip
        EventDetail.objects.create(event=event, data=data)


POKES: tuple[Callable[[Account, int], None], ...] = (
    use_more, learn_late_of_use, write_angrily, raise_priority, change_contract, lose_the_champion, meet_somebody, leave,
    log_late,
)  # fmt: skip


def features() -> dict[int, Row]:
    """Features of everybody at the moment."""
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    return features_as_of(Facts(ids, first=MOMENT, last=MOMENT), MOMENT)


class FuturePokes(TestCase):
    """Any number of facts of any kind."""

    @classmethod
    def setUpTestData(cls) -> None:
        build_world(count=3, days=200, today=NOW.date(), leaving=0.0)
        for number, account in enumerate(Account.objects.order_by("pk"), start=1):
            contact = Contact.objects.create(account=account, name="Champion", role="champion")
            Contact.objects.filter(pk=contact.pk).update(created_at=MOMENT - timedelta(days=90))
            write_message(account, contact, number, at=MOMENT - timedelta(days=5), score=0.4, priority="high")

    @settings(max_examples=6, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(POKES), st.integers(1, 50)), min_size=1, max_size=4))
    def test_moves_nothing(self, pokes: list[tuple[Callable[[Account, int], None], int]]) -> None:
        before = features()
        account = Account.objects.order_by("pk")[1]
        assert before[account.pk]["users"] is not None
        assert before[account.pk]["trouble"] > 0
        for poke, days in pokes:
            account.refresh_from_db()
            poke(account, days)
        assert features() == before


@pytest.mark.django_db
def test_what_was_recorded_by_then_counts() -> None:
    """The test above can fail: the same facts with earlier dates do move features."""
    build_world(count=1, days=200, today=NOW.date(), leaving=0.0)
    account, before = Account.objects.get(), features()
    recorded = datetime.combine(MOMENT.date(), datetime.min.time(), UTC)
    UsageDaily.objects.filter(account=account, day=MOMENT.date() - timedelta(days=1), feature="").update(
        users=900, recorded_at=recorded
    )
    assert features()[account.pk]["users"] > before[account.pk]["users"]
