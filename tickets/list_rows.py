"""The row of a ticket in a list: what it shows and the columns that this needs.

A list draws fifty of them at once, so a row reads few columns, joins only what is large (contact and account) and takes the
names of statuses, teams, categories and colleagues from what the process keeps (``core.kept_rows``).
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, Value, When

from customers.models import ContactIdentity
from people.names import team_name, user_name
from people.viewer import Viewer
from tickets.category_names import category_name
from tickets.models import Draft, Ticket
from tickets.status_rows import status_of
from tickets.ticket_facts import SlaFacts, sla_of

_COLUMNS = (
    "number", "subject", "channel", "version", "status", "category", "team", "assignee", "priority", "routing_state",
    "sentiment_label", "escalation_level", "unread", "last_message_at", "last_message_preview", "last_message_inbound",
    "created_at", "waiting_since", "value_at_risk", "breach_probability",
    "sla_policy", "due_order", "next_due_at", "first_responded_at",
    "first_response_due_at", "first_response_breached_at", "next_response_due_at", "next_response_breached_at",
    "resolution_due_at", "resolution_breached_at", "contact__name", "contact__erased_at", "account__name",
    "account__currency",
)  # fmt: skip


@dataclass(frozen=True)
class TicketRow:
    """One row of a list, from one query and two prefetches for the whole page. ``at`` is the last message's time."""

    id: int
    number: int
    subject: str
    contact: str
    account: str
    account_id: int | None
    channel: str
    at: datetime
    last_line: str
    from_us: bool
    unread: bool
    status: str
    status_category: str
    priority: str
    category: str
    team: str
    assignee: str
    assignee_id: int | None
    routing_state: str
    sentiment: str
    sla: SlaFacts
    escalation_level: int
    waiting_since: datetime | None
    value_at_risk: float | None
    currency: str
    version: int
    has_draft: bool = False


def with_row_columns(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Load what ``row_of`` shows and what lists are ordered by: one query."""
    addresses = ContactIdentity.objects.filter(contact=OuterRef("contact"), kind="email").order_by("pk")
    return (
        tickets.select_related("contact", "account")
        .only(*_COLUMNS)
        .annotate(
            contact_address=Case(
                When(contact__name="", then=Subquery(addresses.values("value")[:1])), default=Value("")
            )
        )
    )


def with_draft_marks(tickets: QuerySet[Ticket], viewer: Viewer) -> QuerySet[Ticket]:
    """Mark, in the same query, the tickets on which the viewer has begun to write."""
    begun = Draft.objects.filter(
        ticket=OuterRef("pk"), user_id=viewer.user_id or 0, state=Draft.State.DRAFT
    ).exclude(body="", files=[])
    return tickets.annotate(has_draft=Exists(begun))


def row_of(ticket: Ticket) -> TicketRow:
    """Make a row from a ticket loaded by ``with_row_columns``; no query."""
    account = ticket.account
    status = ticket.status = status_of(ticket.status_id or "")
    return TicketRow(
        id=ticket.pk,
        number=ticket.number,
        subject=ticket.subject,
        contact=_contact_name(ticket),
        account=account.name if account else "",
        account_id=ticket.account_id,
        channel=ticket.channel,
        at=ticket.last_message_at,
        last_line=ticket.last_message_preview,
        from_us=not ticket.last_message_inbound,
        unread=ticket.unread,
        status=status.key,
        status_category=status.category,
        priority=ticket.priority,
        category=category_name(ticket.category_id),
        team=team_name(ticket.team_id),
        assignee=user_name(ticket.assignee_id),
        assignee_id=ticket.assignee_id,
        routing_state=ticket.routing_state,
        sentiment=ticket.sentiment_label,
        sla=sla_of(ticket),
        escalation_level=ticket.escalation_level,
        waiting_since=ticket.waiting_since,
        value_at_risk=None if account is None else ticket.value_at_risk,
        currency=account.currency if account else "",
        version=ticket.version,
        has_draft=getattr(ticket, "has_draft", False),
    )


def _contact_name(ticket: Ticket) -> str:
    """The contact in words; an address stands for a missing name."""
    contact = ticket.contact
    if contact.name or contact.erased_at is not None:
        return str(contact)
    return ticket.contact_address or ""  # type: ignore[attr-defined]
