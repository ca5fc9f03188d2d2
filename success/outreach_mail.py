"""Builds the mail of one outreach: fixed Message-ID, unsubscribe headers of RFC 8058 and RFC 2369, plain text with footer."""

from datetime import datetime
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse
from django.utils.translation import gettext as _

from success.models import Outreach
from success.unsubscribe_tokens import token_for
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.outgoing import OutgoingMail, build_mail
from tickets.models import Inbox


def sender_mailbox(outreach: Outreach) -> MailAddress:
    """Return the mailbox outreach comes from: the first active mail inbox, else DEFAULT_FROM_EMAIL, named after the CSM."""
    inbox = Inbox.objects.filter(is_active=True).exclude(address="").order_by("pk").first()
    default_name, default_address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    address = inbox.address if inbox else default_address
    name = (inbox.from_name or inbox.name) if inbox else default_name
    csm = outreach.account.csm
    return MailAddress(f"{csm.name} ({name})" if csm and name else (csm.name if csm else name), address)


def message_id_for(outreach: Outreach, domain: str) -> str:
    """Return the one Message-ID this outreach ever has: a repeat after a crash is recognised as the same mail."""
    tail = token_for(outreach).rpartition(".")[2][:16].lower()
    return f"<csops.outreach.{outreach.pk}.{tail}@{domain}>"


def unsubscribe_url(outreach: Outreach) -> str:
    """Return the address of the page where the recipient says no."""
    return str(settings.SITE_URL) + reverse("unsubscribe", args=[token_for(outreach)])


def build_outreach_mail(outreach: Outreach, now: datetime) -> EmailMultiAlternatives:
    """Return the mail of a stored outreach. Raises ``UnsafeHeader`` when a name or subject would break a header."""
    sender = sender_mailbox(outreach)
    domain = sender.address.rpartition("@")[2]
    url = unsubscribe_url(outreach)
    host = settings.SITE_URL.partition("//")[2].partition(":")[0]
    return build_mail(
        OutgoingMail(
            message_id=outreach.message_id or message_id_for(outreach, domain),
            sender=sender,
            to=[MailAddress(outreach.contact.name, outreach.contact.email)],
            subject=outreach.subject,
            text=f"{outreach.body.rstrip()}\n\n-- \n{_footer(url)}",
            sent_at=now,
            reply_to=sender.address,
            automatic="auto-generated",
            extra_headers={
                "List-ID": f"<{outreach.topic}.outreach.{host or domain}>",
                "List-Unsubscribe": (
                    f"<{url}>, <mailto:{sender.address}?subject=unsubscribe%20{token_for(outreach)}>"
                ),
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )
    )


def _footer(url: str) -> str:
    return _("You get this mail because you agreed to mails from us. To stop them: %(url)s") % {"url": url}
