"""Remembered answers to REST requests that carried an Idempotency-Key."""

from typing import ClassVar

from django.db import models


class IdempotencyRecord(models.Model):
    """The first answer to (caller, method and path, key); kept 48 hours. ``status`` is null while the first one runs;
    until then ``body`` tells where work that commits in steps is written down."""

    scope = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "key"], name="one_answer_per_idempotency_key"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_age")]
