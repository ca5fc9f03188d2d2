"""How much may be sent by forms: from one network, for one address, through one form. Chats count here, too.

Counts are rows, so they hold over all web processes; each is of one stretch of time and is thrown away after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from core.networks import network_of
from tickets.channels.web.form import WebForm
from tickets.models import FormCount


class TooMany(Exception):
    """There is no room now; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Limit:
    """``most`` within each stretch of ``seconds``, for what ``who`` names."""

    name: str
    seconds: int
    most: int
    who: str


def limits_of(form: WebForm, *, network: str, address: str) -> list[Limit]:
    """Return the limits that a submission falls under. An address is written to by us: strangers must not have us flood it."""
    network = network_of(network)
    return [
        Limit("network", 600, 10, network),
        Limit("network", 86_400, 60, network),
        Limit("address", 3600, 5, address),
        Limit("address", 86_400, 10, address),
        Limit("form", 3600, form.hourly_limit, str(form.inbox.pk)),
    ]


def ensure_room(limits: Sequence[Limit], amount: int = 1) -> None:
    """Raise TooMany when ``amount`` more would be over one of the limits. One query."""
    _refuse_full(limits, _counts(limits), amount)


def take_room(limits: Sequence[Limit], amount: int = 1) -> None:
    """Count one submission, or ``amount``, under every limit, in the caller's transaction; raises TooMany, then nothing is to be
    kept."""
    _refuse_full(limits, lock_counts(limits), amount)
    for key, begins_at in _places(limits):
        FormCount.objects.filter(key=key, begins_at=begins_at).update(count=F("count") + amount)


def lock_counts(limits: Sequence[Limit]) -> dict[tuple[str, datetime], int]:
    """Lock the counts until the end of the transaction: the same thing sent twice at once comes one after the other."""
    places = sorted(_places(limits))
    rows = [FormCount(key=key, begins_at=begins_at) for key, begins_at in places]
    FormCount.objects.bulk_create(rows, ignore_conflicts=True)
    return _counts(limits, lock=True)


def forget_old_counts() -> int:
    """Delete the counts that no limit looks at any more; returns how many."""
    return FormCount.objects.filter(begins_at__lt=timezone.now() - timedelta(days=2)).delete()[0]


def _counts(limits: Sequence[Limit], *, lock: bool = False) -> dict[tuple[str, datetime], int]:
    places = _places(limits)
    rows = FormCount.objects.filter(key__in=[key for key, _begins_at in places]).order_by("key", "begins_at")
    if lock:
        rows = rows.select_for_update()
    return {(row.key, row.begins_at): row.count for row in rows if (row.key, row.begins_at) in set(places)}


def _refuse_full(limits: Sequence[Limit], counts: dict[tuple[str, datetime], int], amount: int) -> None:
    waits = [
        (place[1] + timedelta(seconds=limit.seconds) - timezone.now()).total_seconds()
        for limit, place in zip(limits, _places(limits), strict=True)
        if counts.get(place, 0) + amount > limit.most
    ]
    if waits:
        raise TooMany(max(1, int(max(waits))))


def _places(limits: Sequence[Limit]) -> list[tuple[str, datetime]]:
    now = timezone.now().timestamp()
    return [
        (
            salted_hmac("tickets.web_form.flood", f"{one.name}:{one.seconds}:{one.who}", algorithm="sha256").hexdigest(),
            datetime.fromtimestamp(now // one.seconds * one.seconds, UTC),
        )
        for one in limits
    ]  # fmt: skip
