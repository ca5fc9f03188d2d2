"""E-mail as a channel. Its transport (mailboxes, drop folders, SMTP) and its parsing have modules of their own."""

from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from tickets.channel import Capabilities, Channel
from tickets.channels.email.settings import EmailInboxForm
from tickets.models import Message


class EmailChannel(Channel):
    """Mails: in by mailbox or drop folder, out by SMTP."""

    key = "email"
    label = _("E-mail")
    icon = "mail"
    order = 10
    lead = _(
        "A support address. Connect a mailbox to it, or let a mail server put mails into the drop folder."
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        copies=True,
        formatting=True,
        states=frozenset({Message.Delivery.SENT, Message.Delivery.FAILED, Message.Delivery.BOUNCED}),
        threading=_("Our signed address and Message-ID, then the ids a mail refers to."),
        starts=True,
    )
    settings = EmailInboxForm
    answers = True
    sender_kind = "tickets.email_reply"
    watches_itself = True
