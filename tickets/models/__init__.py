"""Tables of tickets."""

from tickets.models.assignment import TeamQueue
from tickets.models.call import Call
from tickets.models.channel import (
    ChannelHealth,
    ChannelPayload,
    ChannelTemplate,
    ChannelThread,
    ChannelTraffic,
    ProviderMessage,
)
from tickets.models.chat import ChatEntry, ChatSession
from tickets.models.episode import Episode, SatisfactionSurvey
from tickets.models.escalation import Escalation, EscalationRule, SLAStepRun
from tickets.models.export import TicketExport
from tickets.models.fields import CustomField, Tag, TicketType
from tickets.models.forecast import TicketForecast
from tickets.models.inbox import Category, Inbox
from tickets.models.lists import (
    BulkAct,
    BulkItem,
    CountedTicket,
    ListColumns,
    SavedView,
    ViewCount,
)
from tickets.models.macro import Macro
from tickets.models.mail import MailLedger, MessageAlias
from tickets.models.mail_server import MailAccount, OutgoingServer, ProviderApp, Security, SendingPause
from tickets.models.mailbox import Mailbox, MailboxMail
from tickets.models.mention import Mention
from tickets.models.message import Attachment, Message
from tickets.models.signal import ConversationSignal
from tickets.models.similar import Incident, IncidentTicket, SimilarTickets
from tickets.models.sla import SLAPolicy, SLAPolicyVersion, SLAStep, SLATarget
from tickets.models.stored_file import StoredFile
from tickets.models.structure import CarbonCopy, Follower, TicketLink, TicketMerge
from tickets.models.tag_suggestion import TagSuggestion
from tickets.models.ticket import FieldValue, Status, Ticket, TicketNumber, TicketTag
from tickets.models.topic import TopicChange
from tickets.models.web_form import FormCount, FormFile, FormSubmission
from tickets.models.work import ChecklistItem, TimeEntry
from tickets.models.writing import AnswerUndo, Draft, Presence

__all__ = [
    "AnswerUndo",
    "Attachment",
    "BulkAct",
    "BulkItem",
    "Call",
    "CarbonCopy",
    "Category",
    "ChannelHealth",
    "ChannelPayload",
    "ChannelTemplate",
    "ChannelThread",
    "ChannelTraffic",
    "ChatEntry",
    "ChatSession",
    "ChecklistItem",
    "ConversationSignal",
    "CountedTicket",
    "CustomField",
    "Draft",
    "Episode",
    "Escalation",
    "EscalationRule",
    "FieldValue",
    "Follower",
    "FormCount",
    "FormFile",
    "FormSubmission",
    "Inbox",
    "Incident",
    "IncidentTicket",
    "ListColumns",
    "Macro",
    "MailAccount",
    "MailLedger",
    "Mailbox",
    "MailboxMail",
    "Mention",
    "Message",
    "MessageAlias",
    "OutgoingServer",
    "Presence",
    "ProviderApp",
    "ProviderMessage",
    "SLAPolicy",
    "SLAPolicyVersion",
    "SLAStep",
    "SLAStepRun",
    "SLATarget",
    "SatisfactionSurvey",
    "SavedView",
    "Security",
    "SendingPause",
    "SimilarTickets",
    "Status",
    "StoredFile",
    "Tag",
    "TagSuggestion",
    "TeamQueue",
    "Ticket",
    "TicketExport",
    "TicketForecast",
    "TicketLink",
    "TicketMerge",
    "TicketNumber",
    "TicketTag",
    "TicketType",
    "TimeEntry",
    "TopicChange",
    "ViewCount",
]
