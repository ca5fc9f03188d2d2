"""Events of the mail ledger."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

MAIL_QUARANTINED = EventType(
    "tickets.mail_quarantined", subject="mail", sentence=_("quarantined a mail"), feed=False
)
MAIL_RETRIED = EventType("tickets.mail_retried", subject="mail", sentence=_("tried a mail again"), feed=False)
MESSAGE_BOUNCED = EventType(
    "tickets.message_bounced", subject="message", sentence=_("could not be delivered")
)
AUTOMATIC_REPLY_RECEIVED = EventType(
    "tickets.automatic_reply_received", subject="mail", sentence=_("answered automatically")
)
POSSIBLE_REPLY_RECEIVED = EventType(
    "tickets.possible_reply_received", subject="ticket", sentence=_("may belong to another ticket")
)
ANSWER_SENT = EventType("tickets.answer_sent", subject="message", sentence=_("sent the answer"), feed=False)
ANSWER_FAILED = EventType("tickets.answer_failed", subject="message", sentence=_("could not send the answer"))
