"""Tell one member of staff something inside the product."""

from django.db import transaction

from core.actors import Actor
from core.events import NOTIFIED
from core.models import Event, Notification


def notify_user(
    *,
    user_id: int,
    by: Actor,
    text: str,
    url: str = "",
    verb: str,
    cause: Event | None = None,
    group: str = "",
) -> bool:
    """Write one notification, once per (person, verb, event); returns whether it is new.

    ``verb`` is the verb of the event the notification is about, ``cause`` that event, ``group`` what is marked read
    together (for example ``account:7``).
    """
    with transaction.atomic():
        values = {"text": text[:300], "url": url[:300], "group": group[:80]}
        if cause is None:
            Notification.objects.create(user_id=user_id, verb=verb, **values)
            created = True
        else:
            _row, created = Notification.objects.get_or_create(
                user_id=user_id, verb=verb, event_id=cause.pk, defaults=values
            )
        if created:
            NOTIFIED.record(by=by, subject_id=user_id, detail={"verb": verb}, cause=cause)
    return created
