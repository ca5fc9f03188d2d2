"""Keep a mail, raw, before anything looks at it."""

from datetime import datetime

from django.utils import timezone

from tickets.channels.email.header_values import one_line
from tickets.models import Inbox, MailLedger
from tickets.stored_files import store_file


def store_mail(
    *, raw: bytes, inbox: Inbox, source: str = "", received_at: datetime | None = None
) -> tuple[MailLedger, bool]:
    """Return the ledger row of a mail and whether it is new; the same bytes in the same inbox are one row.

    ``source`` says where the mail came from (file name, UID, provider's id). When this returns, the raw mail is on disk
    and the row is committed, so the source may forget it. Raises OSError when the raw mail cannot be kept.
    """
    sha256, key = store_file(raw)
    return MailLedger.objects.get_or_create(
        inbox=inbox,
        sha256=sha256,
        defaults={
            "source": one_line(source, 1_000)[-255:],
            "storage_key": key,
            "size": len(raw),
            "received_at": received_at or timezone.now(),
        },
    )
