"""Plan the acknowledgement of mails that opened tickets, and say why one must not leave."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import enqueue_outbound
from tickets.acknowledgements import (
    ADDRESS_REFILL,
    ADDRESS_TOKENS,
    BREAKER_LEAST,
    BREAKER_TIMES,
    FRESH,
    SENDER_KIND,
    key_start,
    outbound_key,
    rules_of,
    tokens_left,
)
from tickets.channels.email.mail_facts import is_doubtful
from tickets.families import family_ids
from tickets.models import Inbox, MailLedger, Message, Ticket
from tickets.services.save_acknowledgement import pause_acknowledgement


@transaction.atomic
def plan_acknowledgements(*, ticket_ids: Collection[int]) -> int:
    """Plan one for each of these tickets whose first mail may be acknowledged; returns how many. Once, however often called."""
    tickets = Ticket.objects.filter(pk__in=ticket_ids, channel="email").select_related("inbox", "contact")
    return sum(_plan(ticket) for ticket in tickets.order_by("pk"))


def _plan(ticket: Ticket) -> bool:
    message = ticket.messages.filter(kind=Message.Kind.INBOUND).order_by("pk").first()
    if message is None or why_not(ticket, message):
        return False
    address = address_of(message)
    now = timezone.now()
    if _written_lately(ticket, address, now):
        return False
    inbox = ticket.inbox
    assert inbox is not None  # noqa: S101 - ``why_not`` has looked
    too_many = _too_many(inbox, now)
    if too_many:
        pause_acknowledgement(inbox_id=inbox.pk, why=too_many)
        return False
    enqueue_outbound(
        kind=SENDER_KIND,
        idempotency_key=outbound_key(address, message.pk),
        payload={"message": message.pk, "inbox": inbox.pk},
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
    )
    return True


def why_not(ticket: Ticket, message: Message) -> str:
    """Say why the mail that opened a ticket gets no acknowledgement, empty when it may. Asked when planning and when sending.

    The ticket comes with its inbox.
    """
    inbox = ticket.inbox
    rules = None if inbox is None else rules_of(inbox)
    refusals = (
        (
            inbox is None or rules is None or not inbox.is_active or not rules.is_on,
            _("the inbox acknowledges nothing"),
        ),
        (rules is not None and bool(rules.paused_at), _("the acknowledgement of the inbox is paused")),
        (message.channel != "email" or message.is_automatic, _("no person wrote")),
        (is_doubtful(message.facts), _("the mail is not from whom it claims to be")),
        (timezone.now() - message.created_at > FRESH, _("the mail is old")),
        (ticket.merged_into_id is not None, _("the ticket was merged")),
        (not address_of(message), _("nobody knows where it came from")),
        (ticket.messages.filter(kind=Message.Kind.OUTBOUND).exists(), _("somebody has answered")),
    )
    return next((reason for is_so, reason in refusals if is_so), "")


def address_of(message: Message) -> str:
    """The address that a mail came from, in lower case; empty for one of our own inboxes and where there is no ledger row."""
    row = MailLedger.objects.filter(message=message).order_by("pk").first()
    address = "" if row is None else row.sender.lower()
    own = Inbox.objects.filter(address__iexact=address).exists() if address else False
    return "" if own else address


def _written_lately(ticket: Ticket, address: str, now: datetime) -> bool:
    """Whether this ticket was acknowledged to the address within a day, or the address has used up its tokens."""
    since = now - max(timedelta(days=1), ADDRESS_REFILL * ADDRESS_TOKENS)
    rows = Outbound.objects.filter(
        idempotency_key__startswith=key_start(address), created_at__gt=since
    ).exclude(state=Outbound.State.CANCELLED)
    if rows.filter(ticket_id__in=family_ids(ticket), created_at__gt=now - timedelta(days=1)).exists():
        return True
    return tokens_left(list(rows.values_list("created_at", flat=True)), now) < 1


def _too_many(inbox: Inbox, now: datetime) -> str:
    """The words for an inbox that has acknowledged far more within the hour than in any hour of the week before."""
    rows = Outbound.objects.filter(kind=SENDER_KIND, payload__inbox=inbox.pk)
    within_hour = rows.filter(created_at__gt=now - timedelta(hours=1)).count()
    if within_hour < BREAKER_LEAST:
        return ""
    hours = (
        rows.filter(created_at__gt=now - timedelta(days=7), created_at__lte=now - timedelta(hours=1))
        .annotate(hour=TruncHour("created_at"))
        .order_by()
        .values("hour")
        .annotate(count=Count("pk"))
    )
    busiest = max((row["count"] for row in hours), default=0)
    if within_hour < max(BREAKER_LEAST, BREAKER_TIMES * busiest):
        return ""
    return _("%(count)d within one hour; the busiest hour of the week before had %(busiest)d.") % {
        "count": within_hour,
        "busiest": busiest,
    }
