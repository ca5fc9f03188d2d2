"""Compare a mailbox with the ledger: which mails the server has and we have not.

Every UID from the first one that counts up to the last one that was read (POP3: every name) must be in the ledger. That nothing
is lost is thereby found on the server itself, every hour, and not believed.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from tickets.channels.email.imap_session import UIDS_AT_ONCE, ImapSession
from tickets.channels.email.pop3_session import Pop3Session
from tickets.channels.email.server_connection import ServerTrouble
from tickets.channels.email.services.fetch_mailbox import VISIT_SECONDS, windows
from tickets.channels.email.services.list_pop3 import lost_numbers
from tickets.channels.email.services.look_at_mailbox import (
    LeaseLost,
    State,
    claim,
    hold,
    raise_alarm,
    release,
    session_of,
    write,
)
from tickets.models import Mailbox, MailboxMail

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
# So many missing UIDs are named; all are counted.
MOST_NAMED = 500
_SETTLED = (MailboxMail.Outcome.KEPT, MailboxMail.Outcome.BEFORE)


@dataclass(frozen=True)
class Reconciliation:
    """How many mails the server has that count, and the UIDs of those that are missing here."""

    server_count: int
    missing: Sequence[int]


def reconcile_mailbox(*, mailbox_id: int) -> Reconciliation | None:
    """Compare one mailbox and write the result on its row; None when it could not be done now.

    That is so while it is being fetched, has never been read, cannot be reached (which the next visit notes), or was numbered
    anew by its server (the next visit lists it again).
    """
    box = claim(mailbox_id)
    if box is None:
        return None
    try:
        with session_of(box, seconds=VISIT_SECONDS) as session:
            found = _compare(box, session)
        if found is None:
            return None
        _write_result(box, found)
    except ServerTrouble as trouble:
        logger.warning("mailbox %s could not be reconciled: %s", box.pk, trouble.code)
        return None
    except LeaseLost:
        return None
    finally:
        release(box)
    return found


def reconcile_due_mailboxes(*, until: datetime | None = None) -> int:
    """Compare the mailboxes whose last comparison is an hour old, until the time is over; returns how many were compared."""
    due = Mailbox.objects.filter(
        Q(reconciled_at=None) | Q(reconciled_at__lt=timezone.now() - EVERY), state=State.OK
    )
    done = 0
    for mailbox_id in list(due.order_by("reconciled_at", "pk").values_list("pk", flat=True)):
        if until is not None and timezone.now() >= until:
            break
        try:
            done += reconcile_mailbox(mailbox_id=mailbox_id) is not None
        except (DatabaseError, OSError):
            logger.exception("mailbox %s could not be reconciled", mailbox_id)
    return done


def _compare(box: Mailbox, session: ImapSession | Pop3Session) -> Reconciliation | None:
    """None when the server has numbered its mails anew, or they have never been listed."""
    if isinstance(session, Pop3Session):
        if box.uidvalidity is None:
            return None
        names = session.names()
        return Reconciliation(len(names), lost_numbers(box, names))
    if session.open_folder(box.folder).uidvalidity != box.uidvalidity:
        return None
    count = 0
    missing: list[int] = []
    rows = MailboxMail.objects.filter(mailbox=box, uidvalidity=box.uidvalidity or 0, outcome__in=_SETTLED)
    for first, last in windows(box.first_uid, box.last_uid, UIDS_AT_ONCE):
        uids = session.uids(first, last)
        count += len(uids)
        missing += sorted(uids - set(rows.filter(uid__range=(first, last)).values_list("uid", flat=True)))
    return Reconciliation(count, missing)


@transaction.atomic
def _write_result(box: Mailbox, found: Reconciliation) -> None:
    hold(box)
    write(
        box,
        reconciled_at=timezone.now(),
        server_count=found.server_count,
        missing_count=len(found.missing),
        missing=list(found.missing[:MOST_NAMED]),
    )
    if found.missing and not box.alarm:
        raise_alarm(box, Mailbox.Alarm.MISSING)
    elif not found.missing and box.alarm == Mailbox.Alarm.MISSING:
        write(box, alarm="")
