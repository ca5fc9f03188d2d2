"""Login, logout and the two pages that set a password through a mailed link."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.formats import time_format
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.models import Setting
from core.pages.forms import submitted
from people.account_links import user_of_token
from people.events import LOGGED_OUT
from people.forms import LoginForm, NewPasswordForm, PasswordLinkForm
from people.models import User
from people.pages.addresses import network_address
from people.roles import Role
from people.services.log_in import LoginOutcome, log_in
from people.services.request_password_link import request_password_link
from people.services.set_password import set_password_by_link

DEVICE_COOKIE = "device"
DEVICE_SECONDS = 180 * 86400
DEMO_PASSWORD = "cs-ops-demo"  # noqa: S105 - printed by `make run` and worthless outside the demo
DEMO_LOGINS = (
    ("agent@demo.example", Role.AGENT.label),
    ("lead@demo.example", Role.LEAD.label),
    ("csm@demo.example", Role.CSM.label),
    ("admin@demo.example", Role.ADMIN.label),
)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    """Ask for e-mail and password; a person already logged in goes on, an installation without people starts."""
    target = safe_target(request)
    if request.method == "GET" and not User.objects.exists():
        return redirect("/")
    if request.user.is_authenticated and request.method == "GET":
        return redirect(target)
    form = LoginForm(request.POST or None)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        outcome = log_in(
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"],
            address=network_address(request),
            known_device=knows_device(request, form.cleaned_data["email"]),
        )
        if outcome.user is not None:
            return _start_session(
                request, outcome.user, remember=form.cleaned_data["remember"], target=target
            )
        refusal = refusal_text(outcome)
    status = 200 if request.method == "GET" else 429 if refusal and outcome.paused_until else 422
    context = {
        "form": form,
        "refusal": refusal,
        "next": target,
        "demo_logins": demo_logins(),
        "demo_password": DEMO_PASSWORD,
    }
    return render(request, "people/login.html", context, status=status)


@require_POST
def logout_page(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if isinstance(request.user, User):
        with transaction.atomic():
            LOGGED_OUT.record(by=request.user.as_viewer(), subject_id=request.user.pk)
    logout(request)
    return redirect("login")


@never_cache
@require_http_methods(["GET", "POST"])
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link; the answer is the same whether the person exists."""
    form = PasswordLinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        request_password_link(email=form.cleaned_data["email"], address=network_address(request))
        return render(request, "people/password_link_sent.html", {"email": form.cleaned_data["email"]})
    status = 422 if form.errors else 200
    return render(request, "people/forgot_password.html", {"form": form}, status=status)


@sensitive_post_parameters("new_password")
@never_cache
@require_http_methods(["GET", "POST"])
def set_password_page(request: HttpRequest, purpose: str, token: str) -> HttpResponse:
    """Choose a password through a mailed link; a link that is not valid any more leads to a new one."""
    user = user_of_token(token, purpose)
    if user is None:
        return render(request, "people/link_expired.html", status=404)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST":
        if submitted(form, set_password_by_link, token=token, purpose=purpose) is not None:
            logout(request)
            messages.success(request, _("The password is set. Sign in with it."))
            return redirect("login")
        if not form.errors:  # used by another request in this moment
            return render(request, "people/link_expired.html", status=404)
    context = {"form": form, "user_name": user.name, "email": user.email, "purpose": purpose}
    return render(request, "people/set_password.html", context, status=422 if form.errors else 200)


def _start_session(request: HttpRequest, user: User, *, remember: bool, target: str) -> HttpResponse:
    """Log the person in under a new session key and remember the device."""
    login(request, user)
    request.session.set_expiry(None if remember else 0)
    response = redirect(target)
    response.set_cookie(
        DEVICE_COOKIE,
        signing.dumps(_device_mark(user.email), salt="people.device"),
        max_age=DEVICE_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


def knows_device(request: HttpRequest, email: str) -> bool:
    """Whether this browser has logged in as this person before (docs/decisions/0009)."""
    try:
        known = signing.loads(
            request.COOKIES.get(DEVICE_COOKIE, ""), salt="people.device", max_age=DEVICE_SECONDS
        )
    except signing.BadSignature:
        return False
    return constant_time_compare(known, _device_mark(email))


def _device_mark(email: str) -> str:
    """Return what the cookie carries instead of the address."""
    return salted_hmac("people.device", email.strip().lower(), algorithm="sha256").hexdigest()


def refusal_text(outcome: LoginOutcome) -> str:
    """Say why the login was refused and what comes next."""
    if outcome.paused_until is not None:
        minutes = max(1, round((outcome.paused_until - timezone.now()).total_seconds() / 60))
        return ngettext(
            "Too many tries. Wait %(minutes)s minute, until %(time)s.",
            "Too many tries. Wait %(minutes)s minutes, until %(time)s.",
            minutes,
        ) % {"minutes": minutes, "time": time_format(timezone.localtime(outcome.paused_until), "H:i")}
    if outcome.tries_left > 2:
        return _("E-mail and password do not match.")
    return ngettext(
        "E-mail and password do not match. %(left)s more try, then a pause.",
        "E-mail and password do not match. %(left)s more tries, then a pause.",
        outcome.tries_left,
    ) % {"left": outcome.tries_left}


def demo_logins() -> list[tuple[str, str | Promise]]:
    """Return (e-mail, role) of the demo's people while demo data is present, else nothing."""
    if not Setting.objects.filter(key="demo").exclude(value=False).exists():
        return []
    present = set(
        User.objects.filter(email__in=[email for email, _role in DEMO_LOGINS], is_active=True).values_list(
            "email", flat=True
        )
    )
    return [(email, role) for email, role in DEMO_LOGINS if email in present]


def safe_target(request: HttpRequest) -> str:
    """Return the page asked for before the login when it is one of ours, else the start page."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if ours else "/"
