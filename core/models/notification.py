"""What a person is told inside the product."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Notification(models.Model):
    """One line for one person about one event; grouped by ``group`` and marked read together."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    verb = models.CharField(max_length=64)
    event_id = models.BigIntegerField(null=True)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=300, blank=True)
    group = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "verb", "event_id"], name="one_notification_per_event"),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-id"], name="notification_user")]
