"""Keep a provider's call, raw, before anything reads it."""

import hashlib
import threading
from collections import deque
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from core import nudge
from core.database import urgent_transaction
from tickets.channel import HookRequest
from tickets.models import ChannelPayload, Inbox

# What reading may need besides the body. Signatures have done their work, cookies and addresses are nobody's business.
KEPT_HEADERS = ("content-encoding", "content-type", "user-agent")
MOST_TOGETHER = 50


def keep_payload(*, inbox: Inbox, request: HookRequest, delivery_id: str = "") -> None:
    """Store a verified call: the same delivery (or, without an id, the same content) is one row.

    Returns once the call is committed; the workers are told then. On SQLite, with its one writer at a time, the calls of a burst
    are stored together: one transaction, one wait for the disk, and one of this process that waits for the writers of others.
    """
    name = delivery_id or hashlib.sha256(request.query.encode() + b"\n" + request.body).hexdigest()
    row = ChannelPayload(
        inbox=inbox,
        delivery_id=name[:100],
        method=request.method,
        query=request.query,
        headers={one: request.headers[one] for one in KEPT_HEADERS if one in request.headers},
        content_type=request.content_type[:200],
        body=request.body,
        received_at=timezone.now(),
        next_try_at=timezone.now(),
    )
    if connection.vendor == "sqlite":
        _gathered.keep(row)
    else:
        _insert([row])


@dataclass(eq=False)
class _Call:
    """A row on its way to the database, and what became of it."""

    row: ChannelPayload
    kept: bool = False
    error: Exception | None = None


class _Gathered:
    """The calls that threads of this process want to keep. Whoever gets to write takes those that wait along."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._waiting: deque[_Call] = deque()

    def keep(self, row: ChannelPayload) -> None:
        """Return when the row is committed; raises what the database says."""
        call = _Call(row)
        self._waiting.append(call)
        with self._writing:
            while not call.kept and call.error is None:
                self._write()
        if call.error is not None:
            raise call.error

    def _write(self) -> None:
        # Others append meanwhile, without the lock: each is taken out by itself, so that none is taken out unseen.
        calls = [self._waiting.popleft() for _each in range(min(len(self._waiting), MOST_TOGETHER))]
        if not calls:
            # Whoever asks is no longer in the line and was not served: an error, where the loop would have no end.
            raise InterfaceError("stopped before it was stored")
        try:
            _insert([call.row for call in calls])
        except (OperationalError, InterfaceError) as error:
            # The database is in trouble, not a row.
            for call in calls:
                call.error = error
        except Exception:  # noqa: BLE001 - found out which
            for call in calls:
                _insert_alone(call)
        else:
            for call in calls:
                call.kept = True
        finally:
            for call in calls:
                if not call.kept and call.error is None:
                    call.error = InterfaceError("stopped before it was stored")


def _insert_alone(call: _Call) -> None:
    """A row that the database refuses takes no other one with it."""
    try:
        _insert([call.row])
    except Exception as error:  # noqa: BLE001 - raised where the call was made
        call.error = error
    else:
        call.kept = True


def _insert(rows: list[ChannelPayload]) -> None:
    with urgent_transaction():
        ChannelPayload.objects.bulk_create(rows, ignore_conflicts=True)
        nudge.task_after_commit("tickets.take_payloads", queue="channels")


_gathered = _Gathered()
