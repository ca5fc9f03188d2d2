"""Mails invitations and password links. The link is made when the mail leaves, so no token is ever stored."""

from email.utils import make_msgid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Outbound
from core.outbox import Sender, TemporaryFailure, Withheld
from people.account_links import LIFETIMES, link_url
from people.models import User


class AccountMail(Sender):
    """Payload ``{"user": id or None, "purpose": "invite" or "reset"}``; None is a request for an address nobody has."""

    key = "account_mail"
    label = gettext_lazy("Account mail")

    def prepare(self, outbound: Outbound) -> EmailMessage:
        """Build the mail; raises Withheld when there is nobody to write to or the request is older than its link lives."""
        purpose = outbound.payload["purpose"]
        user = User.objects.filter(pk=outbound.payload["user"], is_active=True).first()
        if user is None:
            raise Withheld("nobody active has this address")
        if timezone.now() - outbound.created_at > LIFETIMES[purpose]:
            raise Withheld("the request is too old")
        context = {
            "user": user,
            "url": link_url(user, purpose),
            "site": urlsplit(settings.SITE_URL).netloc,
            "hours": int(LIFETIMES[purpose].total_seconds() // 3600),
        }
        subject = (
            _("You are invited to CS Ops") if purpose == "invite" else _("Set a new password for CS Ops")
        )
        return EmailMessage(
            subject=subject,
            body=render_to_string(f"people/mail/{purpose}.txt", context),
            to=[user.email],
            headers={
                "Message-ID": make_msgid(domain=urlsplit(settings.SITE_URL).hostname or "localhost"),
                "Auto-Submitted": "auto-generated",
            },
        )

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server; any refusal is tried again later."""
        try:
            prepared.send()
        except OSError as error:  # what SMTP and sockets raise
            raise TemporaryFailure(str(error)) from error
        return str(prepared.extra_headers["Message-ID"])

    def arrived(self, outbound: Outbound) -> bool | None:
        """A second link harms nobody, a missing one does: send again."""
        return False
