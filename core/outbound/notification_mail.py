"""Mails that tell a person what happened."""

from email.utils import make_msgid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from core.models import Notification, Outbound
from core.notifications import notification_kinds
from core.outbox import Sender, TemporaryFailure, Withheld

MOST_LINES = 60


class NotificationMail(Sender):
    """Payload ``{"user": id, "notifications": [ids]}``. One line per notification, those of one group together."""

    key = "core.notification_mail"
    label = gettext_lazy("Notifications by mail")

    def prepare(self, outbound: Outbound) -> EmailMessage:
        """Build the mail from what the person has not read yet and may still see; raises Withheld when that is nothing."""
        user = get_user_model().objects.filter(pk=outbound.payload["user"], is_active=True).first()
        if user is None:
            raise Withheld("nobody active has this address")
        waiting = Notification.objects.filter(
            pk__in=outbound.payload["notifications"], user=user, read_at=None
        )
        rows = _still_told(user, list(waiting.order_by("pk")))
        if not rows:
            raise Withheld("everything has been read, or may not be seen any more")
        context = {
            "user": user,
            "groups": _grouped(rows[:MOST_LINES]),
            "left_out": max(0, len(rows) - MOST_LINES),
            "site_url": settings.SITE_URL,
            "preferences_url": settings.SITE_URL + reverse("notification-preferences"),
            "all_url": settings.SITE_URL + reverse("notifications"),
        }
        host = urlsplit(settings.SITE_URL).hostname or "localhost"
        return EmailMessage(
            subject=_subject(rows),
            body=render_to_string("core/mail/notifications.txt", context),
            to=[user.email],
            headers={
                "Message-ID": make_msgid(domain=host),
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
                "List-Unsubscribe": f"<{context['preferences_url']}>",
            },
        )

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server; any refusal is tried again later."""
        try:
            prepared.send()
        except OSError as error:  # what SMTP and sockets raise
            raise TemporaryFailure(str(error)) from error
        return str(prepared.extra_headers["Message-ID"])

    def arrived(self, outbound: Outbound) -> bool | None:
        """A second mail harms nobody, a missing one does: send again."""
        return False


def _still_told(user: Any, rows: list[Notification]) -> list[Notification]:
    by_kind: dict[str, list[Notification]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    kept: set[int] = set()
    for key, of_kind in by_kind.items():
        told = notification_kinds.get(key).still_told(user, of_kind) if key in notification_kinds else of_kind
        kept.update(row.pk for row in told)
    return [row for row in rows if row.pk in kept]


def _grouped(rows: list[Notification]) -> list[dict[str, Any]]:
    """Lines by what they are about, in the order in which each began."""
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        group = groups.setdefault(row.group or f"row:{row.pk}", {"url": row.url, "lines": []})
        group["lines"].append(row.text)
    return list(groups.values())


def _subject(rows: list[Notification]) -> str:
    first = " ".join(rows[0].text.split())
    if len(rows) == 1:
        return first[:150]
    return ngettext("%(first)s and %(count)d more", "%(first)s and %(count)d more", len(rows) - 1) % {
        "first": first[:110],
        "count": len(rows) - 1,
    }
