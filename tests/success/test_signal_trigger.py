"""Playbooks and health follow what conversations say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from core.outbox import send_due
from customers.models import Account, ConsentEvent, Contact
from health.models import HealthSnapshot
from health.services.score_accounts import score_accounts
from people.models import User
from people.viewer import system_viewer
from success.models import CTA, Outreach, Playbook
from success.services.add_default_playbooks import SAYS_LEAVING, add_default_playbooks
from success.services.close_cta import close_cta
from success.services.save_playbook import save_playbook, switch_playbook
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.judge_signal import add_signal, judge_signal
from tickets.services.watch_promises import watch_promises

Pump = Callable[[], int]


@pytest.fixture
def said(account: Account, contact: Contact) -> Message:
    """A message of a customer's ticket."""
    now = timezone.now() - timedelta(hours=1)
    ticket = Ticket.objects.create(
        number=7001, subject="Renewal", channel="email", contact=contact, account=account, status_id="open",
        status_category="open", created_at=now, updated_at=now, last_message_at=now,
    )  # fmt: skip
    return Message.objects.create(
        ticket=ticket, kind="inbound", channel="email", contact=contact, body_text="We leave.", created_at=now
    )


def watching(kind: str, admin: User) -> Playbook:
    playbook = save_playbook(
        playbook=Playbook(key=f"on-{kind}"),
        values={
            "name": kind, "description": "", "trigger": "signal_said", "trigger_config": {"kind": kind, "least": 60},
            "steps": [{"kind": "cta", "title": "Call them", "due_business_days": 1}], "cooldown_days": 30,
        },
        by=admin.as_viewer(),
    )  # fmt: skip
    switch_playbook(playbook=playbook, is_active=True, by=admin.as_viewer())
    return playbook


def promise(message: Message, due_at: datetime) -> ConversationSignal:
    answer = Message.objects.create(
        ticket=message.ticket, kind="outbound", channel="email", body_text="…", created_at=message.created_at
    )
    return ConversationSignal.objects.create(
        message=answer, kind="promise", source="rules", words="We'll send it", start=0, due_at=due_at,
        said_at=answer.created_at,
    )  # fmt: skip


def run(pump: Pump) -> None:
    from success.services.run_due_steps import run_due_steps

    pump()
    run_due_steps()
    pump()


def test_talk_of_leaving_opens_a_task_that_closes_when_it_was_none(
    said: Message, admin: User, pump: Pump
) -> None:
    watching("churn", admin)
    row = add_signal(message=said, kind="churn", by=admin.as_viewer())
    add_signal(message=said, kind="bug", by=admin.as_viewer())
    run(pump)
    task = CTA.objects.get()
    assert (task.title, task.account, task.reason) == (
        "Call them", said.ticket.account, "Says they leave, on #7001",
    )  # fmt: skip
    judge_signal(signal=row, state="dismissed", by=admin.as_viewer())
    run(pump)
    task.refresh_from_db()
    assert task.outcome == "cleared"


def test_a_broken_promise_opens_a_task(said: Message, admin: User, pump: Pump) -> None:
    watching("broken_promise", admin)
    promise(said, timezone.now() - timedelta(minutes=1))
    watch_promises()
    run(pump)
    assert CTA.objects.get().reason == "A promise of ours was not kept, on #7001"


def test_the_task_of_a_broken_promise_closes_when_it_is_kept_or_dismissed(
    said: Message, admin: User, pump: Pump
) -> None:
    """Only the promises that it is about count: an old one that was never kept holds no task open."""
    viewer = admin.as_viewer()
    promise(said, timezone.now() - timedelta(minutes=1))
    watch_promises()
    run(pump)
    watching("broken_promise", admin)
    broken = []
    for _time in range(2):
        broken.append(promise(said, timezone.now() - timedelta(minutes=1)))
        watch_promises()
        run(pump)
    first, second = broken
    task = CTA.objects.get()
    assert len(task.evidence) == 2
    judge_signal(signal=first, state="kept", by=viewer)
    moved = judge_signal(signal=second, due_at=timezone.now() + timedelta(days=2), by=viewer)
    run(pump)
    task.refresh_from_db()
    assert (moved.state, task.outcome) == ("open", "")
    judge_signal(signal=second, state="dismissed", by=viewer)
    pump()
    task.refresh_from_db()
    assert task.outcome == "cleared"


@pytest.mark.parametrize("outcome", ["saved", "done", ""])
def test_a_new_desk_asks_the_csm_and_writes_later_unless_the_matter_is_settled(
    said: Message, admin: User, csm: User, pump: Pump, outcome: str
) -> None:
    ConsentEvent.objects.create(
        contact=said.contact, status="granted", source="contract", at=timezone.now() - timedelta(days=9)
    )
    Contact.objects.filter(pk=said.contact_id).update(role="sponsor")
    playbook = add_default_playbooks(by=system_viewer("test"))[SAYS_LEAVING]
    add_signal(message=said, kind="churn", by=admin.as_viewer())
    run(pump)
    task = CTA.objects.get()
    assert (task.owner, Outreach.objects.count()) == (csm, 0)
    if outcome:
        close_cta(cta=task, outcome=outcome, by=csm.as_viewer())
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1), tick=False):
        run(pump)
        enrolment = playbook.enrolments.get()
        assert (enrolment.state, Outreach.objects.count()) == (
            ("exited", 0) if outcome == "saved" else ("done", 1)
        )
        # A task that is closed while the mail waits keeps it from leaving, too.
        if not outcome:
            close_cta(cta=task, outcome="not_real", by=csm.as_viewer())
            send_due()
            assert Outreach.objects.get().state == "withheld"


def test_health_counts_what_was_said_and_not_what_was_dismissed(said: Message, admin: User) -> None:
    viewer, account = admin.as_viewer(), said.ticket.account
    assert account is not None
    row = add_signal(message=said, kind="churn", by=viewer)
    add_signal(message=said, kind="bug", by=viewer)
    promise(said, timezone.now() - timedelta(minutes=1))
    watch_promises()
    trouble, caps = measured(account)
    assert trouble["detail"] == {"breaches": 1, "pressing": 0, "bugs": 1}
    assert trouble["value"] == 1.25
    assert caps == ["says_leaving"]
    judge_signal(signal=row, state="dismissed", by=viewer)
    Ticket.objects.filter(pk=said.ticket_id).update(resolved_at=timezone.now() - timedelta(minutes=5))
    trouble, caps = measured(account)
    assert trouble["detail"] == {"breaches": 1, "pressing": 0, "bugs": 0}
    assert caps == []


def measured(account: Account) -> tuple[dict[str, Any], list[str]]:
    """The part about open trouble, and the caps."""
    score_accounts(account_ids=[account.pk], by=system_viewer("task"))
    snapshot = HealthSnapshot.objects.filter(account=account).latest("as_of")
    [trouble] = [part for part in snapshot.parts if part["key"] == "open_trouble"]
    return trouble, [cap["key"] for cap in snapshot.knock_outs]
