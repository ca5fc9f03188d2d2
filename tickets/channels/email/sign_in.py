"""OAuth 2 with providers of mail: the address that a person is sent to, and the two requests for tokens.

``oauthlib`` words the requests and reads the answers, ``core.guarded_http`` carries them. Nothing is stored here. Documented by the
providers at https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
and https://developers.google.com/identity/protocols/oauth2/web-server; the exchange with a proof key is RFC 7636.
"""  # noqa: E501 - addresses cannot be broken

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from core import guarded_http
from core.secret_box import CannotOpen, unseal
from tickets.models import ProviderApp

APP_PURPOSE = "tickets.provider_app"
REQUEST_SECONDS = 10.0
LONGEST_TOKEN = 8_000
VERIFIER_LENGTH = 64
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/"
_AUTHORISE = {
    ProviderApp.Provider.MICROSOFT: _MICROSOFT + "authorize",
    ProviderApp.Provider.GOOGLE: "https://accounts.google.com/o/oauth2/v2/auth",
}
_TOKEN = {
    ProviderApp.Provider.MICROSOFT: _MICROSOFT + "token",
    ProviderApp.Provider.GOOGLE: "https://oauth2.googleapis.com/token",
}
_SCOPE = {
    ProviderApp.Provider.MICROSOFT: (
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All "
        "https://outlook.office.com/SMTP.Send offline_access"
    ),
    ProviderApp.Provider.GOOGLE: "https://mail.google.com/",
}
# Google hands out a refresh token only when it is asked like this.
_EXTRA = {ProviderApp.Provider.GOOGLE: {"access_type": "offline", "prompt": "consent"}}
# The grant is gone, or the application is: asking again is of no use before a person has done something.
_FINAL = frozenset(
    {"invalid_grant", "invalid_client", "unauthorized_client", "interaction_required", "access_denied"}
)


class SignInRefused(Exception):
    """The provider refuses for good; ``word`` is the error of RFC 6749, 5.2. Holds no secret."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class SignInFailed(Exception):
    """The provider could not be asked, or answered nonsense; later it may work."""


@dataclass(frozen=True)
class Tokens:
    """What a provider handed out. ``refresh`` is empty when the one that was used stays good."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime


def new_verifier() -> str:
    """The secret of one sign-in (RFC 7636), which proves that who redeems the code is who asked for it."""
    return str(WebApplicationClient("").create_code_verifier(VERIFIER_LENGTH))


def authorisation_url(app: ProviderApp, *, redirect_uri: str, state: str, verifier: str, address: str) -> str:
    """Where a person signs in and allows this installation to read and send mail."""
    client = WebApplicationClient(app.client_id)
    provider = ProviderApp.Provider(app.provider)
    return str(
        client.prepare_request_uri(
            _address(app, _AUTHORISE, app.authorise_url),
            redirect_uri=redirect_uri,
            scope=(app.scope or _SCOPE.get(provider, "")).split(),
            state=state,
            code_challenge=client.create_code_challenge(verifier, "S256"),
            code_challenge_method="S256",
            login_hint=address,
            **_EXTRA.get(provider, {}),
        )
    )


def redeem_code(app: ProviderApp, *, code: str, verifier: str, redirect_uri: str) -> Tokens:
    """Turn the code that a person came back with into tokens. Raises SignInRefused and SignInFailed."""
    client = WebApplicationClient(app.client_id)
    tokens = _asked(
        app,
        client,
        client.prepare_request_body(
            code=code, redirect_uri=redirect_uri, code_verifier=verifier, **_secret(app)
        ),
    )
    if not tokens.refresh:
        raise SignInRefused("no_refresh_token")
    return tokens


def renew_tokens(app: ProviderApp, *, refresh_token: str) -> Tokens:
    """Ask for a new access token. Raises SignInRefused and SignInFailed."""
    client = WebApplicationClient(app.client_id)
    body = client.prepare_refresh_body(refresh_token=refresh_token, client_id=app.client_id, **_secret(app))
    return _asked(app, client, body)


def _asked(app: ProviderApp, client: WebApplicationClient, body: str) -> Tokens:
    try:
        answer = guarded_http.call(
            _address(app, _TOKEN, app.token_url),
            body=body.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            total_seconds=REQUEST_SECONDS,
        )
    except (guarded_http.RefusedAddress, guarded_http.CallFailed) as error:
        raise SignInFailed("the provider could not be asked") from error
    if answer.status >= 500 or answer.status == 429:
        raise SignInFailed(f"the provider answered {answer.status}")
    try:
        found = client.parse_request_body_response(answer.body.decode())
        return _tokens(found)
    except OAuth2Error as error:
        if error.error in _FINAL:
            raise SignInRefused(str(error.error)) from error
        raise SignInFailed("the provider's answer cannot be used") from error
    except (ValueError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise SignInFailed("the provider's answer cannot be read") from error


def _tokens(found: Any) -> Tokens:
    access, refresh = str(found["access_token"]), str(found.get("refresh_token") or "")
    if max(len(access), len(refresh)) > LONGEST_TOKEN or not (access + refresh).isascii():
        raise ValueError("no tokens")
    seconds = min(max(int(found.get("expires_in") or 3600), 60), 86_400)
    return Tokens(access, refresh, timezone.now() + timedelta(seconds=seconds))


def _address(app: ProviderApp, known: dict[ProviderApp.Provider, str], typed: str) -> str:
    address = known.get(ProviderApp.Provider(app.provider), typed)
    return address.format(tenant=app.tenant or "common") if app.provider in known else typed


def _secret(app: ProviderApp) -> dict[str, str]:
    """Empty for an application without a secret: the proof key is then what it has."""
    if not app.sealed_secret:
        return {}
    try:
        return {"client_secret": unseal(app.sealed_secret, purpose=APP_PURPOSE)}
    except CannotOpen as error:
        raise SignInRefused("secret_unreadable") from error
