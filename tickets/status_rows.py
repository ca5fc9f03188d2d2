"""The statuses: a handful of rows that nearly every act asks for."""

from core.kept_rows import KEEP_LONG_SECONDS, KeptRows
from tickets.models import Status

_kept = KeptRows(
    lambda: {status.pk: status for status in Status.objects.all()}, Status, seconds=KEEP_LONG_SECONDS
)


def status_of(key: str) -> Status:
    """Return the status with this key; raises Status.DoesNotExist."""
    return find_status(key) or Status.objects.get(pk=key)


def find_status(key: str) -> Status | None:
    """Return the status with this key, None when there is none."""
    return _kept.get().get(key)


def statuses() -> list[Status]:
    """Return every status in its order."""
    return list(_kept.get().values())
