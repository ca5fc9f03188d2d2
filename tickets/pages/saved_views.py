"""Saved views: the list of them, saving what is on display, editing, copying, ordering, deleting; columns of tables."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import FormPage, PostButton, done, form_page, refused, submitted
from people.models import Team
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.conditions import in_words
from tickets.filter_conditions import condition_of
from tickets.list_columns import all_columns, check_columns
from tickets.list_views import view_of
from tickets.models import SavedView
from tickets.pages.condition_form import ConditionFormField
from tickets.pages.lists import ListState, list_state
from tickets.pages.tables import chosen_columns
from tickets.selectors import SORTS
from tickets.services.choose_columns import choose_columns
from tickets.services.save_view import (
    ICONS,
    copy_view,
    delete_view,
    may_change_view,
    move_view,
    save_view,
)


class SavedViewForm(forms.Form):
    """A saved view."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    scope = forms.ChoiceField(label=gettext_lazy("For"), choices=SavedView.Scope.choices)
    team = forms.ModelChoiceField(
        label=gettext_lazy("Team"),
        queryset=Team.objects.none(),
        required=False,
        help_text=gettext_lazy("For a team's view."),
    )
    condition = ConditionFormField(
        label=gettext_lazy("Tickets"),
        required=False,
        help_text=gettext_lazy("Closed tickets are in it, too, unless the kind of status says otherwise."),
    )
    sort = forms.ChoiceField(label=gettext_lazy("Order"), choices=list(SORTS.items()))
    icon = forms.ChoiceField(
        label=gettext_lazy("Icon"), choices=[(icon, icon.replace("-", " ")) for icon in ICONS]
    )

    def __init__(self, viewer: Viewer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(is_active=True)
        shares = viewer.can("tickets.share_views")
        if not shares:
            teams = teams.filter(pk__in=viewer.team_ids if viewer.can("tickets.edit") else [])
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        scopes = [SavedView.Scope.PERSONAL]
        scopes += [SavedView.Scope.TEAM] if teams.exists() else []
        scopes += [SavedView.Scope.EVERYONE] if shares else []
        self.fields["scope"].choices = [(str(one), one.label) for one in scopes]  # type: ignore[attr-defined]
        if SavedView.Scope.TEAM not in scopes:
            del self.fields["team"]


@page("tickets.view")
@require_GET
def saved_views(request: StaffRequest) -> HttpResponse:
    """All saved views of the person, by whose they are."""
    viewer = request.viewer
    found = list(SavedView.objects.visible_to(viewer).filter(is_active=True).select_related("team"))
    groups = [
        {
            "label": SavedView.Scope(scope).label,
            "views": [
                {
                    "view": one,
                    "words": in_words(one.condition),
                    "url": ListState(one.key, one.sort).url,
                    "may_change": may_change_view(one, viewer),
                }
                for one in found
                if one.scope == scope
            ],
        }
        for scope in (SavedView.Scope.PERSONAL, SavedView.Scope.TEAM, SavedView.Scope.EVERYONE)
    ]
    parts = {"groups": [group for group in groups if group["views"]]}
    return render(request, "tickets/saved_views.html", parts)


def _view(request: StaffRequest, view_id: int) -> SavedView:
    found = SavedView.objects.visible_to(request.viewer).filter(pk=view_id).first()
    if found is None:
        raise Http404(_("There is no such view."))
    return found


def _initial(request: StaffRequest) -> dict[str, Any]:
    """The list that the address describes, as a form."""
    state = list_state(request, request.viewer)
    try:
        rule = view_of(request.viewer, state.view)
        condition = condition_of(rule.condition, state.filters)
    except LookupError:
        raise Http404(_("There is no such view.")) from None
    except ValidationError:
        condition = dict(rule.condition)
    icon = rule.icon if rule.icon in ICONS else "bookmark"
    return {"condition": condition, "sort": state.sort, "icon": icon, "scope": "personal"}


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def saved_view_new(request: StaffRequest) -> HttpResponse:
    """Keep the list on display (view, filters and order in the address) as a view."""
    form = SavedViewForm(request.viewer, request.POST or None, initial=_initial(request))
    if request.method == "POST":
        saved = submitted(form, save_view, by=request.viewer)
        if saved is not None:
            return done(request, _("View saved."), ListState(saved.key, saved.sort).url)
    back = list_state(request, request.viewer).url
    lead = _("A view is a list with a name: it stands beside the inbox, with the number of its tickets.")
    return form_page(request, form, FormPage(heading=_("New view"), lead=lead, back_url=back))


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def saved_view(request: StaffRequest, view_id: int) -> HttpResponse:
    """Change a view; who may not reads it as it is and can copy it."""
    found = _view(request, view_id)
    initial = {name: getattr(found, name) for name in ("name", "scope", "condition", "sort", "icon")}
    form = SavedViewForm(request.viewer, request.POST or None, initial=initial | {"team": found.team_id})
    if request.method == "POST":
        saved = submitted(form, save_view, view=found, by=request.viewer, columns=found.columns)
        if saved is not None:
            return done(request, _("View saved."), ListState(saved.key, saved.sort).url)
    buttons = [PostButton(_("Copy for me"), reverse("saved-view-copy", args=[found.pk]))]
    if may_change_view(found, request.viewer):
        gone = _("The view goes; its tickets stay where they are.")
        buttons.append(PostButton(_("Delete"), reverse("saved-view-delete", args=[found.pk]), confirm=gone))
    else:
        for name in form.fields:
            form.fields[name].disabled = True
    frame = FormPage(heading=found.name, back_url=reverse("saved-views"), buttons=buttons)
    return form_page(request, form, frame)


@page("tickets.view")
@require_POST
def saved_view_copy(request: StaffRequest, view_id: int) -> HttpResponse:
    """Copy a view as a personal one."""
    try:
        copy = copy_view(view=_view(request, view_id), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("saved-views"))
    return done(request, _("Copied. Change it as you like."), reverse("saved-view", args=[copy.pk]))


@page("tickets.view")
@require_POST
def saved_view_move(request: StaffRequest, view_id: int) -> HttpResponse:
    """Move a view up or down (``to``)."""
    try:
        move_view(view=_view(request, view_id), up=request.POST.get("to") == "up", by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("saved-views"))
    return redirect("saved-views")


@page("tickets.view")
@require_POST
def saved_view_delete(request: StaffRequest, view_id: int) -> HttpResponse:
    """Delete a view."""
    found = _view(request, view_id)
    if not may_change_view(found, request.viewer):
        raise PermissionDenied(_("Only its owner, or who keeps shared views, may delete this view."))
    delete_view(view=found, by=request.viewer)
    return done(request, _("View deleted."), reverse("saved-views"))


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def list_columns(request: StaffRequest) -> HttpResponse:
    """Choose the columns of a view's table, and their order; for oneself, or for everybody who has the saved view."""
    state = list_state(request, request.viewer)
    table = ListState(state.view, state.sort, state.filters, "table").url
    try:
        rule = view_of(request.viewer, state.view)
    except LookupError:
        raise Http404(_("There is no such view.")) from None
    error = ""
    if request.method == "POST":
        keys = [key for key in request.POST.getlist("column") if key]
        try:
            if "reset" in request.POST:
                keys = []
            for_all = "for_all" in request.POST
            choose_columns(
                view=rule, columns=check_columns(keys, request.viewer), by=request.viewer, for_all=for_all
            )
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
        else:
            return redirect(table)
    chosen = chosen_columns(request.viewer, rule)
    keys_chosen = [column.key for column in chosen]
    parts = {
        "state": state,
        "view": rule,
        "error": error,
        "table_url": table,
        "columns": [*chosen, *(column for column in all_columns() if column.key not in keys_chosen)],
        "chosen": keys_chosen,
        "may_for_all": rule.saved is not None and may_change_view(rule.saved, request.viewer),
    }
    return render(request, "tickets/list_columns.html", parts, status=422 if error else 200)
