"""Features of tickets as of a moment: what comes later changes nothing, and the batch says what was said at the time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from core.models import Event
from customers.models import Account
from customers.services.save_account import update_account
from ml.features.join import Ask, FeatureRow, features_as_of
from ml.features.views import definitions
from ml.services.materialise_features import materialise_features
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tickets.events import PRIORITY_CHANGED
from tickets.models import SLAPolicy, SLAPolicyVersion, SLATarget, Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.sla_versions import terms_of

pytestmark = pytest.mark.usefixtures("minds")
COMMAND = system_viewer("command")


def names(*entities: str) -> list[str]:
    return [one.name for one in definitions().values() if one.entity in entities]


def ask(ticket: Ticket, at: datetime) -> FeatureRow:
    return features_as_of(
        names("ticket", "account"), [Ask(at, {"ticket": ticket.pk, "account": ticket.account_id})]
    )[0]


@pytest.fixture
def promise(db: None) -> SLAPolicy:
    policy = SLAPolicy.objects.create(name="All", condition={})
    for priority in ("low", "normal", "high", "urgent"):
        SLATarget.objects.create(
            policy=policy, priority=priority, first_response_seconds=3600, next_response_seconds=7200,
            resolution_seconds=86400,
        )  # fmt: skip
    SLAPolicyVersion.objects.create(policy=policy, version=1, terms=terms_of(policy))
    return policy


def test_whatever_happens_later_changes_no_value(
    promise: SLAPolicy, ticket: Ticket, viewer: Viewer, agent: User, admin: User, account: Account,
    write: Callable[..., Received],
) -> None:  # fmt: skip
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    reply_to_ticket(ticket=ticket, body="We look into it.", by=viewer)
    moments = [timezone.now() - timedelta(days=1), timezone.now()]
    before = [ask(ticket, at) for at in moments]
    assert before[1].values["ticket.outbound"] == 1
    assert before[1].values["ticket.promise"] == "resolution"
    assert before[0].values["ticket.status"] is None  # it was not there yet

    write("It is still not here.", ticket=ticket)
    change_priority(ticket=ticket, priority="urgent", by=viewer)
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    write("No, it is not.", ticket=ticket)
    SLATarget.objects.update(resolution_seconds=600)
    SLAPolicy.objects.update(version=2)
    SLAPolicyVersion.objects.create(policy=promise, version=2, terms=terms_of(promise))
    update_account(account=account, values={"tier": "starter"}, by=admin.as_viewer())
    after = [ask(ticket, at) for at in moments]
    assert after == before
    now = ask(ticket, timezone.now())
    assert now.values["ticket.priority"] == "urgent"
    assert now.values["ticket.reopens"] == 1
    assert now.values["account.tier"] == "starter" != before[1].values["account.tier"]


def test_what_was_recorded_late_is_not_known_before(ticket: Ticket) -> None:
    happened = ticket.created_at + timedelta(microseconds=1)
    recorded = timezone.now()
    with transaction.atomic():
        PRIORITY_CHANGED.record(
            by=COMMAND, subject_id=ticket.pk, ticket_id=ticket.pk, detail={"from": "normal", "to": "high"},
            occurred_at=happened,
        )  # fmt: skip
    late = Event.objects.latest("pk")
    assert (late.occurred_at, late.recorded_at > recorded) == (happened, True)
    assert ask(ticket, recorded).values["ticket.priority"] == "normal"
    row = ask(ticket, late.recorded_at)
    assert row.values["ticket.priority"] == "high"
    assert row.available_at == late.recorded_at


def test_a_thousand_points_at_once_are_what_each_is_alone(
    promise: SLAPolicy, viewer: Viewer, agent: User, write: Callable[..., Received]
) -> None:
    tickets = []
    for number in range(8):
        ticket = write("Where is it?", sender=f"one{number}@halden.example").ticket
        if number % 2:
            reply_to_ticket(ticket=ticket, body="Soon.", by=viewer)
        if number % 3 == 0:
            change_status(ticket=ticket, status="waiting", by=viewer)
        tickets.append(ticket)
    now = timezone.now()
    points = [
        Ask(now - timedelta(seconds=second / 20), {"ticket": ticket.pk, "account": ticket.account_id})
        for second in range(125)
        for ticket in tickets
    ]
    wanted = names("ticket")
    batch = features_as_of(wanted, points)
    assert len(batch) == 1000
    assert batch[::10] == [features_as_of(wanted, [point])[0] for point in points[::10]]


def test_reading_many_tickets_takes_as_many_queries_as_one(
    promise: SLAPolicy, write: Callable[..., Received], django_assert_max_num_queries: Any
) -> None:
    points = [
        Ask(timezone.now(), {"ticket": write(sender=f"one{n}@halden.example").ticket.pk}) for n in range(6)
    ]
    with django_assert_max_num_queries(8):
        features_as_of(names("ticket"), points)


def test_queues_are_kept_by_the_hour(ticket: Ticket, viewer: Viewer, agent: User) -> None:
    team = Team.objects.get(memberships__user=agent)
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    materialise_features(by=COMMAND, now=hour)
    wanted = names("agent", "team")
    [row] = features_as_of(wanted, [Ask(hour + timedelta(minutes=5), {"agent": agent.pk, "team": team.pk})])
    assert row.values["agent.open_tickets"] == row.values["agent.our_turn"] == 1
    assert row.available_at == hour
    reply_to_ticket(ticket=ticket, body="Done.", status="resolved", by=viewer)
    materialise_features(by=COMMAND, now=hour + timedelta(hours=1))
    [later] = features_as_of(wanted, [Ask(hour + timedelta(hours=1), {"agent": agent.pk})])
    assert not later.values["agent.open_tickets"]
