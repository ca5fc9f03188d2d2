"""A playbook from the fall of a health band to the mail and the task, through the subscriber, the task and the pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.events import EventType, event_type
from core.models import Event, Notification, Outbound
from core.outbox import SENDING_LEASE, send_due, senders
from customers.models import Account, ConsentEvent, Contact, ContactIdentity
from health.models import HealthSnapshot
from people.events import INSTALLATION_READY
from people.models import User
from people.viewer import system_viewer
from success.holdout import bucket_of, is_held_out
from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision, StepRun
from success.registry import playbook_steps
from success.services.add_default_playbooks import (
    HEALTH_FELL,
    SAYS_LEAVING,
    SPONSOR_LEFT,
    add_default_playbooks,
)
from success.services.enrol_account import EnrolmentRefused, enrol_account
from success.services.run_due_steps import advance_enrolment, run_due_steps
from success.services.save_playbook import save_playbook, switch_playbook
from success.tasks import run_playbook_steps

SYSTEM = system_viewer("test")


@pytest.fixture
def playbook(db: None) -> Playbook:
    return add_default_playbooks(by=SYSTEM)[HEALTH_FELL]


@pytest.fixture
def champion(account: Account, contact: Contact) -> Contact:
    """The contact, who has agreed to mails."""
    ConsentEvent.objects.create(contact=contact, status="granted", source="contract", at=timezone.now())
    return contact


@pytest.fixture
def office_hours(time_machine: Any) -> Any:
    """Wednesday noon in Oslo."""
    time_machine.move_to(datetime(2026, 3, 4, 11, 0, tzinfo=UTC), tick=False)
    return time_machine


def fall(account: Account, *, old: str = "watch", new: str = "at_risk", score: float = 42.0) -> Event:
    """Record what health records when a band changes."""
    Account.objects.filter(pk=account.pk).update(health_score=score, health_band=new)
    changed = event_type("health.band_changed") or EventType(
        "health.band_changed", subject="account", sentence=""
    )
    detail = {"old_band": old, "new_band": new, "score": score, "delta": -11.0, "changes": []}
    with transaction.atomic():
        return changed.record(by=SYSTEM, subject_id=account.pk, account_id=account.pk, detail=detail)


def run_everything(pump: Callable[[], int]) -> None:
    pump()
    run_playbook_steps()
    send_due()


def test_a_fall_to_red_opens_a_task_and_sends_one_mail(
    playbook: Playbook,
    account: Account,
    champion: Contact,
    csm: User,
    pump: Callable[[], int],
    office_hours: Any,
) -> None:
    fall(account)
    run_everything(pump)

    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.account, enrolment.contact) == ("done", account, champion)
    assert "score 42" in enrolment.reason
    cta = CTA.objects.get()
    assert (cta.owner, cta.due_on.isoformat() if cta.due_on else "") == (csm, "2026-03-06")
    account.refresh_from_db()
    assert account.next_step == cta.title
    assert Notification.objects.get(user=csm).text.startswith("Halden Logistics")

    outreach = Outreach.objects.get()
    assert outreach.state == "sent"
    assert [row.verdict for row in outreach.decisions.all()] == ["send"]
    [sent] = mail.outbox
    headers = sent.message()
    assert sent.to == ["Mette Aas <mette@halden.example>"]
    assert headers["Subject"] == "Is everything all right at Halden Logistics?"
    assert "Hello Mette" in sent.body
    assert "{{" not in sent.body
    assert headers["Message-ID"] == outreach.message_id
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].startswith("<http")
    assert "<mailto:" in headers["List-Unsubscribe"]
    assert headers["Auto-Submitted"] == "auto-generated"
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert {
        "success.account_enrolled",
        "success.cta_opened",
        "success.outreach_planned",
        "success.outreach_sent",
    } <= verbs


def test_running_twice_does_nothing_twice(
    playbook: Playbook, account: Account, champion: Contact, pump: Callable[[], int], office_hours: Any
) -> None:
    fall(account)
    for _time in range(3):
        run_everything(pump)
    enrolment = Enrolment.objects.get()
    assert advance_enrolment(enrolment_id=enrolment.pk) is False
    assert StepRun.objects.count() == 2
    assert (
        CTA.objects.count() == Outreach.objects.count() == Outbound.objects.count() == len(mail.outbox) == 1
    )


def test_a_kill_within_a_step_leaves_nothing_and_the_step_runs_once_later(
    playbook: Playbook,
    account: Account,
    champion: Contact,
    monkeypatch: pytest.MonkeyPatch,
    office_hours: Any,
) -> None:
    enrolment = enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    step = playbook_steps.get("email")
    original = type(step).run

    def die(*args: Any) -> Any:
        original(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(step), "run", die)
    with pytest.raises(KeyboardInterrupt):
        run_due_steps()
    assert (StepRun.objects.count(), CTA.objects.count(), Outreach.objects.count()) == (1, 1, 0)
    assert run_due_steps() == 0  # its lease still holds
    monkeypatch.setattr(type(step), "run", original)
    office_hours.shift(SENDING_LEASE + timedelta(seconds=1))
    assert run_due_steps() == 1
    enrolment.refresh_from_db()
    assert enrolment.state == "done"
    assert (StepRun.objects.count(), CTA.objects.count(), Outreach.objects.count()) == (2, 1, 1)


def test_a_kill_between_gate_and_mail_server_sends_once(
    playbook: Playbook,
    account: Account,
    champion: Contact,
    monkeypatch: pytest.MonkeyPatch,
    office_hours: Any,
    settings: Any,
    tmp_path: Any,
) -> None:
    settings.EMAIL_BACKEND = "tickets.channels.email.backends.FileOutboxBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    sender = type(senders.get("success.outreach_email"))
    original = sender.send

    def die(*args: Any) -> str:
        original(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(sender, "send", die)
    with pytest.raises(KeyboardInterrupt):
        send_due()
    monkeypatch.setattr(sender, "send", original)
    office_hours.shift(SENDING_LEASE + timedelta(seconds=1))
    send_due()
    assert Outreach.objects.get().state == "sent"
    assert SendDecision.objects.count() == 1
    assert len(list((tmp_path / "outbox").iterdir())) == 1


@pytest.mark.parametrize(
    ("status", "gate"),
    [(None, "consent"), ("withdrawn", "hard_suppression"), ("bounced", "hard_suppression")],
)
def test_who_has_not_agreed_gets_nothing_and_the_log_says_why(
    status: str | None,
    gate: str,
    playbook: Playbook,
    account: Account,
    contact: Contact,
    lead_user: User,
    login: Callable[[User], Client],
    office_hours: Any,
) -> None:
    if status:
        ConsentEvent.objects.create(contact=contact, status=status, source="test", at=timezone.now())
    enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    send_due()
    outreach = Outreach.objects.get()
    assert (outreach.state, mail.outbox) == ("withheld", [])
    decision = outreach.decisions.get()
    assert (decision.verdict, decision.gate) == ("withhold", gate)
    page = login(lead_user).get("/success/outreach/").content.decode()
    assert decision.detail in page
    assert Event.objects.filter(verb="success.outreach_withheld").count() == 1


def test_quiet_hours_postpone_until_the_next_morning(
    playbook: Playbook, account: Account, champion: Contact, office_hours: Any
) -> None:
    Contact.objects.filter(pk=champion.pk).update(timezone="Asia/Tokyo")
    enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    send_due()
    outbound = Outbound.objects.get()
    opening = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
    assert outbound.state == "pending"
    assert opening <= outbound.not_before <= opening + timedelta(minutes=20)
    assert mail.outbox == []
    office_hours.move_to(outbound.not_before)
    send_due()
    assert [row.verdict for row in SendDecision.objects.order_by("pk")] == ["defer", "send"]
    assert len(mail.outbox) == 1


def test_the_caps_of_a_contact_hold_over_playbooks(
    playbook: Playbook, account: Account, champion: Contact, office_hours: Any
) -> None:
    other = save_playbook(
        playbook=Playbook(key="other"),
        values={"name": "Other", "trigger": "band_fell", "trigger_config": {}, "steps": playbook.steps[1:]},
        by=SYSTEM,
    )
    switch_playbook(playbook=other, is_active=True, by=SYSTEM)
    other.refresh_from_db()
    for one in (playbook, other):
        enrol_account(playbook=one, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    send_due()
    assert sorted(Outreach.objects.values_list("state", flat=True)) == ["planned", "sent"]
    assert SendDecision.objects.filter(gate="pressure", verdict="defer").count() == 1
    office_hours.shift(timedelta(hours=24, minutes=1))
    send_due()
    assert len(mail.outbox) == 2


def test_the_control_group_is_stable_and_gets_nothing(
    playbook: Playbook, account: Account, champion: Contact, pump: Callable[[], int], office_hours: Any
) -> None:
    Playbook.objects.filter(pk=playbook.pk).update(holdout_percent=90)
    held = [
        number for number in range(2000) if is_held_out(scope=playbook.key, account_id=number, percent=90)
    ]
    assert held == [
        number for number in range(2000) if is_held_out(scope=playbook.key, account_id=number, percent=90)
    ]
    assert 0.87 < len(held) / 2000 < 0.93
    ten = {number for number in range(2000) if is_held_out(scope=playbook.key, account_id=number, percent=10)}
    assert ten < set(held)  # a larger group keeps those who were in the smaller one
    assert bucket_of("salt", "scope", 7) == bucket_of("salt", "scope", 7) != bucket_of("salt", "other", 7)

    member = Account.objects.create(pk=next(number for number in held if number > 100), name="Held Out Ltd")
    fall(member)
    run_everything(pump)
    assert Enrolment.objects.get().state == "control"
    assert (CTA.objects.count(), Outreach.objects.count()) == (0, 0)


def test_a_second_fall_adds_evidence_and_only_a_real_recovery_starts_again(
    playbook: Playbook,
    account: Account,
    champion: Contact,
    lead_user: User,
    login: Callable[[User], Client],
    pump: Callable[[], int],
    office_hours: Any,
) -> None:
    fall(account)
    run_everything(pump)
    office_hours.shift(timedelta(days=2))
    fall(account, score=40)
    run_everything(pump)
    assert Enrolment.objects.count() == CTA.objects.count() == 1
    assert len(CTA.objects.get().evidence) == 2

    office_hours.shift(timedelta(days=40))
    fall(account, score=41)  # the cooldown is over, but the score never rose above 55
    run_everything(pump)
    assert Enrolment.objects.count() == 1
    page = login(lead_user).get(f"/success/playbooks/{playbook.pk}/").content.decode()
    assert "has not recovered" in page

    HealthSnapshot.objects.create(
        account=account, as_of=timezone.now().date(), card_version="1", score=70, band="steady", coverage=1,
        confidence="high", inputs_hash="x", computed_at=timezone.now(),
    )  # fmt: skip
    office_hours.shift(timedelta(days=1))
    fall(account, score=43)
    run_everything(pump)
    assert Enrolment.objects.count() == 2


def test_recovery_closes_the_task_and_stops_the_mail(
    playbook: Playbook, account: Account, champion: Contact, pump: Callable[[], int], office_hours: Any
) -> None:
    Contact.objects.filter(pk=champion.pk).update(timezone="Asia/Tokyo")  # night: the mail waits
    fall(account)
    run_everything(pump)
    fall(account, old="at_risk", new="watch", score=53)  # better, but not above 55
    run_everything(pump)
    assert CTA.objects.open().count() == 1
    fall(account, old="watch", new="steady", score=66)
    run_everything(pump)
    assert CTA.objects.get().outcome == "cleared"
    account.refresh_from_db()
    assert account.next_step == ""
    office_hours.move_to(Outbound.objects.get().not_before)
    send_due()
    assert SendDecision.objects.order_by("pk").last().gate == "enrolment"  # type: ignore[union-attr]
    assert mail.outbox == []


@pytest.mark.parametrize(("old", "new"), [("unknown", "at_risk"), ("at_risk", "watch"), ("healthy", "watch")])
def test_other_changes_start_nothing(
    old: str, new: str, playbook: Playbook, account: Account, pump: Callable[[], int]
) -> None:
    fall(account, old=old, new=new)
    run_everything(pump)
    assert not Enrolment.objects.exists()


def test_a_step_that_keeps_failing_ends_the_enrolment_and_says_so(
    playbook: Playbook, account: Account, monkeypatch: pytest.MonkeyPatch, office_hours: Any
) -> None:
    enrolment = enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")

    def fail(*args: Any) -> Any:
        raise RuntimeError("no calendar")

    monkeypatch.setattr(type(playbook_steps.get("cta")), "run", fail)
    for _attempt in range(5):
        run_due_steps()
        office_hours.shift(timedelta(hours=1))
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.last_error) == ("exited", "RuntimeError: no calendar")
    assert StepRun.objects.count() == 0


def test_who_may_do_what(
    playbook: Playbook, account: Account, analyst: User, csm: User, login: Callable[[User], Client]
) -> None:
    with pytest.raises(PermissionDenied):
        enrol_account(playbook=playbook, account=account, by=analyst.as_viewer(), reason="test")
    with pytest.raises(PermissionDenied):
        switch_playbook(playbook=playbook, is_active=False, by=csm.as_viewer())
    assert login(csm).post(f"/success/playbooks/{playbook.pk}/switch/", {"on": "0"}).status_code == 403
    assert login(csm).get(f"/success/playbooks/{playbook.pk}/edit/").status_code == 403
    assert login(csm).get("/success/limits/").status_code == 403
    assert login(analyst).post(f"/success/accounts/{account.pk}/enrol/").status_code == 403


def test_enrolling_by_hand_and_being_refused(
    playbook: Playbook, account: Account, csm: User, login: Callable[[User], Client]
) -> None:
    browser = login(csm)
    for _time in range(2):
        answer = browser.post(
            f"/success/accounts/{account.pk}/enrol/", {"playbook": playbook.pk, "reason": "asked"}
        )
        assert answer.status_code == 302
    assert Enrolment.objects.get().reason == "asked"
    switch_playbook(playbook=playbook, is_active=False, by=SYSTEM)
    with pytest.raises(EnrolmentRefused, match="switched off"):
        enrol_account(
            playbook=Playbook.objects.get(pk=playbook.pk), account=account, by=SYSTEM, reason="test"
        )


def test_a_lead_edits_the_texts_and_a_wrong_variable_is_refused(
    playbook: Playbook, lead_user: User, login: Callable[[User], Client]
) -> None:
    browser = login(lead_user)
    email = playbook.steps[1]
    form = {
        "name": playbook.name, "description": "", "cooldown_days": 20, "holdout_percent": 10,
        "trigger-band": "at_risk", "trigger-clear_score": 60,
        "step-0-title": "Call", "step-0-type": "risk", "step-0-due_business_days": 1,
        "step-1-roles": email["roles"], "step-1-topic": "success", "step-1-subject": "Hello {{account.name}}",
        "step-1-body": "Hi {{contact.first_name}}", "step-1-expires_days": 5,
    }  # fmt: skip
    wrong = browser.post(
        f"/success/playbooks/{playbook.pk}/edit/", {**form, "step-1-body": "{{settings.SECRET_KEY}}"}
    )
    assert wrong.status_code == 422
    assert browser.post(f"/success/playbooks/{playbook.pk}/edit/", form).status_code == 302
    playbook.refresh_from_db()
    assert (playbook.version, playbook.trigger_config["clear_score"]) == (2, 60)
    assert playbook.steps[1]["body"] == "Hi {{contact.first_name}}"
    assert playbook.steps[1]["kind"] == "email"
    with pytest.raises(ValidationError):
        save_playbook(playbook=playbook, values={"steps": [{"kind": "no_such"}]}, by=SYSTEM)


def test_the_kill_switch_holds_everything_back(
    playbook: Playbook,
    account: Account,
    champion: Contact,
    lead_user: User,
    login: Callable[[User], Client],
    office_hours: Any,
) -> None:
    limits = {
        "contact_per_day": 1, "contact_per_week": 2, "contact_per_month": 6, "account_per_week": 5,
        "opens": "08:00", "closes": "18:00",
    }  # fmt: skip
    browser = login(lead_user)
    assert browser.post("/success/limits/", {**limits, "closes": "08:30"}).status_code == 422
    assert browser.post("/success/limits/", limits).status_code == 302
    enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    send_due()
    assert SendDecision.objects.get().gate == "switch"
    assert mail.outbox == []
    browser.post("/success/limits/", {**limits, "is_on": "on"})
    office_hours.shift(timedelta(hours=1))
    send_due()
    assert len(mail.outbox) == 1
    assert Event.objects.filter(verb="success.limits_saved").count() == 2


def test_closing_a_task_needs_an_outcome(
    playbook: Playbook, account: Account, csm: User, login: Callable[[User], Client], office_hours: Any
) -> None:
    enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
    run_due_steps()
    cta = CTA.objects.get()
    browser = login(csm)
    page = browser.get("/success/").content.decode()
    assert cta.title in page
    assert browser.get(f"/success/ctas/{cta.pk}/close/").status_code == 200
    assert browser.post(f"/success/ctas/{cta.pk}/close/", {"outcome": ""}).status_code == 422
    assert CTA.objects.open().exists()
    browser.post(f"/success/ctas/{cta.pk}/close/", {"outcome": "saved", "note": "New sponsor found."})
    cta.refresh_from_db()
    assert (cta.outcome, cta.outcome_note) == ("saved", "New sponsor found.")
    browser.post(f"/success/ctas/{cta.pk}/close/", {"outcome": "not_real"})
    cta.refresh_from_db()
    assert cta.outcome == "saved"
    assert Event.objects.filter(verb="success.cta_closed").count() == 1


@pytest.mark.parametrize("path", ["/success/", "/success/?owner=all", "/success/tasks/", "/success/outreach/",
                                  "/success/outreach/?state=sent&gate=passed", "/success/playbooks/"])  # fmt: skip
def test_pages_need_a_login_and_show(
    path: str, playbook: Playbook, csm: User, login: Callable[[User], Client]
) -> None:
    assert Client().get(path).status_code == 302
    assert login(csm).get(path).status_code == 200


def test_a_new_installation_gets_its_first_playbook(admin: User, pump: Callable[[], int]) -> None:
    with transaction.atomic():
        INSTALLATION_READY.record(by=SYSTEM, subject_id=admin.pk)
    pump()
    assert set(Playbook.objects.filter(is_active=True).values_list("key", flat=True)) == {
        HEALTH_FELL,
        SAYS_LEAVING,
        SPONSOR_LEFT,
    }


@pytest.mark.parametrize("path", ["/success/?owner=all", "/success/outreach/", "/success/playbooks/{pk}/"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    path: str,
    playbook: Playbook,
    lead_user: User,
    csm: User,
    login: Callable[[User], Client],
    office_hours: Any,
) -> None:
    browser = login(lead_user)
    counts = []
    for number in range(1, 9):
        account = Account.objects.create(name=f"Account {number}", csm=csm)
        person = Contact.objects.create(account=account, name=f"Person {number}", role="champion")
        ContactIdentity.objects.create(contact=person, kind="email", value=f"p{number}@a.example")
        enrol_account(playbook=playbook, account=account, by=SYSTEM, reason="test")
        run_due_steps()
        send_due()
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path.format(pk=playbook.pk)).status_code == 200
        counts.append(len(queries))
    assert len(set(counts[1:])) == 1, counts
