"""Tell one member of staff something, on the channels that the person has chosen."""

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from core.actors import Actor
from core.events import MAX_DEPTH, NOTIFIED
from core.models import Event, Notification, NotificationPreference
from core.notifications import channels_of, mail_due_at


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
    """Write one notification, once per (person, verb, event); returns whether it is new.

    ``verb`` is the verb of the event the notification is about, ``cause`` that event, ``group`` what is marked read
    together (for example ``account:7``). ``kind`` is a ``core.notifications.NotificationKind``: the person's preferences say
    whether it is shown, mailed, both or neither; without a kind it is shown.
    """
    with transaction.atomic():
        preference = NotificationPreference.objects.filter(user_id=user_id).first()
        in_app, by_mail = channels_of(kind, preference)
        if not in_app and not by_mail:
            return False
        values = {
            "text": text[:300],
            "url": url[:300],
            "group": group[:80],
            "kind": kind,
            "in_app": in_app,
            "mail_due_at": mail_due_at(preference, _zone_of(user_id), timezone.now()) if by_mail else None,
        }
        if cause is None:
            Notification.objects.create(user_id=user_id, verb=verb, **values)
            created = True
        else:
            _row, created = Notification.objects.get_or_create(
                user_id=user_id, verb=verb, event_id=cause.pk, defaults=values
            )
        if created and in_app:
            # Nothing follows from it, so the end of a long chain of events may still be told.
            known = cause if cause is not None and cause.depth < MAX_DEPTH else None
            NOTIFIED.record(by=by, subject_id=user_id, detail={"verb": verb}, cause=known)
    return created


def _zone_of(user_id: int) -> str:
    zone = get_user_model().objects.filter(pk=user_id).values_list("timezone", flat=True).first()
    return zone or "UTC"
