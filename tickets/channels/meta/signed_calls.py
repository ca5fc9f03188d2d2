"""Calls of Meta: the handshake and the signature (https://developers.facebook.com/docs/graph-api/webhooks/getting-started)."""

import hmac
import json
from typing import Any
from urllib.parse import parse_qs

from django import forms
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.channel import Connection, HookAnswer, HookRequest, RefusedCall, Unreadable

SECRETS = ("access_token", "app_secret", "verify_token")
_LONGEST_CHALLENGE = 200


class MetaForm(forms.Form):
    """What every inbox at Meta needs."""

    access_token = forms.CharField(
        label=gettext_lazy("Access token"),
        max_length=600,
        widget=forms.PasswordInput(render_value=False),
        help_text=gettext_lazy("A token that does not expire: of a system user, or of the page."),
    )
    app_secret = forms.CharField(
        label=gettext_lazy("App secret"),
        max_length=100,
        widget=forms.PasswordInput(render_value=False),
        help_text=gettext_lazy(
            "In the app's dashboard under Settings → Basic. It proves that calls come from Meta."
        ),
    )
    verify_token = forms.CharField(
        label=gettext_lazy("Verify token"),
        max_length=100,
        widget=forms.PasswordInput(render_value=False),
        help_text=gettext_lazy(
            "Words of your own; enter the same beside the address in the app's dashboard."
        ),
    )


def verify(connection: Connection, request: HookRequest) -> None:
    """Raise RefusedCall unless the body is signed with the app's secret, or the handshake knows the verify token."""
    if request.method == "GET":
        told = parse_qs(request.query)
        given, wanted = told.get("hub.verify_token", [""])[0], connection.secrets.get("verify_token", "")
        if not wanted or not constant_time_compare(given, wanted):
            raise RefusedCall("wrong verify token")
        return
    secret = connection.secrets.get("app_secret", "")
    signature = request.headers.get("x-hub-signature-256", "")
    wanted = "sha256=" + hmac.new(secret.encode(), request.body, "sha256").hexdigest()
    if not secret or not constant_time_compare(signature, wanted):
        raise RefusedCall("wrong signature")


def greet(request: HookRequest) -> HookAnswer | None:
    """Answer the handshake with its challenge."""
    if request.method != "GET":
        return None
    told = parse_qs(request.query)
    if told.get("hub.mode") != ["subscribe"]:
        raise RefusedCall("no handshake")
    return HookAnswer(told.get("hub.challenge", [""])[0][:_LONGEST_CHALLENGE])


def entries_of(payload: HookRequest, kind: str) -> list[dict[str, Any]]:
    """Return the entries of a batch about ``kind``; raises Unreadable."""
    try:
        told = json.loads(payload.body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_("This is no JSON: %s") % error) from error
    if not isinstance(told, dict) or not isinstance(told.get("entry"), list):
        raise Unreadable(_("This is no batch of Meta."))
    if told.get("object") != kind:
        raise Unreadable(
            _("This is about “%(told)s”, not “%(wanted)s”.") % {"told": told.get("object"), "wanted": kind}
        )
    return [one for one in told["entry"] if isinstance(one, dict)]
