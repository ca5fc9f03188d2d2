"""Tables of tickets."""

from tickets.models.episode import Episode, SatisfactionSurvey
from tickets.models.fields import CustomField, Tag, TicketType
from tickets.models.inbox import Category, Inbox
from tickets.models.macro import Macro
from tickets.models.mail import MailLedger, MessageAlias
from tickets.models.mention import Mention
from tickets.models.message import Attachment, Message
from tickets.models.sla import Escalation, EscalationRule, SLAPolicy, SLAStep, SLAStepRun, SLATarget
from tickets.models.ticket import FieldValue, Status, Ticket, TicketNumber, TicketTag
from tickets.models.work import ChecklistItem, TimeEntry
from tickets.models.writing import AnswerUndo, Draft, Presence

__all__ = [
    "AnswerUndo",
    "Attachment",
    "Category",
    "ChecklistItem",
    "CustomField",
    "Draft",
    "Episode",
    "Escalation",
    "EscalationRule",
    "FieldValue",
    "Inbox",
    "Macro",
    "MailLedger",
    "Mention",
    "Message",
    "MessageAlias",
    "Presence",
    "SLAPolicy",
    "SLAStep",
    "SLAStepRun",
    "SLATarget",
    "SatisfactionSurvey",
    "Status",
    "Tag",
    "Ticket",
    "TicketNumber",
    "TicketTag",
    "TicketType",
    "TimeEntry",
]
