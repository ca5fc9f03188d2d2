"""Signs of life that `/readyz` reads."""

from django.db import models


class Heartbeat(models.Model):
    """The last time something proved that it works: a queue's canary, beat, the ml worker with its loaded models."""

    name = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()
    detail = models.JSONField(default=dict)
