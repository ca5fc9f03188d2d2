"""A person's notifications: the menu in the top bar, the page, marking read."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from core.models import Notification
from core.pages.guard import is_partial, page
from core.services.mark_notifications import mark_notifications

IN_MENU = 8
SHOWN = 50


@page()
def notifications(request: HttpRequest) -> HttpResponse:
    """Show what one was told, newest first; htmx gets the menu."""
    rows = Notification.objects.filter(user_id=request.user.pk or 0).order_by("-pk")
    unread = rows.filter(read_at=None).count()
    if is_partial(request):
        return render(request, "core/_notification_menu.html", {"rows": rows[:IN_MENU], "unread": unread})
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: SHOWN + 1])
    next_url = f"?before={shown[SHOWN - 1].pk}" if len(shown) > SHOWN else ""
    context = {"rows": shown[:SHOWN], "unread": unread, "next_url": next_url}
    return render(request, "core/notifications.html", context)


@require_POST
@page()
def notifications_read(request: HttpRequest) -> HttpResponse:
    """Mark all as read; htmx gets the menu again."""
    mark_notifications(user_id=request.user.pk or 0)
    if is_partial(request):
        rows = Notification.objects.filter(user_id=request.user.pk or 0).order_by("-pk")[:IN_MENU]
        return render(request, "core/_notification_menu.html", {"rows": rows, "unread": 0})
    return redirect("notifications")


@require_POST
@page()
def notification_open(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one (and its group) as read and go to what it is about."""
    row = get_object_or_404(Notification, pk=notification_id, user_id=request.user.pk or 0)
    mark_notifications(user_id=row.user_id, notification_id=row.pk)
    ours = url_has_allowed_host_and_scheme(row.url, allowed_hosts={request.get_host()})
    return redirect(row.url if ours else "notifications")
