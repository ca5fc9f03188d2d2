"""Tables of tickets."""

from tickets.models.inbox import Category, Inbox
from tickets.models.mail import MailLedger, MessageAlias
from tickets.models.message import Attachment, Message
from tickets.models.sla import SLAPolicy, SLATarget
from tickets.models.ticket import Status, Ticket, TicketNumber

__all__ = [
    "Attachment",
    "Category",
    "Inbox",
    "MailLedger",
    "Message",
    "MessageAlias",
    "SLAPolicy",
    "SLATarget",
    "Status",
    "Ticket",
    "TicketNumber",
]
