"""Reads for people: the mail ledger, mailboxes, outgoing servers, accounts that are signed in."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from people.viewer import Viewer
from tickets.channels.email.services.retry_mail import RETRYABLE
from tickets.channels.email.services.send_mail import server_key
from tickets.models import (
    Inbox,
    MailAccount,
    Mailbox,
    MailLedger,
    OutgoingServer,
    ProviderApp,
    SendingPause,
)
from tickets.stored_files import read_file

MAX_RAW_CHARS = 200_000


def mails(viewer: Viewer, *, state: str = "", inbox_id: int | None = None) -> QuerySet[MailLedger]:
    """The mails of the ledger that a viewer sees, newest first; ``state`` and ``inbox_id`` narrow the list."""
    found = MailLedger.objects.visible_to(viewer).select_related("inbox", "ticket").order_by("-pk")
    if state:
        found = found.filter(state=state)
    return found.filter(inbox_id=inbox_id) if inbox_id is not None else found


def mailboxes(viewer: Viewer) -> QuerySet[Mailbox]:
    """The mailboxes that a viewer may look at, with their inboxes."""
    return Mailbox.objects.visible_to(viewer).select_related("inbox").order_by("inbox__name", "pk")


def mail_counts(viewer: Viewer) -> Mapping[str, int]:
    """How many mails a viewer sees in each state that has any."""
    rows = MailLedger.objects.visible_to(viewer).order_by().values("state").annotate(count=Count("pk"))
    return {row["state"]: row["count"] for row in rows}


def raw_text(mail: MailLedger) -> str:
    """The raw mail as text to read, at most ``MAX_RAW_CHARS``; bytes that are no text show as their Latin-1 letters.

    The caller has found ``mail`` through ``mails(viewer)``. Raises FileNotFoundError when the raw mail is gone.
    """
    raw = read_file(mail.storage_key)[: 4 * MAX_RAW_CHARS]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    readable = "".join(
        one if one.isprintable() or one in "\t\n" else "\ufffd" for one in text.replace("\r\n", "\n")
    )
    return readable[:MAX_RAW_CHARS]


def can_retry(mail: MailLedger, viewer: Viewer) -> bool:
    """Whether ``retry_mail`` would take this mail from this viewer."""
    return mail.state in RETRYABLE and viewer.can("tickets.edit")


def provider_apps(viewer: Viewer) -> QuerySet[Any]:
    """The providers of mail with ``account_count`` and ``expired_count`` of their accounts."""
    expired = Q(accounts__state=MailAccount.State.EXPIRED)
    return ProviderApp.objects.visible_to(viewer).annotate(
        account_count=Count("accounts"), expired_count=Count("accounts", filter=expired)
    )


def mail_accounts(viewer: Viewer) -> QuerySet[MailAccount]:
    """The accounts that are signed in, with how many mailboxes and outgoing servers use each (``used_by``)."""
    used = Count("mailboxes", distinct=True) + Count("outgoing", distinct=True)
    return MailAccount.objects.visible_to(viewer).select_related("app").annotate(used_by=used)


def outgoing_of(viewer: Viewer, inbox: Inbox) -> OutgoingServer | None:
    """The outgoing server of an inbox; None where answers leave by the common one."""
    return (
        OutgoingServer.objects.visible_to(viewer)
        .select_related("inbox", "account")
        .filter(inbox=inbox)
        .first()
    )


def pauses_of(outgoing: OutgoingServer) -> Sequence[SendingPause]:
    """What is left alone just now: the server (empty domain) or domains of recipients."""
    rows = SendingPause.objects.filter(server=server_key(outgoing), until__gt=timezone.now())
    return list(rows.order_by("domain")[:50])
