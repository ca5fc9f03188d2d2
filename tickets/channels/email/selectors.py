"""Reads of the mail ledger and the mailboxes for people: what came in, where it ended, the raw text of a mail."""

from collections.abc import Mapping

from django.db.models import Count, QuerySet

from people.viewer import Viewer
from tickets.channels.email.services.retry_mail import RETRYABLE
from tickets.models import Mailbox, MailLedger
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
