"""E-mail as a channel. Its transport (mailboxes, drop folders, SMTP) and its parsing have modules of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tickets.channel import Arrival, Capabilities, Channel, Connection, HookRequest
from tickets.channels.email.mail_providers import provider_of, read_call, verify_call
from tickets.channels.email.settings import EmailInboxForm
from tickets.macro_variables import unknown_variables
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

    secrets = ("provider_key", "provider_secret", "hook_secret")
    # Django keeps larger forms out; a provider is told 413 and bounces the mail.
    largest_call = 10_000_000

    def has_hook(self, config: Mapping[str, Any]) -> bool:
        """Providers that send and receive over the web call us."""
        return provider_of(config) is not None

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Refuse variables that there are not, and a provider without its keys; a missing rule is "brand"."""
        for name in ("answer_header", "answer_footer"):
            unknown = unknown_variables(config.get(name) or "")
            if unknown:
                words = _("There is no variable of this name: %s") % ", ".join(unknown)
                raise ValidationError({name: words})
        provider = provider_of(config)
        for setting in provider.keys.values() if provider is not None else ():
            if not (config.get(setting) or secrets.get(setting)):
                raise ValidationError({setting: _("This provider needs it.")})
        if "sender_rule" in config:
            config["sender_rule"] = config["sender_rule"] or "brand"
        return config

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """The provider's signature, else the user and password in the address that it calls."""
        verify_call(connection, request)

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Mails (``?inbound``), and what became of ours."""
        return read_call(connection, payload)
