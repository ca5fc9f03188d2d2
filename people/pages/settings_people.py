"""Settings: people and what their roles allow."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core import navigation
from core.pages.forms import (
    FormPage,
    ListItem,
    ListPage,
    PostButton,
    done,
    form_page,
    list_page,
    refused,
    submitted,
)
from people.forms import InviteForm, UserForm
from people.models import User
from people.requests import StaffRequest, page
from people.selectors import is_invited, people_list, role_matrix, staff_roles
from people.services import save_user as services


@page()
def settings_index(request: StaffRequest) -> HttpResponse:
    """Go to the first settings page the person may open; without any, their own profile."""
    entries = navigation.links(request.viewer, place="settings")
    return redirect(entries[0].url if entries else reverse("profile"))


@page("settings.manage")
def people(request: StaffRequest) -> HttpResponse:
    """List everybody."""
    items = [_item(user) for user in people_list(request.viewer)]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("People"),
            lead=_("Who works here, in which role and team."),
            new_url=reverse("settings-person-new"),
            new_label=_("Invite somebody"),
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def person_new(request: StaffRequest) -> HttpResponse:
    """Invite a person."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and (user := submitted(form, services.invite_user, by=request.viewer)):
        return done(
            request, _("Invitation to %(email)s is on its way.") % {"email": user.email}, "settings-people"
        )
    frame = FormPage(
        heading=_("Invite somebody"),
        lead=_("They get a link by mail to choose a password. It works once, for 24 hours."),
        back_url=reverse("settings-people"),
        save_label=_("Send invitation"),
    )
    return form_page(request, form, frame)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def person(request: StaffRequest, user_id: int) -> HttpResponse:
    """Change a person."""
    user = get_object_or_404(people_list(request.viewer), pk=user_id)
    initial = {
        "name": user.name,
        "role": user.role,
        "teams": [membership.team_id for membership in user.memberships.all()],
        "capacity": user.capacity,
        "timezone": user.timezone,
        "working_hours": user.working_hours_id,
    }
    form = UserForm(request.POST or None, initial=initial)
    if (
        request.method == "POST"
        and submitted(form, services.save_user, user=user, by=request.viewer) is not None
    ):
        return done(request, _("%(name)s is saved.") % {"name": user.name}, "settings-people")
    frame = FormPage(
        heading=user.name,
        lead=user.email,
        back_url=reverse("settings-people"),
        buttons=_buttons(user, is_self=user.pk == request.user.pk),
        facts=[
            (_("Availability"), user.get_availability_display()),
            (_("Absent until"), user.absent_until or _("not absent")),
            (
                _("Skills"),
                ", ".join(one.skill.name for one in user.skills.select_related("skill")) or _("none"),
            ),
            (_("Last login"), user.last_login or _("never")),
            (_("Added"), user.date_joined),
        ],
    )
    return form_page(request, form, frame)


@require_POST
@page("settings.manage")
def person_action(request: StaffRequest, user_id: int, action: str) -> HttpResponse:
    """Deactivate, reactivate, invite again or log out a person."""
    user = get_object_or_404(User, pk=user_id)
    url = reverse("settings-person", args=[user.pk])
    names = {"name": user.name}
    try:
        if action == "deactivate":
            services.deactivate_user(user=user, by=request.viewer)
            return done(request, _("%(name)s can no longer sign in.") % names, url)
        if action == "reactivate":
            services.reactivate_user(user=user, by=request.viewer)
            return done(request, _("%(name)s can sign in again.") % names, url)
        if action == "invite":
            services.send_invitation(user=user, by=request.viewer)
            return done(request, _("A new invitation is on its way."), url)
        services.end_sessions(user=user, by=request.viewer)
        return done(request, _("%(name)s is signed out everywhere.") % names, url)
    except ValidationError as error:
        return refused(request, error, url)


@page("settings.manage")
def roles(request: StaffRequest) -> HttpResponse:
    """Show what each role may do; generated from the table that the code checks."""
    counts = {role: User.objects.filter(role=role, is_active=True).count() for role in staff_roles()}
    context = {"roles": [(role.label, counts[role]) for role in staff_roles()], "areas": role_matrix()}
    return render(request, "people/roles.html", context)


def _item(user: User) -> ListItem:
    teams = ", ".join(membership.team.name for membership in user.memberships.all())
    chips: list[tuple[str, str]] = []
    if not user.is_active:
        chips.append((_("Deactivated"), ""))
    elif is_invited(user):
        chips.append((_("Invited"), "warn"))
    return ListItem(
        name=user.name,
        url=reverse("settings-person", args=[user.pk]),
        sub=" · ".join(part for part in (user.email, teams) if part),
        chips=[*chips, (user.get_role_display(), "")],
        right=ngettext("%(count)s ticket at most", "%(count)s tickets at most", user.capacity)
        % {"count": user.capacity},
    )


def _buttons(user: User, *, is_self: bool) -> list[PostButton]:
    def url(action: str) -> str:
        return reverse("settings-person-action", args=[user.pk, action])

    if not user.is_active:
        return [PostButton(_("Reactivate"), url("reactivate"))]
    buttons = []
    if is_invited(user):
        buttons.append(PostButton(_("Send the invitation again"), url("invite")))
    if not is_self:
        buttons.append(PostButton(_("Sign out everywhere"), url("sign-out")))
        buttons.append(
            PostButton(
                _("Deactivate"),
                url("deactivate"),
                confirm=_(
                    "They are signed out at once and get no new tickets. What they wrote stays under their name."
                ),
            )
        )
    return buttons
