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
MAILBOX_SAVED = EventType(
    "tickets.mailbox_saved", subject="mailbox", sentence=_("saved a mailbox"), feed=False
)
MAILBOX_REMOVED = EventType(
    "tickets.mailbox_removed", subject="mailbox", sentence=_("removed a mailbox"), feed=False
)
MAILBOX_STATE_CHANGED = EventType(
    "tickets.mailbox_state_changed", subject="mailbox", sentence=_("found a mailbox changed"), feed=False
)
MAILBOX_RENUMBERED = EventType(
    "tickets.mailbox_renumbered",
    subject="mailbox",
    sentence=_("listed a mailbox again that the server had numbered anew"),
    feed=False,
)
MAILBOX_LOOK_REQUESTED = EventType(
    "tickets.mailbox_look_requested", subject="mailbox", sentence=_("had a mailbox looked at"), feed=False
)
MAILBOX_ALARM = EventType(
    "tickets.mailbox_alarm", subject="mailbox", sentence=_("raised an alarm about a mailbox"), feed=False
)
