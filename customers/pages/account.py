"""The account page: header, tabs on their own addresses, panels that any app contributes."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import money, percent, plain
from customers.models import Account
from customers.registry import AccountPanel, Place, account_panels, panels_at
from customers.timeline import account_timeline, timeline_apps
from people.requests import StaffRequest, page


@dataclass(frozen=True)
class ShownPanel:
    """A panel as the page places it: its content now, or the address it is loaded from."""

    panel: AccountPanel
    url: str
    content: SafeString | None = None
    more_text: str = ""
    more_url: str = ""


@page("customers.view")
@require_GET
def account(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the overview of an account."""
    from customers.pages.account_merge import where_it_went

    if went := where_it_went(request, pk):
        return went
    found = find_account(request, pk)
    context = {**_shell(request, found, ""), "panels": _panels(request, found, "overview")}
    return render(request, "customers/account.html", context)


@page("customers.view")
@require_GET
def account_tab(request: StaffRequest, pk: int, tab: str) -> HttpResponse:
    """Show another tab of an account."""
    found = find_account(request, pk)
    panel = _panel(request, tab)
    if panel.place != "tab":
        raise Http404
    context = {**_shell(request, found, tab), "panels": [_shown(request, found, panel)], "wide": True}
    return render(request, "customers/account.html", context)


@page("customers.view")
@require_GET
def account_panel(request: StaffRequest, pk: int, key: str) -> HttpResponse:
    """One panel alone."""
    found = find_account(request, pk)
    panel = _panel(request, key)
    return render(
        request, "customers/_panel.html", {"shown": _filled(request, found, panel), "account": found}
    )


@page("customers.view")
@require_GET
def account_head(request: StaffRequest, pk: int) -> HttpResponse:
    """The header alone, for the live refresh."""
    found = find_account(request, pk)
    return render(request, "customers/_account_head.html", _head(request, found))


@page("customers.view")
@require_GET
def timeline_rows(request: StaffRequest, pk: int) -> HttpResponse:
    """A page of the timeline; ``?app=`` filters by kind, ``?after=`` continues."""
    found = find_account(request, pk)
    kinds = timeline_apps(request.viewer, found)
    app = request.GET.get("app", "") if request.GET.get("app", "") in kinds else ""
    after = request.GET.get("after", "")
    timeline = account_timeline(request.viewer, found, app=app, after=after)
    rows_url = reverse("timeline-rows", args=[found.pk])
    context = {
        "timeline": timeline,
        "kinds": [("", _("Everything")), *kinds.items()],
        "app": app,
        "rows_url": rows_url,
        "next_url": f"{rows_url}?{urlencode({'app': app, 'after': timeline.next_cursor})}"
        if timeline.next_cursor
        else "",
    }
    template = "customers/_timeline_more.html" if after else "customers/_timeline_rows.html"
    return render(request, template, context)


def find_account(request: StaffRequest, pk: int) -> Account:
    """Return an account the viewer may see, its CSM loaded; 404 otherwise."""
    return get_object_or_404(Account.objects.visible_to(request.viewer).select_related("csm"), pk=pk)


def _panel(request: StaffRequest, key: str) -> AccountPanel:
    if key not in account_panels:
        raise Http404
    panel = account_panels.get(key)
    if panel.permission:
        request.viewer.require(panel.permission)
    if not panel.visible_to(request.viewer):
        raise Http404
    return panel


def _panels(request: StaffRequest, found: Account, place: Place) -> list[ShownPanel]:
    return [_shown(request, found, panel) for panel in panels_at(place, request.viewer)]


def _shown(request: StaffRequest, found: Account, panel: AccountPanel) -> ShownPanel:
    return ShownPanel(panel, _panel_url(found, panel)) if panel.lazy else _filled(request, found, panel)


def _filled(request: StaffRequest, found: Account, panel: AccountPanel) -> ShownPanel:
    url = _panel_url(found, panel)
    context = panel.context(request.viewer, found)
    if context is None:
        return ShownPanel(panel, url, SafeString(""))
    content = render_to_string(
        panel.template_name(),
        {"account": found, "viewer": request.viewer, "panel": panel, **context},
        request,
    )
    return ShownPanel(
        panel, url, content, str(context.get("more_text", "")), str(context.get("more_url", ""))
    )


def _panel_url(found: Account, panel: AccountPanel) -> str:
    return reverse("account-panel", args=[found.pk, panel.key])


def _shell(request: StaffRequest, found: Account, current: str) -> dict[str, Any]:
    tabs = [{"label": _("Overview"), "url": reverse("account", args=[found.pk]), "current": not current}]
    for panel in panels_at("tab", request.viewer):
        if panel.key != current and not panel.belongs_to(found):
            continue
        url = reverse("account-tab", args=[found.pk, panel.key])
        count = found.open_tickets if panel.key == "tickets" and found.open_tickets else None
        tabs.append({"label": panel.label, "url": url, "current": panel.key == current, "count": count})
    return {**_head(request, found), "tabs": tabs, "side": [] if current else _panels(request, found, "side")}


def _head(request: StaffRequest, found: Account) -> dict[str, Any]:
    interval = ""
    if found.churn_low is not None and found.churn_high is not None:
        interval = f"{plain(found.churn_low * 100)}–{plain(found.churn_high * 100)}"
    renewal, left = "–", ""
    if found.renewal_on is not None:
        days = (found.renewal_on - timezone.localdate()).days
        renewal = date_format(found.renewal_on, "j M" if abs(days) < 366 else "j M Y")
        left = _("%(days)s d") % {"days": plain(days)}
    return {
        "account": found,
        "header": {
            "name": found.name,
            "score": found.health_score,
            "band": found.health_band,
            "change": found.health_delta_30,
            "facts": [
                (_("ARR"), money(found.arr, found.currency, full=True), ""),
                (_("Renewal"), renewal, left),
                (_("Churn, 90 d"), percent(found.churn_probability), interval),
                (_("Coverage"), percent(found.health_coverage), ""),
                (_("Seats"), plain(found.seats) if found.seats else "–", ""),
                (_("Stage"), found.get_lifecycle_display(), ""),
                (_("CSM"), str(found.csm or _("Nobody")), ""),
            ],
            "actions_template": "customers/_account_actions.html",
        },
        "actions": _panels(request, found, "action"),
        "may_edit": request.viewer.can("customers.edit"),
    }
