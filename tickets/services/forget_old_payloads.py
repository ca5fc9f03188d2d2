"""Forget what providers have sent once it has long become messages."""

from datetime import timedelta

from django.utils import timezone

from tickets.models import ChannelPayload

# What a call said is kept for looking things up, its row for recognising a repetition.
BODY_KEPT = timedelta(days=30)
ROW_KEPT = timedelta(days=90)
BATCH = 2000
_ENDED = (ChannelPayload.State.PROCESSED, ChannelPayload.State.IGNORED)


def forget_old_payloads() -> int:
    """Empty the bodies of calls that ended more than BODY_KEPT ago and delete rows after ROW_KEPT; returns how many rows it
    touched. What failed stays until somebody has looked at it."""
    now = timezone.now()
    ended = ChannelPayload.objects.filter(state__in=_ENDED)
    touched = 0
    while ids := list(
        ended.filter(processed_at__lt=now - BODY_KEPT).exclude(body=b"").values_list("pk", flat=True)[:BATCH]
    ):
        touched += ChannelPayload.objects.filter(pk__in=ids).update(body=b"", query="", headers={})
    while ids := list(ended.filter(processed_at__lt=now - ROW_KEPT).values_list("pk", flat=True)[:BATCH]):
        touched += ChannelPayload.objects.filter(pk__in=ids).delete()[0]
    return touched
