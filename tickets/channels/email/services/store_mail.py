"""Keep a mail, raw, before anything looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from tickets.channels.email.header_values import one_line
from tickets.models import Inbox, MailLedger
from tickets.stored_files import store_files


@dataclass(frozen=True)
class Arrived:
    """A mail as it came. ``source`` says where from (file name, UID, provider's id).

    With ``refusal`` it goes into quarantine at once, for this reason; ``raw`` may then be a part of it.
    """

    raw: bytes
    received_at: datetime
    source: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class RawMail:
    """A mail whose bytes are on disk (``keep_raw``)."""

    sha256: str
    storage_key: str
    size: int
    received_at: datetime
    source: str = ""
    refusal: str = ""


def keep_raw(mails: Sequence[Arrived]) -> list[RawMail]:
    """Write raw mails to disk, durably, outside of any transaction. Raises OSError when they cannot be kept."""
    places = store_files([mail.raw for mail in mails])
    return [
        RawMail(sha256, key, len(mail.raw), mail.received_at, mail.source, mail.refusal)
        for (sha256, key), mail in zip(places, mails, strict=True)
    ]


def enter_mails(mails: Sequence[RawMail], *, inbox: Inbox) -> tuple[dict[str, int], set[int]]:
    """Enter mails into the ledger, in three queries; the same bytes in the same inbox are one row.

    Returns the id of the row by SHA-256, and the ids of the rows that are new.
    """
    rows = MailLedger.objects.filter(inbox=inbox, sha256__in={mail.sha256 for mail in mails}).order_by()
    before = dict(rows.values_list("sha256", "pk"))
    fresh = {mail.sha256: mail for mail in reversed(mails) if mail.sha256 not in before}
    MailLedger.objects.bulk_create(
        [_row(mail, inbox) for mail in reversed(fresh.values())], ignore_conflicts=True
    )
    after = dict(rows.values_list("sha256", "pk")) if fresh else before
    return after, set(after.values()) - set(before.values())


def store_mail(
    *, raw: bytes, inbox: Inbox, source: str = "", received_at: datetime | None = None
) -> tuple[MailLedger, bool]:
    """Return the ledger row of a mail and whether it is new; the same bytes in the same inbox are one row.

    When this returns, the raw mail is on disk and the row is committed, so the source may forget it. Raises OSError when the
    raw mail cannot be kept.
    """
    [mail] = keep_raw([Arrived(raw, received_at or timezone.now(), source)])
    wanted = _row(mail, inbox)
    return MailLedger.objects.get_or_create(
        inbox=inbox,
        sha256=mail.sha256,
        defaults={name: getattr(wanted, name) for name in ("source", "storage_key", "size", "received_at")},
    )


def _row(mail: RawMail, inbox: Inbox) -> MailLedger:
    refused = bool(mail.refusal)
    return MailLedger(
        inbox=inbox,
        sha256=mail.sha256,
        storage_key=mail.storage_key,
        size=mail.size,
        source=one_line(mail.source, 1_000)[-255:],
        received_at=mail.received_at,
        state=MailLedger.State.QUARANTINED if refused else MailLedger.State.RECEIVED,
        error=mail.refusal[:500],
        processed_at=timezone.now() if refused else None,
    )
