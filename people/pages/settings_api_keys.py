"""Settings: API keys. The secret is shown once, in the answer that creates the key."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core import formatting
from core.pages.forms import FormPage, done, form_page, submitted
from people.forms import ApiKeyForm
from people.models import ApiKey
from people.requests import StaffRequest, page
from people.roles import SCOPE_LABELS
from people.selectors import api_key_list
from people.services.create_api_key import create_api_key
from people.services.revoke_api_key import revoke_api_key
from people.viewer import Viewer


@page("settings.manage")
def api_keys(request: StaffRequest) -> HttpResponse:
    """List the keys with what each may do and when it was used."""
    keys = [
        {
            "key": key,
            "scopes": [str(SCOPE_LABELS.get(scope, scope)) for scope in key.scopes],
            "state": _state(key),
        }
        for key in api_key_list(request.viewer)
    ]
    new_url = reverse("settings-api-key-new")
    context = {
        "keys": keys,
        "new_url": new_url,
        "empty_actions": [{"label": _("Create a key"), "url": new_url, "primary": True}],
    }
    return render(request, "people/api_keys.html", context)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def api_key_new(request: StaffRequest) -> HttpResponse:
    """Create a key and show its secret, this once."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and (made := submitted(form, _create, by=request.viewer)):
        key, secret = made
        return render(request, "people/api_key_created.html", {"key": key, "secret": secret})
    frame = FormPage(
        heading=_("New API key"),
        lead=_(
            "A key acts for itself, not for you: it may do what its scopes say until it expires or is revoked."
        ),
        back_url=reverse("settings-api-keys"),
        save_label=_("Create key"),
    )
    return form_page(request, form, frame)


@require_POST
@page("settings.manage")
def api_key_revoke(request: StaffRequest, key_id: int) -> HttpResponse:
    """Revoke a key."""
    key = get_object_or_404(api_key_list(request.viewer), pk=key_id)
    revoke_api_key(key=key, by=request.viewer)
    return done(request, _("The key “%(name)s” is revoked.") % {"name": key.name}, "settings-api-keys")


def _create(
    *, name: str, scopes: list[str], lifetime_days: int, requests_per_minute: int | None, by: Viewer
) -> tuple[ApiKey, str]:
    expires_at = timezone.now() + timedelta(days=lifetime_days) if lifetime_days else None
    return create_api_key(
        name=name, scopes=scopes, expires_at=expires_at, requests_per_minute=requests_per_minute, by=by
    )


def _state(key: ApiKey) -> dict[str, Any]:
    """Return the chip of a key: revoked, expired, soon expiring or its day."""
    if key.revoked_at is not None:
        return {"text": _("Revoked"), "tone": "", "usable": False}
    if key.expires_at is None:
        return {"text": _("Never expires"), "tone": "warn", "usable": True}
    if key.expires_at <= timezone.now():
        return {"text": _("Expired"), "tone": "bad", "usable": False}
    soon = key.expires_at - timezone.now() < timedelta(days=14)
    day = formatting.clock_or_day(key.expires_at)
    return {"text": _("Expires %(day)s") % {"day": day}, "tone": "warn" if soon else "", "usable": True}
