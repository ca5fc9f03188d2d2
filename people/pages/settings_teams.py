"""Settings: teams."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, submitted
from people.forms import TeamForm
from people.requests import StaffRequest, page
from people.selectors import team_list
from people.services.save_team import save_team


@page("settings.manage")
def teams(request: StaffRequest) -> HttpResponse:
    """List the teams."""
    items = []
    for team in team_list(request.viewer):
        chips = [(_("Private"), "")] if team.is_private else []
        if not team.is_active:
            chips.append((_("Inactive"), ""))
        count = team.member_count  # type: ignore[attr-defined]
        items.append(
            ListItem(
                name=team.name,
                url=reverse("settings-team", args=[team.pk]),
                sub=team.description or _("No description: routing cannot learn what the team handles."),
                chips=chips,
                right=ngettext("%(count)s member", "%(count)s members", count) % {"count": count},
            )
        )
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Teams"),
            lead=_("Tickets are routed to a team, then given to one of its members."),
            new_url=reverse("settings-team-new"),
            new_label=_("New team"),
            empty_title=_("Make the first team"),
            empty_text=_("Routing needs at least one team with a description in a customer's words."),
            icon="users",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def team_form(request: StaffRequest, team_id: int | None = None) -> HttpResponse:
    """Create or change a team."""
    team = get_object_or_404(team_list(request.viewer), pk=team_id) if team_id else None
    initial = {}
    if team is not None:
        initial = {
            "name": team.name,
            "description": team.description,
            "members": list(team.memberships.values_list("user_id", flat=True)),
            "strategy": team.strategy,
            "previous_owner_days": team.previous_owner_days,
            "reopen_hours": team.reopen_hours,
            "unattended_minutes": team.unattended_minutes,
            "is_private": team.is_private,
            "is_active": team.is_active,
        }
    form = TeamForm(request.POST or None, initial=initial)
    if request.method == "POST" and submitted(form, save_team, team=team, by=request.viewer) is not None:
        return done(request, _("Team saved."), "settings-teams")
    frame = FormPage(heading=team.name if team else _("New team"), back_url=reverse("settings-teams"))
    return form_page(request, form, frame)
