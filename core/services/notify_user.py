"""Tell members of staff something, on the channels that each of them has chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from core.actors import Actor
from core.events import MAX_DEPTH, NOTIFIED
from core.models import Event, Notification, NotificationPreference
from core.notifications import channels_of, kind_of, mail_due_at


@dataclass(frozen=True)
class Notice:
    """What one person is told, once per (person, verb, event).

    ``verb`` is the verb of the event it is about, ``cause`` that event, ``group`` what is marked read together (for example
    ``account:7``). ``kind`` is a ``core.notifications.NotificationKind``; without one, the kind that knows the verb.
    """

    user_id: int
    text: str
    verb: str
    url: str = ""
    cause: Event | None = None
    group: str = ""
    kind: str = ""


def notify_user(
    *,
    user_id: int,
    by: Actor,
    text: str,
    url: str = "",
    verb: str,
    cause: Event | None = None,
    group: str = "",
    kind: str = "",
) -> bool:
    """Write one notification (see ``Notice``); returns whether it is new and wanted.

    The person's preferences say whether it is shown, mailed, both or neither; of no known kind, it is shown.
    """
    notice = Notice(user_id=user_id, text=text, url=url, verb=verb, cause=cause, group=group, kind=kind)
    return notify_people(notices=[notice], by=by) == 1


@transaction.atomic
def notify_people(*, notices: Sequence[Notice], by: Actor) -> int:
    """Write many notifications and return how many are new and wanted. Beside one event for each, the number of
    queries does not grow with them."""
    if not notices:
        return 0
    user_ids = {notice.user_id for notice in notices}
    preferences = {row.user_id: row for row in NotificationPreference.objects.filter(user_id__in=user_ids)}
    zones = dict(
        get_user_model().objects.filter(pk__in=user_ids, is_active=True).values_list("pk", "timezone")
    )
    known = _known(notices)
    now = timezone.now()
    rows, causes = [], []
    for notice in notices:
        place = (notice.user_id, notice.verb, notice.cause.pk if notice.cause else None)
        if notice.user_id not in zones or place in known:
            continue
        preference = preferences.get(notice.user_id)
        kind = notice.kind or kind_of(notice.verb)
        in_app, by_mail = channels_of(kind, preference)
        if not in_app and not by_mail:
            continue
        if notice.cause is not None:
            known.add(place)
        rows.append(
            Notification(
                user_id=notice.user_id,
                kind=kind,
                verb=notice.verb,
                event_id=place[2],
                text=notice.text[:300],
                url=notice.url[:300],
                group=notice.group[:80],
                in_app=in_app,
                mail_due_at=mail_due_at(preference, zones[notice.user_id], now) if by_mail else None,
            )
        )
        causes.append(notice.cause)
    Notification.objects.bulk_create(rows, batch_size=500)
    for row, cause in zip(rows, causes, strict=True):
        if row.in_app:
            # Nothing follows from it, so the end of a long chain of events may still be told.
            reason = cause if cause is not None and cause.depth < MAX_DEPTH else None
            NOTIFIED.record(by=by, subject_id=row.user_id, detail={"verb": row.verb}, cause=reason)
    return len(rows)


def _known(notices: Sequence[Notice]) -> set[tuple[int, str, int | None]]:
    """What has been told before: an event that is delivered again tells nobody twice."""
    event_ids = {notice.cause.pk for notice in notices if notice.cause is not None}
    if not event_ids:
        return set()
    rows = Notification.objects.filter(
        event_id__in=event_ids, user_id__in={notice.user_id for notice in notices}
    )
    return set(rows.values_list("user_id", "verb", "event_id"))
