"""Reads everything the send gate looks at for one outreach mail."""

from datetime import datetime, timedelta

from django.db.models import OuterRef, Q, Subquery

from customers.models import ConsentEvent, Contact
from success.exit_rules import exit_reason
from success.gate import GateFacts
from success.limits import current_policy, is_outreach_on
from success.models import Outreach, SendDecision
from tickets.models import Message, Ticket

LONGEST_WINDOW = timedelta(days=30)
DEAD = (ConsentEvent.Status.BOUNCED, ConsentEvent.Status.COMPLAINED)


def gate_facts(outreach: Outreach, now: datetime) -> GateFacts:
    """Return the facts as they are now. Needs contact, account and enrolment (with playbook) loaded."""
    contact, account = outreach.contact, outreach.account
    enrolment = outreach.enrolment
    return GateFacts(
        now=now,
        jitter_key=f"outreach:{outreach.pk}",
        planned_at=outreach.created_at,
        expires_at=outreach.expires_at,
        is_switched_on=is_outreach_on(),
        exit_reason=exit_reason(enrolment, now) if enrolment else "",
        consent=consent_status(contact, outreach.channel, outreach.topic),
        dead_address=dead_address(contact, outreach.channel),
        has_address=bool(contact.email),
        contact_left=contact.left_at is not None,
        contact_moved=contact.merged_into_id is not None or contact.account_id != account.pk,
        account_churned=account.lifecycle == account.Lifecycle.CHURNED,
        urgent_ticket=_urgent_ticket(account.pk),
        last_negative_at=_last_negative_at(account.pk, now),
        contact_sends=tuple(_sends(outreach, Q(contact_id=contact.pk), now)),
        account_sends=tuple(_sends(outreach, Q(account_id=account.pk), now)),
        zones=(contact.timezone, account.timezone, "UTC"),
        policy=current_policy(),
    )


def consent_status(contact: Contact, channel: str, topic: str) -> str:
    """Return the status that holds for a topic (the last event decides), "" when nothing was recorded."""
    events = ConsentEvent.objects.filter(contact=contact, channel=channel, topic=topic)
    return events.order_by("-pk").values_list("status", flat=True).first() or ""


def dead_address(contact: Contact, channel: str) -> str:
    """Return bounced or complained when that is the last word on the address in any topic, else ""."""
    spoken = ConsentEvent.objects.filter(contact=contact, channel=channel).exclude(
        status=ConsentEvent.Status.WITHDRAWN
    )
    last = spoken.order_by("-pk").values_list("status", flat=True).first() or ""
    return last if last in DEAD else ""


def _urgent_ticket(account_id: int) -> str:
    tickets = Ticket.objects.active().filter(account_id=account_id, priority=Ticket.Priority.URGENT)
    number = tickets.order_by("pk").values_list("number", flat=True).first()
    return "" if number is None else f"#{number}"


def _last_negative_at(account_id: int, now: datetime) -> datetime | None:
    """Return when the account last wrote an unhappy message within the two days before ``now``."""
    messages = Message.objects.filter(
        ticket__account_id=account_id,
        kind=Message.Kind.INBOUND,
        sentiment_label__in=("negative", "angry"),
        created_at__gt=now - timedelta(hours=48),
    )
    return messages.order_by("-created_at").values_list("created_at", flat=True).first()


def _sends(outreach: Outreach, whose: Q, now: datetime) -> list[datetime]:
    """Return when other mails left; a mail that has passed the gate and is leaving counts as now."""
    others = Outreach.objects.filter(whose).exclude(pk=outreach.pk)
    sent = others.filter(
        state__in=[Outreach.State.SENT, Outreach.State.UNCERTAIN], sent_at__gt=now - LONGEST_WINDOW
    ).values_list("sent_at", flat=True)
    latest = SendDecision.objects.filter(outreach=OuterRef("pk")).order_by("-pk").values("verdict")[:1]
    leaving = (
        others.filter(state=Outreach.State.PLANNED).annotate(latest=Subquery(latest)).filter(latest="send")
    )
    return [moment for moment in sent if moment is not None] + [now] * leaving.count()
