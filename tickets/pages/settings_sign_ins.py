"""Settings: providers of mail (OAuth 2) and the accounts that are signed in to them."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

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
from people.requests import StaffRequest, page
from tickets.channels.email.selectors import mail_accounts, provider_apps
from tickets.channels.email.services.renew_sign_in import words_of
from tickets.channels.email.services.save_sign_in import (
    finish_sign_in,
    remove_mail_account,
    remove_provider_app,
    save_provider_app,
    start_sign_in,
)
from tickets.models import MailAccount, ProviderApp
from tickets.pages.settings_forms import ProviderAppForm, SignInForm

SESSION_KEY = "mail_sign_in"
LONGEST_SIGN_IN_SECONDS = 600
_TONES = {MailAccount.State.OK: "good", MailAccount.State.EXPIRED: "bad"}


@page("settings.manage")
def providers(request: StaffRequest) -> HttpResponse:
    """List the providers with how many accounts are signed in."""
    items = [
        ListItem(
            name=app.name,
            url=reverse("settings-mail-provider", args=[app.pk]),
            sub=str(app.get_provider_display()),
            chips=[(_("Sign-in expired"), "bad")] if app.expired_count else [],
            right=_("%d accounts") % app.account_count if app.account_count != 1 else _("1 account"),
        )
        for app in provider_apps(request.viewer)
    ]
    frame = ListPage(
        heading=_("Mail sign-in"),
        lead=_(
            "Microsoft 365, Google and others let mail be read and sent after signing in there (OAuth 2)."
        ),
        new_url=reverse("settings-mail-provider-new"),
        new_label=_("New provider"),
        empty_title=_("Connect a provider"),
        empty_text=_("Register this installation with the provider, then enter its client ID here."),
        icon="key",
    )
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def provider_new(request: StaffRequest) -> HttpResponse:
    """Register a provider."""
    form = ProviderAppForm(request.POST or None, initial={"provider": "microsoft"})
    frame = FormPage(heading=_("New provider"), back_url=reverse("settings-mail-providers"))
    return _provider_page(request, form, frame, None)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def provider_form(request: StaffRequest, app_id: int) -> HttpResponse:
    """Change a provider; its accounts, and signing in to one more."""
    app = get_object_or_404(ProviderApp.objects.visible_to(request.viewer), pk=app_id)
    names = ("name", "provider", "client_id", "tenant", "authorise_url", "token_url", "scope")
    form = ProviderAppForm(request.POST or None, initial={name: getattr(app, name) for name in names})
    if app.sealed_secret:
        form.fields["secret"].help_text = _("Leave it empty to keep the one that is stored.")
    frame = FormPage(
        heading=app.name,
        lead=str(app.get_provider_display()),
        back_url=reverse("settings-mail-providers"),
        buttons=[
            PostButton(
                _("Remove"),
                reverse("settings-mail-provider-remove", args=[app.pk]),
                confirm=_("Its secret is forgotten."),
            )
        ],
    )
    return _provider_page(request, form, frame, app)


@require_POST
@page("settings.manage")
def provider_remove(request: StaffRequest, app_id: int) -> HttpResponse:
    """Forget a provider."""
    app = get_object_or_404(ProviderApp.objects.visible_to(request.viewer), pk=app_id)
    try:
        remove_provider_app(app=app, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-mail-provider", args=[app.pk]))
    return done(request, _("The provider is removed."), reverse("settings-mail-providers"))


@require_POST
@page("settings.manage")
def sign_in(request: StaffRequest, app_id: int) -> HttpResponse:
    """Begin to sign in to an account: a page with the way to the provider. What comes back is bound to this session."""
    app = get_object_or_404(ProviderApp.objects.visible_to(request.viewer), pk=app_id)
    form = SignInForm(request.POST)
    back = reverse("settings-mail-provider", args=[app.pk])
    if not form.is_valid():
        return refused(request, ValidationError(_("Enter the user name of the account.")), back)
    address = form.cleaned_data["address"]
    try:
        started = start_sign_in(app=app, address=address, redirect_uri=return_url(), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, back)
    request.session[SESSION_KEY] = {
        "app": app.pk,
        "address": address,
        "state": started.state,
        "verifier": started.verifier,
        "began": timezone.now().timestamp(),
    }
    parts = {"app": app, "address": address, "url": started.url, "back_url": back}
    return render(request, "tickets/settings/sign_in.html", parts)


@require_GET
@page("settings.manage")
def sign_in_back(request: StaffRequest) -> HttpResponse:
    """Where the provider sends people back to, with a code or a refusal. A sign-in can come back once."""
    began: dict[str, Any] = request.session.pop(SESSION_KEY, None) or {}
    url = reverse("settings-mail-providers")
    app = ProviderApp.objects.visible_to(request.viewer).filter(pk=began.get("app", 0)).first()
    if app is None or timezone.now().timestamp() - began.get("began", 0) > LONGEST_SIGN_IN_SECONDS:
        text = _("This sign-in did not begin here, or too long ago. Begin again.")
        return refused(request, ValidationError(text), url)
    url = reverse("settings-mail-provider", args=[app.pk])
    if "error" in request.GET:
        return refused(request, ValidationError(words_of(request.GET["error"])), url)
    try:
        account = finish_sign_in(
            app=app,
            address=began["address"],
            code=request.GET.get("code", "")[:4000],
            state=request.GET.get("state", ""),
            expected_state=began["state"],
            verifier=began["verifier"],
            redirect_uri=return_url(),
            by=request.viewer,
        )
    except ValidationError as error:
        return refused(request, error, url)
    return done(request, _("%s is signed in.") % account, url)


@require_POST
@page("settings.manage")
def account_remove(request: StaffRequest, account_id: int) -> HttpResponse:
    """Forget an account's sign-in."""
    account = get_object_or_404(MailAccount.objects.visible_to(request.viewer), pk=account_id)
    url = reverse("settings-mail-provider", args=[account.app_id])
    try:
        remove_mail_account(account=account, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, url)
    return done(request, _("The sign-in is forgotten."), url)


def return_url() -> str:
    """The address that is registered with the provider."""
    return f"{str(settings.SITE_URL).rstrip('/')}{reverse('settings-mail-sign-in-back')}"


def _provider_page(
    request: StaffRequest, form: ProviderAppForm, frame: FormPage, app: ProviderApp | None
) -> HttpResponse:
    if request.method == "POST":
        saved = submitted(form, save_provider_app, app=app, by=request.viewer)
        if saved is not None:
            return done(request, _("Provider saved."), reverse("settings-mail-provider", args=[saved.pk]))
    rows = [] if app is None else mail_accounts(request.viewer).filter(app=app)
    accounts = [
        {"row": one, "state": one.get_state_display(), "tone": _TONES[MailAccount.State(one.state)]}
        for one in rows
    ]
    context = {"app": app, "accounts": accounts, "sign_in": SignInForm(), "return_url": return_url()}
    return form_page(request, form, frame, "tickets/settings/mail_provider.html", **context)
