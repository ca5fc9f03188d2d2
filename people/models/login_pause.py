"""Wrong passwords, counted, so that guessing gets slower and slower."""

from typing import ClassVar

from django.db import models


class LoginPause(models.Model):
    """Failures of one counter: a person from one network address, one address alone, or a person from anywhere.

    ``key`` is a digest: the table holds no address and nobody's e-mail.
    """

    key = models.CharField(max_length=64, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_failure_at = models.DateTimeField()
    paused_until = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["last_failure_at"], name="login_pause_age")]
