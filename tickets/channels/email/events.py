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
