"""What people have put out of their Today queue, and until when."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from customers.models.account import Account


class TodayMark(models.Model):
    """A person is done with an account, or will look again later; out of their queue ``until`` then. One row for each pair."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    is_done = models.BooleanField()
    until = models.DateTimeField()
    marked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "account"], name="one_today_mark"),
        ]
