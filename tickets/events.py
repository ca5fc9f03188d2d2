"""Events of tickets. The mail channel declares its own in ``tickets.channels.email.events``."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

TICKET_CREATED = EventType("tickets.created", subject="ticket", sentence=_("opened the ticket"))
MESSAGE_RECEIVED = EventType("tickets.message_received", subject="message", sentence=_("wrote"))
REPLIED = EventType("tickets.replied", subject="message", sentence=_("answered"))
NOTE_ADDED = EventType("tickets.note_added", subject="message", sentence=_("added a private note"))
ROUTED = EventType("tickets.routed", subject="ticket", sentence=_("routed the ticket"))
ROUTING_CORRECTED = EventType(
    "tickets.routing_corrected", subject="ticket", sentence=_("corrected the routing")
)
ROUTING_CONFIRMED = EventType(
    "tickets.routing_confirmed", subject="ticket", sentence=_("confirmed the routing")
)
ASSIGNED = EventType("tickets.assigned", subject="ticket", sentence=_("assigned the ticket"))
UNASSIGNED = EventType("tickets.unassigned", subject="ticket", sentence=_("returned the ticket to its team"))
STATUS_CHANGED = EventType("tickets.status_changed", subject="ticket", sentence=_("changed the status"))
PRIORITY_CHANGED = EventType("tickets.priority_changed", subject="ticket", sentence=_("changed the priority"))
SENTIMENT_CHANGED = EventType(
    "tickets.sentiment_changed", subject="ticket", sentence=_("changed in mood"), feed=False
)
FIRST_RESPONSE_BREACHED = EventType(
    "tickets.first_response_breached", subject="ticket", sentence=_("missed the promise of a first answer")
)
RESOLUTION_BREACHED = EventType(
    "tickets.resolution_breached", subject="ticket", sentence=_("missed the promise of a solution")
)
DELIVERY_RETRIED = EventType(
    "tickets.delivery_retried", subject="message", sentence=_("sent the answer again")
)
INBOX_SAVED = EventType("tickets.inbox_saved", subject="inbox", sentence=_("saved an inbox"))
CATEGORY_SAVED = EventType("tickets.category_saved", subject="category", sentence=_("saved a category"))
SLA_POLICY_SAVED = EventType(
    "tickets.sla_policy_saved", subject="sla_policy", sentence=_("saved an SLA policy")
)
SLA_POLICY_DELETED = EventType(
    "tickets.sla_policy_deleted", subject="sla_policy", sentence=_("deleted an SLA policy")
)
