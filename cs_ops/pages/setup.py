"""The start page and the first-run page."""

from django import forms
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from core import navigation
from core.pages.forms import done, submitted
from cs_ops.services.set_up_installation import AlreadySetUp, is_set_up, set_up_installation
from people.services.log_in import MOST_PASSWORD_CHARACTERS
from people.time_zones import zone_choices


class SetupForm(forms.Form):
    """Owner, first team and first inbox."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "name", "autofocus": True}),
    )
    email = forms.EmailField(
        label=gettext_lazy("Your work e-mail"),
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "username"}),
        help_text=gettext_lazy("You sign in with it."),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=MOST_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 10 characters; a few unrelated words are easy to remember."),
    )
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zone_choices, initial="UTC")
    team_name = forms.CharField(
        label=gettext_lazy("First team"), max_length=80, initial=gettext_lazy("Support")
    )
    team_description = forms.CharField(
        label=gettext_lazy("What the team handles"),
        required=False,
        max_length=4000,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("In a customer's words. Routing learns from it."),
    )
    inbox_name = forms.CharField(
        label=gettext_lazy("First inbox"), max_length=80, initial=gettext_lazy("Support")
    )
    inbox_address = forms.EmailField(
        label=gettext_lazy("Its address"),
        max_length=254,
        widget=forms.EmailInput({"placeholder": "support@your-company.com"}),
        help_text=gettext_lazy("Answers to customers leave from it."),
    )


@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """Go where this visitor begins: first run, login, or the first page the person may open."""
    if not request.user.is_authenticated:
        return redirect("login" if is_set_up() else "setup")
    entries = navigation.links(request.viewer, place="rail")  # type: ignore[attr-defined]
    return redirect(entries[0].url if entries else "profile")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """Set up an empty installation; there is nothing at this address once somebody has."""
    if is_set_up():
        raise Http404
    form = SetupForm(request.POST or None)
    if request.method == "POST":
        try:
            owner = submitted(form, set_up_installation)
        except AlreadySetUp as error:
            raise Http404 from error
        if owner is not None:
            login(request, owner)
            return done(
                request,
                _("CS Ops is ready. Invite your colleagues and describe your categories."),
                "settings",
            )
    sections = [
        (_("You, the owner"), [form[name] for name in ("name", "email", "password", "timezone")]),
        (_("A team"), [form[name] for name in ("team_name", "team_description")]),
        (_("An inbox"), [form[name] for name in ("inbox_name", "inbox_address")]),
    ]
    context = {"form": form, "sections": sections}
    return render(request, "cs_ops/setup.html", context, status=422 if form.errors else 200)
