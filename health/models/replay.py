"""A draft played over the past beside the live card."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from core.models import Job
from health.models.card import HealthCard


class CardReplay(models.Model):
    """One run of the time machine: ``content`` against the card that is live, for the accounts of ``account_ids``.

    ``rows`` grow with the job, one per account (``health.replaying``); ``summary`` is filled at the end.
    """

    card = models.ForeignKey(HealthCard, models.CASCADE, related_name="replays")
    content = models.JSONField()
    checksum = models.CharField(max_length=64)
    against = models.CharField(max_length=64)
    account_ids = models.JSONField(default=list)
    days = models.JSONField(default=list)
    rows = models.JSONField(default=list)
    summary = models.JSONField(default=dict)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.card_id} {self.created_at:%Y-%m-%d}"
