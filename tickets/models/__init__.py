"""Tables of tickets."""

from tickets.models.fields import CustomField, Tag, TicketType
from tickets.models.inbox import Category, Inbox
from tickets.models.mail import MailLedger, MessageAlias
from tickets.models.message import Attachment, Message
from tickets.models.sla import SLAPolicy, SLATarget
from tickets.models.ticket import FieldValue, Status, Ticket, TicketNumber, TicketTag

__all__ = [
    "Attachment",
    "Category",
    "CustomField",
    "FieldValue",
    "Inbox",
    "MailLedger",
    "Message",
    "MessageAlias",
    "SLAPolicy",
    "SLATarget",
    "Status",
    "Tag",
    "Ticket",
    "TicketNumber",
    "TicketTag",
    "TicketType",
]
