"""The outbox: external effects as rows, sent by leased workers.

A sender part handles one kind. The life of a row: *pending* → leased and prepared → *sending* (committed before the
first byte leaves) → *sent*, or back to *pending* after a temporary failure, or *failed*. A row found in *sending* with an
expired lease means that its worker died mid-send: the sender is asked whether the effect arrived; when nobody can tell,
the row becomes *uncertain* and a person decides. A sender that lives and cannot know says so itself (``FateUnknown``). So
nothing is sent twice behind anybody's back.
"""

import logging
import secrets
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core import nudge
from core.actors import Actor
from core.events import OUTBOUND_RETRIED
from core.models import Outbound
from core.registry import Label, Part, Registry

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
# Longer than the hard time limit of a task: while a worker may still be sending, nobody takes the row from it.
SENDING_LEASE = timedelta(seconds=100)
RETRY_SECONDS = (5, 60, 300, 1800, 7200, 18000, 36000)


class TemporaryFailure(Exception):
    """The effect did not happen and may succeed later.

    With ``retry_at`` the sender keeps a schedule of its own, and says itself (PermanentFailure) when it gives up.
    """

    def __init__(self, reason: str = "", *, retry_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.retry_at = retry_at


class PermanentFailure(Exception):
    """The effect did not happen and never will; a person must know."""


class FateUnknown(Exception):
    """The effect may have happened or not, and nobody can tell: a person decides, nothing is tried again."""


class Withheld(Exception):
    """The effect must not happen any more; the text says why."""


_ENDS: dict[type[Exception], Outbound.State] = {
    Withheld: Outbound.State.CANCELLED,
    PermanentFailure: Outbound.State.FAILED,
    FateUnknown: Outbound.State.UNCERTAIN,
}


class Postponed(Exception):
    """The effect must wait until ``until``; the text says why."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.until = until


class Sender(Part):
    """Delivers one kind of outbound row."""

    label: ClassVar[Label] = ""

    def prepare(self, outbound: Outbound) -> Any:
        """Read rows, check that sending is still right and build what is sent; may raise any failure of this module."""
        raise NotImplementedError

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Cause the effect and return the provider's id; raises TemporaryFailure, PermanentFailure or FateUnknown."""
        raise NotImplementedError

    def arrived(self, outbound: Outbound) -> bool | None:
        """After a crash mid-send: whether the effect happened, or None when nobody can tell."""
        return None

    def repeated(self, outbound: Outbound) -> None:
        """Called in the transaction in which a person has a failed or uncertain row sent again: what it changes in ``payload`` is
        kept. ``provider_id`` says that the effect was accepted as a whole before it failed."""

    def delayed(self, outbound: Outbound) -> None:
        """Called in the transaction that lets the row wait until its ``not_before``, for the reason in ``last_error``."""

    def settled(self, outbound: Outbound) -> None:
        """Called in the transaction that gives the row its final state (sent, failed, cancelled or uncertain)."""


senders: Registry[Sender] = Registry(Sender, "outbound")


def enqueue_outbound(
    *,
    kind: str,
    idempotency_key: str,
    payload: Mapping[str, Any],
    account_id: int | None = None,
    ticket_id: int | None = None,
    not_before: datetime | None = None,
    is_new: bool = False,
) -> Outbound:
    """Write the row in the caller's transaction, once per key; a second call with the key returns the first row.

    ``is_new`` says that the key cannot be known, because it names a row of this transaction: then no savepoint guards against
    that. Raises LookupError for an unknown ``kind``.
    """
    senders.get(kind)
    try:
        # Nearly always the key is new: looking first would cost every answer a query.
        with nullcontext() if is_new else transaction.atomic():
            outbound = Outbound.objects.create(
                idempotency_key=idempotency_key,
                kind=kind,
                payload=dict(payload),
                account_id=account_id,
                ticket_id=ticket_id,
                not_before=not_before or timezone.now(),
            )
    except IntegrityError:
        if is_new:
            raise
        return Outbound.objects.get(idempotency_key=idempotency_key)
    if not_before is None:
        nudge.outbound_after_commit()
    return outbound


def cancel_outbound(*, outbound: Outbound, reason: str, untried: bool = False) -> bool:
    """Cancel a row that has not begun to leave; returns whether it was still in time.

    With ``untried`` only one that was never attempted: after a failed attempt nobody knows what has arrived.
    """
    with transaction.atomic():
        waiting = Outbound.objects.filter(pk=outbound.pk, state=Outbound.State.PENDING)
        if untried:
            waiting = waiting.filter(attempts=0)
        cancelled = waiting.update(
            state=Outbound.State.CANCELLED,
            last_error=reason,
            finished_at=timezone.now(),
            # A worker may be preparing the row at this moment: without its lease it cannot go on to send.
            leased_until=None,
            lease_token="",
            updated_at=timezone.now(),
        )
        if cancelled:
            outbound.refresh_from_db()
            senders.get(outbound.kind).settled(outbound)
    return bool(cancelled)


def postpone_outbound(*, rows: QuerySet[Outbound], until: datetime) -> int:
    """Let those of ``rows`` that wait, and that no worker holds, wait until then at least; returns how many were due earlier.

    For a receiver that is down: its other rows need not be tried one by one, and others' rows come to their turn.
    """
    now = timezone.now()
    waiting = rows.filter(
        Q(leased_until=None) | Q(leased_until__lt=now), state=Outbound.State.PENDING, not_before__lt=until
    )
    return waiting.update(not_before=until, updated_at=now)


def retry_outbound(*, outbound: Outbound, by: Actor) -> bool:
    """Send a failed or uncertain row again, on a person's word; returns whether it was in such a state."""
    with transaction.atomic():
        again = Outbound.objects.filter(
            pk=outbound.pk, state__in=[Outbound.State.FAILED, Outbound.State.UNCERTAIN]
        ).update(state=Outbound.State.PENDING, not_before=timezone.now(), attempts=0, finished_at=None)
        if again:
            row = Outbound.objects.select_for_update().get(pk=outbound.pk)
            with suppress(LookupError):  # a row that nobody sends any more says so itself
                senders.get(row.kind).repeated(row)
            row.provider_id = ""
            row.save(update_fields=["payload", "provider_id"])
            OUTBOUND_RETRIED.record(
                by=by, subject_id=outbound.pk, ticket_id=outbound.ticket_id, account_id=outbound.account_id
            )
            nudge.outbound_after_commit()
    return bool(again)


def fail_sent(*, idempotency_key: str, reason: str) -> bool:
    """Note that what a provider had accepted has failed after all, so that a person may have it sent again."""
    sent = Outbound.objects.filter(idempotency_key=idempotency_key, state=Outbound.State.SENT)
    return bool(sent.update(state=Outbound.State.FAILED, last_error=reason[:2000], updated_at=timezone.now()))


def arrived_after_all(*, idempotency_key: str) -> bool:
    """Note that what counted as failed or uncertain has arrived, as its receiver shows: nobody may send it again."""
    doubted = Outbound.objects.filter(
        idempotency_key=idempotency_key, state__in=[Outbound.State.FAILED, Outbound.State.UNCERTAIN]
    )
    return bool(doubted.update(state=Outbound.State.SENT, last_error="", updated_at=timezone.now()))


def is_leaving(*, idempotency_key: str) -> bool:
    """Say whether a row has begun to leave and nobody knows yet how that ended."""
    return Outbound.objects.filter(idempotency_key=idempotency_key, state=Outbound.State.SENDING).exists()


def keep_progress(*, outbound: Outbound, progress: Mapping[str, Any]) -> None:
    """Write into the payload how far the sending of a row has come that this worker holds: what is kept has left.

    Raises FateUnknown when the row is somebody else's by now.
    """
    outbound.payload = {**outbound.payload, **progress}
    if not _advance(outbound, payload=outbound.payload):
        raise FateUnknown("another worker holds this row")


def send_due(*, budget_seconds: float = 40.0) -> int:
    """Send every due row until none is left or the budget is over; returns the number of rows handled."""
    deadline = time.monotonic() + budget_seconds
    handled = 0
    while time.monotonic() < deadline:
        outbound = _claim()
        if outbound is None:
            break
        handled += 1
        try:
            _handle(outbound)
        except (OperationalError, InterfaceError):
            # The row keeps its lease and comes back when it expires.
            logger.warning("database trouble while sending outbound %s", outbound.pk, exc_info=True)
            break
    return handled


def _claim() -> Outbound | None:
    """Lease the oldest due row that nobody holds."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    due = Outbound.objects.filter(
        free, state__in=[Outbound.State.PENDING, Outbound.State.SENDING], not_before__lte=now
    ).order_by("not_before", "pk")
    for candidate in due[:5]:
        token = secrets.token_hex(16)
        claimed = Outbound.objects.filter(free, pk=candidate.pk, state=candidate.state).update(
            leased_until=now + LEASE, lease_token=token
        )
        if claimed:
            candidate.lease_token = token
            return candidate
    return None


def _handle(outbound: Outbound) -> None:
    """Take one leased row through its life."""
    try:
        sender = senders.get(outbound.kind)
    except LookupError as error:
        _settle(outbound, None, Outbound.State.FAILED, error=str(error))
        return
    if outbound.state == Outbound.State.SENDING:
        _recover(outbound, sender)
        return
    try:
        prepared = sender.prepare(outbound)
        if not _begin(outbound):
            return
        outbound.attempts += 1
        provider_id = _send(outbound, sender, prepared)
    except Postponed as error:
        _wait(outbound, sender, until=error.until, reason=str(error))
    except (Withheld, PermanentFailure, FateUnknown) as error:
        _settle(outbound, sender, _ENDS[type(error)], error=str(error))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - an unknown failure is shown on the row and retried like a temporary one
        _retry_later(outbound, sender, error)
    else:
        _settle(outbound, sender, Outbound.State.SENT, provider_id=provider_id)


def _send(outbound: Outbound, sender: Sender, prepared: Any) -> str:
    """Let the effect happen. The end of the task's time is like the death of its worker: the effect may have happened."""
    try:
        return sender.send(outbound, prepared)
    except SoftTimeLimitExceeded as error:
        arrived = sender.arrived(outbound)
        if arrived:
            return ""
        words = "the time was over while sending"
        raise (FateUnknown if arrived is None else TemporaryFailure)(words) from error


def _begin(outbound: Outbound) -> bool:
    """Commit that the first byte is about to leave; returns False when the row is not ours any more."""
    return _advance(
        outbound,
        state=Outbound.State.SENDING,
        attempts=F("attempts") + 1,
        leased_until=timezone.now() + SENDING_LEASE,
    )


def _recover(outbound: Outbound, sender: Sender) -> None:
    """Decide about a row whose worker died between the first byte and the final state."""
    arrived = sender.arrived(outbound)
    if arrived:
        _settle(outbound, sender, Outbound.State.SENT)
    elif arrived is None:
        _settle(outbound, sender, Outbound.State.UNCERTAIN, error="the sender stopped while sending")
    else:
        _advance(outbound, state=Outbound.State.PENDING, leased_until=None)


def _retry_later(outbound: Outbound, sender: Sender, error: Exception) -> None:
    """Schedule the next attempt with back-off, or give up after the last one."""
    if not isinstance(error, TemporaryFailure):
        logger.warning("outbound %s failed", outbound.pk, exc_info=error)
    retry_at = error.retry_at if isinstance(error, TemporaryFailure) else None
    if retry_at is None:
        if outbound.attempts >= len(RETRY_SECONDS):
            _settle(outbound, sender, Outbound.State.FAILED, error=str(error))
            return
        retry_at = timezone.now() + timedelta(seconds=RETRY_SECONDS[max(outbound.attempts - 1, 0)])
    _wait(outbound, sender, until=retry_at, reason=str(error))


def _wait(outbound: Outbound, sender: Sender, *, until: datetime, reason: str) -> None:
    """Let the row wait, and let the sender show it, in one transaction."""
    with transaction.atomic():
        waits = _advance(
            outbound,
            state=Outbound.State.PENDING,
            not_before=until,
            leased_until=None,
            last_error=reason[:2000],
        )
        if waits:
            outbound.refresh_from_db()
            sender.delayed(outbound)


def _advance(outbound: Outbound, **values: Any) -> bool:
    """Change the row while its lease is ours; returns False when somebody else has taken it."""
    mine = Outbound.objects.filter(pk=outbound.pk, lease_token=outbound.lease_token)
    return bool(mine.update(updated_at=timezone.now(), **values))


def _settle(
    outbound: Outbound,
    sender: Sender | None,
    state: Outbound.State,
    *,
    error: str = "",
    provider_id: str = "",
) -> None:
    """Give the row its final state and let the sender write what follows, in one transaction."""
    with transaction.atomic():
        settled = _advance(
            outbound,
            state=state,
            last_error=error[:2000],
            provider_id=provider_id[:255],
            finished_at=timezone.now(),
            leased_until=None,
        )
        if settled and sender is not None:
            outbound.refresh_from_db()
            sender.settled(outbound)
