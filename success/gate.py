"""The send gate: may this outreach mail leave now? A pure function over facts, asked at the moment of sending.

The gates stand in a fixed order and the first that objects decides: switch, enrolment, consent, hard suppression, soft
suppression, pressure, quiet hours. Reading the facts is ``success.gate_facts``'s business.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from core.calendars import OpeningHours
from core.formatting import absolute

DAY = timedelta(days=1)
SOFT_LIMIT = timedelta(days=7)
SWITCH_RECHECK = timedelta(hours=1)
URGENT_RECHECK = timedelta(hours=6)
NEGATIVE_MEMORY = timedelta(hours=48)
JITTER_SECONDS = 20 * 60


class Verdict(StrEnum):
    """Outcome of one pass; the values are those of ``SendDecision.verdict``."""

    SEND = "send"
    DEFER = "defer"
    WITHHOLD = "withhold"


class Gate(StrEnum):
    """Names of the gates in their order; ``passed`` stands for all of them."""

    SWITCH = "switch"
    ENROLMENT = "enrolment"
    CONSENT = "consent"
    HARD = "hard_suppression"
    SOFT = "soft_suppression"
    PRESSURE = "pressure"
    QUIET = "quiet_hours"
    PASSED = "passed"


@dataclass(frozen=True)
class GatePolicy:
    """Limits a lead may change. Caps are mails per rolling window; hours are local, Monday to Friday unless ``days``."""

    contact_per_day: int = 1
    contact_per_week: int = 2
    contact_per_month: int = 6
    account_per_week: int = 5
    opens: str = "09:00"
    closes: str = "17:00"
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateFacts:
    """Everything the gate looks at, read in one go.

    ``consent`` is the status that holds for the mail's topic (granted, withdrawn, bounced, complained) or "" when nothing
    was ever recorded. ``dead_address`` says that the address bounced or complained about any topic. Sends are the moments
    of other mails to the contact and to the account that left or are leaving. ``zones`` are tried in order.
    """

    now: datetime
    jitter_key: str
    planned_at: datetime
    expires_at: datetime
    is_switched_on: bool = True
    exit_reason: str = ""
    consent: str = "granted"
    dead_address: str = ""
    has_address: bool = True
    contact_left: bool = False
    contact_moved: bool = False
    account_churned: bool = False
    urgent_ticket: str = ""
    last_negative_at: datetime | None = None
    contact_sends: Sequence[datetime] = ()
    account_sends: Sequence[datetime] = ()
    zones: Sequence[str] = ()
    policy: GatePolicy = field(default_factory=GatePolicy)


@dataclass(frozen=True)
class Decision:
    """What the gate says, which gate said it, why, and until when to wait."""

    verdict: Verdict
    gate: Gate
    detail: str
    until: datetime | None = None


def decide(facts: GateFacts) -> Decision:
    """Return the verdict of the first gate that objects, else SEND.

    A wait past ``expires_at`` (for soft suppression: past seven days after planning) becomes WITHHOLD.
    """
    for check in _CHECKS:
        decision = check(facts)
        if decision is not None:
            return _within_patience(facts, decision)
    zone = _zone(facts.zones).key
    return Decision(
        Verdict.SEND, Gate.PASSED, _("All gates passed; local time zone %(zone)s.") % {"zone": zone}
    )


def _within_patience(facts: GateFacts, decision: Decision) -> Decision:
    """Turn a deferral that would end too late into a withholding by the same gate."""
    if decision.verdict is not Verdict.DEFER or decision.until is None:
        return decision
    latest = facts.expires_at
    if decision.gate is Gate.SOFT:
        latest = min(latest, facts.planned_at + SOFT_LIMIT)
    if decision.until <= latest:
        return decision
    detail = _("%(why)s The mail would be too late by then (limit %(limit)s).") % {
        "why": decision.detail,
        "limit": absolute(latest),
    }
    return Decision(Verdict.WITHHOLD, decision.gate, detail)


def _switch(facts: GateFacts) -> Decision | None:
    if facts.is_switched_on:
        return None
    return Decision(Verdict.DEFER, Gate.SWITCH, _("Outreach is switched off."), facts.now + SWITCH_RECHECK)


def _enrolment(facts: GateFacts) -> Decision | None:
    if facts.exit_reason:
        return Decision(Verdict.WITHHOLD, Gate.ENROLMENT, facts.exit_reason)
    if facts.now > facts.expires_at:
        return Decision(Verdict.WITHHOLD, Gate.ENROLMENT, _("The mail had waited too long."))
    return None


def _consent(facts: GateFacts) -> Decision | None:
    if facts.consent:
        return None
    return Decision(Verdict.WITHHOLD, Gate.CONSENT, _("The contact has never agreed to mails on this topic."))


def _hard_suppression(facts: GateFacts) -> Decision | None:
    reasons = [
        (not facts.has_address, _("The contact has no e-mail address.")),
        (facts.consent == "withdrawn", _("The contact has unsubscribed from this topic.")),
        ("bounced" in (facts.consent, facts.dead_address), _("The address has bounced.")),
        (
            "complained" in (facts.consent, facts.dead_address),
            _("The contact has complained about our mail."),
        ),
        (facts.contact_left, _("The contact has left the company.")),
        (facts.contact_moved, _("The contact no longer belongs to this account.")),
        (facts.account_churned, _("The account is no longer a customer.")),
    ]
    why = next((text for applies, text in reasons if applies), None)
    return None if why is None else Decision(Verdict.WITHHOLD, Gate.HARD, why)


def _soft_suppression(facts: GateFacts) -> Decision | None:
    if facts.urgent_ticket:
        why = _("The urgent ticket %(ticket)s is open.") % {"ticket": facts.urgent_ticket}
        return Decision(Verdict.DEFER, Gate.SOFT, why, facts.now + URGENT_RECHECK)
    if facts.last_negative_at is not None and facts.last_negative_at + NEGATIVE_MEMORY > facts.now:
        why = _("The customer wrote an unhappy message on %(day)s.") % {
            "day": absolute(facts.last_negative_at)
        }
        return Decision(Verdict.DEFER, Gate.SOFT, why, facts.last_negative_at + NEGATIVE_MEMORY)
    return None


def _pressure(facts: GateFacts) -> Decision | None:
    policy = facts.policy
    limits = [
        (
            facts.contact_sends,
            policy.contact_per_day,
            1,
            _("The contact got %(n)s mails within %(days)s days."),
        ),
        (
            facts.contact_sends,
            policy.contact_per_week,
            7,
            _("The contact got %(n)s mails within %(days)s days."),
        ),
        (
            facts.contact_sends,
            policy.contact_per_month,
            30,
            _("The contact got %(n)s mails within %(days)s days."),
        ),
        (
            facts.account_sends,
            policy.account_per_week,
            7,
            _("The account got %(n)s mails within %(days)s days."),
        ),
    ]
    waits = [
        (until, text % {"n": cap, "days": days})
        for sends, cap, days, text in limits
        if (until := free_again_at(sends, cap, days * DAY, facts.now)) is not None
    ]
    if not waits:
        return None
    until, why = max(waits)
    return Decision(Verdict.DEFER, Gate.PRESSURE, why, until)


def _quiet_hours(facts: GateFacts) -> Decision | None:
    zone = _zone(facts.zones)
    slot = next_slot(facts.now, zone, facts.policy, facts.jitter_key)
    if slot is None:
        return None
    local = facts.now.astimezone(zone).strftime("%a %H:%M")
    why = _("It is %(local)s for the contact (%(zone)s).") % {"local": local, "zone": zone.key}
    return Decision(Verdict.DEFER, Gate.QUIET, why, slot)


_CHECKS: tuple[Callable[[GateFacts], Decision | None], ...] = (
    _switch,
    _enrolment,
    _consent,
    _hard_suppression,
    _soft_suppression,
    _pressure,
    _quiet_hours,
)


def free_again_at(sends: Sequence[datetime], cap: int, window: timedelta, now: datetime) -> datetime | None:
    """Return when fewer than ``cap`` sends lie in the rolling ``window`` (now − window, now]; None when it is so now.

    With a cap of 0 nothing may be sent: the answer is ``now + window``, again and again.
    """
    recent = sorted((moment for moment in sends if moment > now - window), reverse=True)
    if len(recent) < cap:
        return None
    return recent[cap - 1] + window if cap else now + window


def next_slot(now: datetime, zone: ZoneInfo, policy: GatePolicy, jitter_key: str) -> datetime | None:
    """Return None inside the sending hours, else the next opening plus 0 to 20 minutes that follow from ``jitter_key``."""
    hours = OpeningHours.parse(
        timezone=zone.key,
        windows={str(day): [[policy.opens, policy.closes]] for day in policy.days},
        holidays=policy.holidays,
    )
    if hours.is_open(now):
        return None
    jitter = int.from_bytes(hashlib.sha256(jitter_key.encode()).digest()[:4], "big") % (JITTER_SECONDS + 1)
    return hours.next_opening(now) + timedelta(seconds=jitter)


def _zone(names: Sequence[str]) -> ZoneInfo:
    """Return the first usable zone, UTC at last."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
