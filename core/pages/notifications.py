"""A person's notifications: the bell in the top bar, its menu, the page, marking read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core.models import Notification
from core.pages.guard import is_partial, page
from core.services.mark_notifications import mark_notifications

IN_MENU = 8
# Newest rows among which the menu finds its groups.
LOOKED_AT = 80
SHOWN = 50


@dataclass
class Group:
    """Notifications about one thing, newest first; ``row`` is the newest one."""

    row: Notification
    older: list[Notification] = field(default_factory=list)

    @property
    def is_unread(self) -> bool:
        """Whether any of them has not been read."""
        return any(one.read_at is None for one in (self.row, *self.older))

    @property
    def at(self) -> datetime:
        """When the newest came."""
        return self.row.created_at


def _own(request: HttpRequest) -> QuerySet[Notification]:
    """What the person is shown, newest first."""
    return Notification.objects.filter(user_id=request.user.pk or 0, in_app=True).order_by("-pk")


def _grouped(rows: Iterable[Notification]) -> list[Group]:
    """Groups in the order of their newest row."""
    groups: dict[str, Group] = {}
    for row in rows:
        key = row.group or f"row:{row.pk}"
        if key in groups:
            groups[key].older.append(row)
        else:
            groups[key] = Group(row)
    return list(groups.values())


def _menu(request: HttpRequest) -> HttpResponse:
    groups = _grouped(_own(request)[:LOOKED_AT])[:IN_MENU]
    unread = _own(request).filter(read_at=None).count()
    return render(request, "core/_notification_menu.html", {"groups": groups, "unread": unread})


@page()
def notifications(request: HttpRequest) -> HttpResponse:
    """Show what one was told, newest first and by what it is about; htmx gets the menu."""
    if is_partial(request):
        return _menu(request)
    show = request.GET.get("show", "")
    rows = _own(request)
    unread = rows.filter(read_at=None).count()
    if show == "unread":
        rows = rows.filter(read_at=None)
    elif show == "mentions":
        rows = rows.filter(kind__endswith=".mention")
    else:
        show = ""
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: SHOWN + 1])
    more = f"?{f'show={show}&' if show else ''}before={shown[SHOWN - 1].pk}" if len(shown) > SHOWN else ""
    context = {
        "groups": _grouped(shown[:SHOWN]),
        "unread": unread,
        "next_url": more,
        "tabs": _tabs(show, unread),
        "is_filtered": show != "",
    }
    return render(request, "core/notifications.html", context)


def _tabs(show: str, unread: int) -> list[dict[str, Any]]:
    url = reverse("notifications")
    return [
        {"label": _("All"), "url": url, "current": show == ""},
        {"label": _("Unread"), "url": f"{url}?show=unread", "current": show == "unread", "count": unread},
        {"label": _("Mentions"), "url": f"{url}?show=mentions", "current": show == "mentions"},
    ]


@page()
@require_GET
def notification_bell(request: HttpRequest) -> HttpResponse:
    """The bell as it is now, with the newest unread line for the desktop."""
    newest = _own(request).filter(read_at=None).first()
    return render(request, "core/_bell.html", {"newest_notification": newest})


@require_POST
@page()
def notifications_read(request: HttpRequest) -> HttpResponse:
    """Mark all as read; htmx gets the menu again."""
    mark_notifications(user_id=request.user.pk or 0)
    if not is_partial(request):
        return redirect("notifications")
    response = _menu(request)
    response["HX-Trigger"] = "notifications-read"
    return response


@require_POST
@page()
def notification_open(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one (and its group) as read and go to what it is about."""
    row = get_object_or_404(Notification, pk=notification_id, user_id=request.user.pk or 0)
    mark_notifications(user_id=row.user_id, notification_id=row.pk)
    ours = url_has_allowed_host_and_scheme(row.url, allowed_hosts={request.get_host()})
    return redirect(row.url if ours else "notifications")
