"""Tables of the ground floor."""

from core.models.approval import Approval
from core.models.calendar import Calendar
from core.models.event import Event, EventBlock, EventDetail, EventPosition, Sequencer
from core.models.heartbeat import Heartbeat
from core.models.idempotency import IdempotencyRecord
from core.models.job import Job, JobLog
from core.models.notification import Notification, NotificationPreference
from core.models.outbound import Outbound
from core.models.search import SearchDocument, SearchWord
from core.models.setting import Setting
from core.models.subscription import DeadLetter, SubscriberPosition

__all__ = [
    "Approval",
    "Calendar",
    "DeadLetter",
    "Event",
    "EventBlock",
    "EventDetail",
    "EventPosition",
    "Heartbeat",
    "IdempotencyRecord",
    "Job",
    "JobLog",
    "Notification",
    "NotificationPreference",
    "Outbound",
    "SearchDocument",
    "SearchWord",
    "Sequencer",
    "Setting",
    "SubscriberPosition",
]
