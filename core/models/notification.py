"""What a person is told, inside the product and by mail, and how the person wants it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Notification(models.Model):
    """One line for one person about one event; grouped by ``group`` and marked read together.

    ``kind`` is the key of a ``core.notifications.NotificationKind``. ``in_app`` tells whether the bell shows it. ``mail_due_at``
    is when it belongs into a mail; it is empty for those that need none and once a mail has taken it (``mailed_at``).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40, blank=True)
    verb = models.CharField(max_length=64)
    event_id = models.BigIntegerField(null=True)
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=300, blank=True)
    group = models.CharField(max_length=80, blank=True)
    in_app = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    mail_due_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "verb", "event_id"], name="one_notification_per_event"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="notification_user"),
            models.Index(
                fields=["user", "in_app"],
                condition=models.Q(read_at__isnull=True),
                name="notification_unread",
            ),
            models.Index(
                fields=["mail_due_at"],
                condition=models.Q(mail_due_at__isnull=False),
                name="notification_mail_due",
            ),
        ]


class NotificationPreference(models.Model):
    """How one person wants to be told; who has no row has the defaults.

    ``channels`` maps the key of a kind to ``{"app": bool, "mail": bool}``; a missing kind has its own defaults. Quiet hours
    are times of day in the person's zone, from one day into the next when ``quiet_from`` is later than ``quiet_until``; both
    empty means none. They delay mail, never the bell.
    """

    class MailMode(models.TextChoices):
        """When mails are sent."""

        SOON = "soon", _("Within minutes")
        HOURLY = "hourly", _("Once an hour")
        DAILY = "daily", _("Once a day")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    channels = models.JSONField(default=dict, blank=True)
    mail_mode = models.CharField(
        _("mails are sent"), max_length=8, choices=MailMode.choices, default=MailMode.SOON
    )
    digest_at = models.TimeField(_("daily mail at"), null=True, blank=True)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    quiet_weekend = models.BooleanField(_("quiet on Saturday and Sunday"), default=False)
