"""What the playbook did in the past of the demo world: enrolments, mails with their verdicts, and tasks with outcomes.

The falls come from the health history, the verdicts from the product's own gate with the facts of that moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from core.formatting import band_label, plain
from core.models import Setting
from core.services.record_history import PastEvent, record_history
from cs_ops.demo.companies import SYSTEM, Customers, staff
from cs_ops.demo.latent import stream
from customers.models import Account, ConsentEvent, Contact
from health.models import HealthSnapshot
from success.due_dates import business_days_after
from success.events import (
    ACCOUNT_ENROLLED,
    CTA_CLOSED,
    CTA_OPENED,
    ENROLMENT_ENDED,
    OUTREACH_PLANNED,
    OUTREACH_SENT,
    OUTREACH_WITHHELD,
)
from success.gate import Decision, GateFacts, Verdict, decide
from success.holdout import SALT_KEY, is_held_out
from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision, StepRun
from success.variables import fill, values_for
from tickets.models import Message, Ticket

HOLDOUT_PERCENT = 10
COOLDOWN = timedelta(days=60)
OUTCOMES = {
    "saved": ("New sponsor named, plan agreed for the quarter.", "Two open tickets solved, they stay.",
              "Training booked for the dispatchers, usage is back."),
    "not_real": ("Holidays in the whole region, nothing else.", "They moved work to the app, usage was counted late."),
    "unsavable": ("They have decided for another product.", "The team that used it was dissolved."),
    "done": ("Called, they are aware and will come back to us.",),
}  # fmt: skip


@dataclass
class _Past:
    """Everything gathered before it is written."""

    enrolments: list[Enrolment] = field(default_factory=list)
    runs: list[StepRun] = field(default_factory=list)
    mails: list[Outreach] = field(default_factory=list)
    decisions: list[SendDecision] = field(default_factory=list)
    ctas: list[CTA] = field(default_factory=list)
    sent: dict[int, list[datetime]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fall:
    """An account's health fell to red on a day."""

    account: Account
    on: date
    old_band: str
    score: float
    changes: list[Any]


def add_outreach(seed: int, customers: Customers, playbook: Playbook, now: datetime) -> int:
    """Write the playbook's past, oldest first; returns how many accounts entered. Falls of today are not history."""
    Setting.objects.update_or_create(key=SALT_KEY, defaults={"value": f"demo-{seed}"})
    Playbook.objects.filter(pk=playbook.pk).update(holdout_percent=HOLDOUT_PERCENT)
    past = _Past()
    accounts = Account.objects.select_related("csm").in_bulk([one.account.pk for one in customers.companies])
    people = {company.account.pk: company.contacts for company in customers.companies}
    entered: dict[int, datetime] = {}
    for fall in sorted(_falls(accounts), key=lambda one: (one.on, one.account.pk)):
        at = datetime.combine(fall.on + timedelta(days=1), time(7, 30), UTC)
        before = entered.get(fall.account.pk)
        if at > now - timedelta(hours=20) or (before is not None and at - before < COOLDOWN):
            continue
        entered[fall.account.pk] = at
        _enter(
            past,
            stream(seed, "outreach", fall.account.pk, fall.on.isoformat()),
            playbook,
            fall,
            people,
            at,
            now,
        )
    past.ctas += _renewal_tasks(accounts, now)
    with transaction.atomic():
        _write(past)
    return len(past.enrolments)


def _renewal_tasks(accounts: dict[int, Account], now: datetime) -> Iterator[CTA]:
    """Yield the tasks that CSMs have set themselves for renewals of the next two months: an offer three weeks before."""
    for account in accounts.values():
        days = (account.renewal_on - now.date()).days if account.renewal_on else 999
        if account.churned_on is None and account.csm is not None and 0 < days <= 60:
            yield CTA(
                kind=CTA.Kind.LIFECYCLE,
                account=account,
                title="Prepare the renewal offer",
                reason=f"Renewal on {account.renewal_on:%d %b}, in {days} days",
                reason_key=f"renewal:{account.renewal_on}",
                owner=account.csm,
                due_on=business_days_after(now.date() + timedelta(days=max(0, days - 21)), 0),
                created_at=now - timedelta(days=75 - days),
            )


def _falls(accounts: dict[int, Account]) -> Iterator[Fall]:
    """Yield each move of the weekly history into the red band."""
    rows = HealthSnapshot.objects.filter(account_id__in=accounts).order_by("account_id", "as_of")
    account_id, band = 0, ""
    for pk, on, now_band, score, changes in rows.values_list(
        "account_id", "as_of", "band", "score", "changes"
    ):
        if pk != account_id:
            account_id, band = pk, ""
        if now_band == "at_risk" and band in ("healthy", "steady", "watch"):
            yield Fall(accounts[pk], on, band, score or 0.0, changes)
        band = now_band


def _enter(
    past: _Past,
    rng: np.random.Generator,
    playbook: Playbook,
    fall: Fall,
    people: dict[int, list[Contact]],
    at: datetime,
    now: datetime,
) -> None:
    account = fall.account
    reason = (
        f"Health fell from {band_label(fall.old_band)} to {band_label('at_risk')} (score {plain(fall.score)})"
    )
    held = is_held_out(scope=playbook.key, account_id=account.pk, percent=HOLDOUT_PERCENT)
    enrolment = Enrolment(
        playbook=playbook,
        playbook_version=playbook.version,
        steps=playbook.steps,
        account=account,
        state=Enrolment.State.CONTROL if held else Enrolment.State.DONE,
        reason=reason,
        evidence={"old_band": fall.old_band, "new_band": "at_risk", "score": fall.score, "changes": fall.changes[:3],
                  "trigger": playbook.trigger},
        step_index=0 if held else len(playbook.steps),
        exit_reason="Control group: nothing is done." if held else "",
        entered_at=at,
        ended_at=at if held else at + timedelta(seconds=40),
    )  # fmt: skip
    past.enrolments.append(enrolment)
    if held:
        return
    task, mail = playbook.steps[0], playbook.steps[1]
    name = account.csm.name if account.csm else ""
    due = business_days_after(at.date(), int(task["due_business_days"]))
    told = f"Opened a task for {name}, due {due}." if name else "Opened a task; the account has no CSM."
    past.runs.append(StepRun(enrolment=enrolment, index=0, kind="cta", outcome=told, ran_at=at))
    past.ctas.append(_task(rng, enrolment, task["title"], due, at, now))
    roles = mail["roles"]
    present = [
        one for one in people[account.pk] if one.role in roles and (one.left_at is None or one.left_at > at)
    ]
    contact = min(present, key=lambda one: (roles.index(one.role), one.pk), default=None)
    if contact is None:
        told = "No contact with a fitting role and an address."
    else:
        told = f"Planned a mail to {contact.name}."
        enrolment.contact = contact
        _mail(past, enrolment, contact, mail, at)
    past.runs.append(StepRun(enrolment=enrolment, index=1, kind="email", outcome=told, ran_at=at))


def _task(
    rng: np.random.Generator, enrolment: Enrolment, title: str, due: date, at: datetime, now: datetime
) -> CTA:
    """A task of the past is closed unless it is young or the account is still red and nobody got to it."""
    account = enrolment.account
    age = now - at
    red = account.health_band == Account.Band.AT_RISK
    cta = CTA(
        account=account,
        enrolment=enrolment,
        title=title,
        reason=enrolment.reason,
        reason_key=f"playbook:{enrolment.playbook.key}",
        evidence=[{"at": at.isoformat(), "reason": enrolment.reason}],
        owner=account.csm,
        due_on=due,
        created_at=at,
    )
    if age < timedelta(days=30) and (red or rng.random() < 0.5):
        return cta
    gone = account.churned_on is not None
    outcome = str(rng.choice(list(OUTCOMES), p=[0.05, 0.05, 0.75, 0.15] if gone else [0.5, 0.2, 0.05, 0.25]))
    cta.outcome = outcome
    cta.outcome_note = str(rng.choice(OUTCOMES[outcome]))
    cta.closed_at = min(at + timedelta(days=float(rng.uniform(1, 12))), now - timedelta(hours=2))
    return cta


def _mail(past: _Past, enrolment: Enrolment, contact: Contact, step: dict[str, Any], at: datetime) -> None:
    """Ask the gate as the outbox would have: at once, and again whenever it said to wait."""
    account = enrolment.account
    values = values_for(contact, account)
    outreach = Outreach(
        enrolment=enrolment,
        account=account,
        contact=contact,
        topic=step["topic"],
        step_key="step-1",
        subject=fill(step["subject"], values)[:200],
        body=fill(step["body"], values),
        created_at=at,
        expires_at=at + timedelta(days=int(step["expires_days"])),
    )
    past.mails.append(outreach)
    moment: datetime | None = at
    while moment is not None:
        decision = decide(_facts(past, outreach, moment))
        past.decisions.append(
            SendDecision(outreach=outreach, verdict=decision.verdict.value, gate=decision.gate.value,
                         detail=decision.detail[:300], until=decision.until, decided_at=moment)
        )  # fmt: skip
        moment = decision.until
        _settle(past, outreach, decision, past.decisions[-1].decided_at)


def _settle(past: _Past, outreach: Outreach, decision: Decision, at: datetime) -> None:
    if decision.verdict is Verdict.SEND:
        outreach.state, outreach.sent_at = Outreach.State.SENT, at
        past.sent.setdefault(outreach.contact.pk, []).append(at)
    elif decision.verdict is Verdict.WITHHOLD:
        outreach.state = Outreach.State.WITHHELD


def _facts(past: _Past, outreach: Outreach, moment: datetime) -> GateFacts:
    contact, account = outreach.contact, outreach.account
    said = (
        ConsentEvent.objects.filter(contact=contact, topic=outreach.topic, at__lte=moment)
        .order_by("-pk")
        .first()
    )
    return GateFacts(
        now=moment,
        jitter_key=f"demo:{contact.pk}",
        planned_at=outreach.created_at,
        expires_at=outreach.expires_at,
        consent=said.status if said else "",
        last_negative_at=_last_negative(account.pk, moment),
        urgent_ticket=_urgent(account.pk, moment),
        contact_sends=tuple(past.sent.get(contact.pk, ())),
        zones=(contact.timezone, account.timezone, "UTC"),
        account_churned=account.churned_on is not None and account.churned_on <= moment.date(),
    )


def _last_negative(account_id: int, moment: datetime) -> datetime | None:
    rows = Message.objects.filter(
        ticket__account_id=account_id, kind=Message.Kind.INBOUND, sentiment_label="negative", created_at__lte=moment,
        created_at__gt=moment - timedelta(hours=48),
    )  # fmt: skip
    return rows.order_by("-created_at").values_list("created_at", flat=True).first()


def _urgent(account_id: int, moment: datetime) -> str:

    rows = Ticket.objects.filter(account_id=account_id, priority="urgent", created_at__lte=moment)
    open_then = rows.exclude(resolved_at__lte=moment).order_by("pk").values_list("number", flat=True).first()
    return "" if open_then is None else f"#{open_then}"


def _write(past: _Past) -> None:
    Enrolment.objects.bulk_create(past.enrolments)
    StepRun.objects.bulk_create(past.runs)
    Outreach.objects.bulk_create(past.mails)
    SendDecision.objects.bulk_create(past.decisions)
    CTA.objects.bulk_create(past.ctas)
    for cta in past.ctas:
        if cta.closed_at is None:
            Account.objects.filter(pk=cta.account_id).update(next_step=cta.title)
    record_history(events=list(_events(past)))


def _events(past: _Past) -> Iterator[PastEvent]:
    for enrolment in past.enrolments:
        ids = {"account_id": enrolment.account_id}
        arm = "control" if enrolment.state == Enrolment.State.CONTROL else "treated"
        detail = {"playbook": enrolment.playbook.name, "reason": enrolment.reason, "arm": arm}
        yield PastEvent(ACCOUNT_ENROLLED, SYSTEM, enrolment.pk, enrolment.entered_at, detail=detail, **ids)
        if arm == "treated" and enrolment.ended_at is not None:
            ended = {"playbook": enrolment.playbook.name, "state": enrolment.state, "reason": ""}
            yield PastEvent(ENROLMENT_ENDED, SYSTEM, enrolment.pk, enrolment.ended_at, detail=ended, **ids)
    for mail in past.mails:
        ids = {"account_id": mail.account_id}
        told = {"subject": mail.subject, "to": mail.contact.name}
        yield PastEvent(OUTREACH_PLANNED, SYSTEM, mail.pk, mail.created_at, detail=told, **ids)
        last = [one for one in past.decisions if one.outreach is mail][-1]
        kind = OUTREACH_SENT if mail.state == Outreach.State.SENT else OUTREACH_WITHHELD
        yield PastEvent(kind, SYSTEM, mail.pk, last.decided_at, detail={**told, "reason": last.detail}, **ids)
    for cta in past.ctas:
        ids = {"account_id": cta.account_id}
        yield PastEvent(CTA_OPENED, SYSTEM, cta.pk, cta.created_at, **ids,
                        detail={"title": cta.title, "reason": cta.reason})  # fmt: skip
        if cta.closed_at is not None:
            closed = {"title": cta.title, "outcome": cta.outcome, "note": cta.outcome_note}
            yield PastEvent(CTA_CLOSED, staff(cta.owner_id), cta.pk, cta.closed_at, detail=closed, **ids)
