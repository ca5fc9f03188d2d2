"""Events of mail: the ledger, the mailboxes, the servers through which answers leave, and the accounts that are signed in."""

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
ANSWER_DELAYED = EventType(
    "tickets.answer_delayed", subject="message", sentence=_("could not hand over the answer yet")
)
PROVIDER_APP_SAVED = EventType(
    "tickets.provider_app_saved", subject="provider_app", sentence=_("saved a mail provider"), feed=False
)
PROVIDER_APP_REMOVED = EventType(
    "tickets.provider_app_removed", subject="provider_app", sentence=_("removed a mail provider"), feed=False
)
MAIL_ACCOUNT_CONNECTED = EventType(
    "tickets.mail_account_connected",
    subject="mail_account",
    sentence=_("signed in a mail account"),
    feed=False,
)
MAIL_ACCOUNT_REMOVED = EventType(
    "tickets.mail_account_removed", subject="mail_account", sentence=_("removed a mail account"), feed=False
)
MAIL_ACCOUNT_EXPIRED = EventType(
    "tickets.mail_account_expired",
    subject="mail_account",
    sentence=_("found the sign-in of a mail account expired"),
    feed=False,
)
OUTGOING_SAVED = EventType(
    "tickets.outgoing_server_saved",
    subject="outgoing_server",
    sentence=_("saved an outgoing mail server"),
    feed=False,
)
OUTGOING_REMOVED = EventType(
    "tickets.outgoing_server_removed",
    subject="outgoing_server",
    sentence=_("removed an outgoing mail server"),
    feed=False,
)
OUTGOING_STATE_CHANGED = EventType(
    "tickets.outgoing_server_state_changed",
    subject="outgoing_server",
    sentence=_("found an outgoing mail server changed"),
    feed=False,
)
OUTGOING_ALARM = EventType(
    "tickets.outgoing_server_alarm",
    subject="outgoing_server",
    sentence=_("raised an alarm about an outgoing mail server"),
    feed=False,
)
