"""Who is mentioned in a note."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tickets.models.message import Message


class Mention(models.Model):
    """``@Name`` of a colleague: characters ``start`` to ``start + length`` of the note's text."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    start = models.PositiveIntegerField()
    length = models.PositiveSmallIntegerField()

    class Meta:
        ordering: ClassVar = ["message", "start"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "start"], name="one_mention_per_place")
        ]
        indexes: ClassVar = [models.Index(fields=["user", "message"], name="mention_user")]
