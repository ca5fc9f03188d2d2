"""One's own pages: profile, password, availability."""

from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import done, refused, submitted
from people.forms import ChangePasswordForm, ProfileForm
from people.models import User
from people.pages.login import safe_target
from people.requests import StaffRequest, is_partial, page
from people.roles import Role
from people.services.save_profile import UNDO_DEFAULT, save_profile
from people.services.save_user import end_sessions
from people.services.set_availability import set_availability
from people.services.set_password import change_password


@require_http_methods(["GET", "POST"])
@page()
def profile(request: StaffRequest) -> HttpResponse:
    """Show and change one's own profile."""
    user = request.user
    form = ProfileForm(request.POST or None, initial=_initial(user))
    if request.method == "POST" and submitted(form, save_profile, user=user, by=request.viewer) is not None:
        return done(request, _("Profile saved."), "profile")
    return _show(request, form, ChangePasswordForm())


def _initial(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "timezone": user.timezone,
        "availability_at_login": user.preferences.get("availability_at_login", ""),
        "undo_seconds": user.preferences.get("undo_seconds", UNDO_DEFAULT),
        "signature": user.preferences.get("signature", ""),
    }


@sensitive_post_parameters("old_password", "new_password")
@require_POST
@page()
def change_own_password(request: StaffRequest) -> HttpResponse:
    """Change one's own password; this session stays, all others end."""
    form = ChangePasswordForm(request.POST)
    user = submitted(form, change_password, user=request.user, by=request.viewer)
    if user is None:
        return _show(request, ProfileForm(initial=_initial(request.user)), form)
    update_session_auth_hash(request, user)
    return done(request, _("Password changed. All other sessions have ended."), "profile")


@require_POST
@page()
def end_own_sessions(request: StaffRequest) -> HttpResponse:
    """Log oneself out on every other device."""
    update_session_auth_hash(request, end_sessions(user=request.user, by=request.viewer))
    return done(request, _("All other sessions have ended."), "profile")


@require_POST
@page()
def availability(request: StaffRequest) -> HttpResponse:
    """Set one's own availability, from the top bar; htmx gets the top bar's part, a form goes back to its page."""
    try:
        user = set_availability(
            user=request.user, availability=request.POST.get("availability", ""), by=request.viewer
        )
    except ValidationError as error:
        return refused(request, error, "profile")
    if is_partial(request):
        return render(request, "people/_availability.html", {"user": user})
    return redirect(safe_target(request))


def _show(request: StaffRequest, form: ProfileForm, password_form: ChangePasswordForm) -> HttpResponse:
    context = {
        "form": form,
        "password_form": password_form,
        "role_label": Role(request.user.role).label,
        "teams": [membership.team for membership in request.user.memberships.select_related("team")],
        "availability_choices": User.Availability.choices,
    }
    refused_form = form.errors or password_form.errors
    return render(request, "people/profile.html", context, status=422 if refused_form else 200)
