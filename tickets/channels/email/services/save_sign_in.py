"""Register providers of mail (OAuth 2), sign in to accounts of theirs, and forget them."""

import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from core import guarded_http
from core.changes import apply_changes
from core.secret_box import seal
from people.viewer import Viewer
from tickets.channels.email.events import (
    MAIL_ACCOUNT_CONNECTED,
    MAIL_ACCOUNT_REMOVED,
    PROVIDER_APP_REMOVED,
    PROVIDER_APP_SAVED,
)
from tickets.channels.email.server_words import LONGEST_PASSWORD, clean_line
from tickets.channels.email.services.renew_sign_in import ACCOUNT_PURPOSE, words_of
from tickets.channels.email.services.save_mailbox import begin_again
from tickets.channels.email.services.save_outgoing import forget_trouble
from tickets.channels.email.sign_in import (
    APP_PURPOSE,
    SignInFailed,
    SignInRefused,
    Tokens,
    authorisation_url,
    new_verifier,
    redeem_code,
)
from tickets.models import MailAccount, Mailbox, OutgoingServer, ProviderApp

Provider = ProviderApp.Provider
# Where a provider's secret and tokens go.
_PLACES = ("provider", "tenant", "authorise_url", "token_url")


@dataclass(frozen=True)
class Started:
    """A sign-in that has begun: where the person is sent, and what must be remembered of it in the person's session."""

    url: str
    state: str
    verifier: str


@transaction.atomic
def save_provider_app(
    *,
    name: str,
    provider: str,
    client_id: str,
    secret: str,
    by: Viewer,
    tenant: str = "",
    authorise_url: str = "",
    token_url: str = "",
    scope: str = "",
    app: ProviderApp | None = None,
) -> ProviderApp:
    """Save an application that a provider knows; without ``app`` a new one. Raises ValidationError naming the field.

    An empty ``secret`` keeps the one that is there, as long as the provider's addresses stay the same. They cannot change while
    accounts are signed in: the tokens of these would go to the new ones. The addresses are for ``other`` only, and must be https.
    """
    by.require("settings.manage")
    row = ProviderApp() if app is None else ProviderApp.objects.select_for_update().get(pk=app.pk)
    if provider not in Provider.values:
        raise ValidationError({"provider": _("There is no such provider.")})
    is_other = provider == Provider.OTHER
    values = {
        "name": clean_line("name", name),
        "provider": provider,
        "client_id": clean_line("client_id", client_id),
        "tenant": _tenant(tenant) if provider == Provider.MICROSOFT else "",
        "authorise_url": _https("authorise_url", authorise_url) if is_other else "",
        "token_url": _https("token_url", token_url) if is_other else "",
        "scope": clean_line("scope", scope) if is_other else "",
    }
    moved = [] if app is None else [one for one in _PLACES if getattr(row, one) != values[one]]
    if moved and row.accounts.exists():
        words = _("Accounts are signed in through it. Remove them first, or add another provider.")
        raise ValidationError(dict.fromkeys(["provider"] if "provider" in moved else moved, words))
    if moved and row.sealed_secret and not secret:
        raise ValidationError({"secret": _("Enter the secret again for another provider.")})
    if len(secret) > LONGEST_PASSWORD:
        raise ValidationError({"secret": _("This cannot be a secret.")})
    changes = apply_changes(row, **values)
    if secret:
        row.sealed_secret = seal(clean_line("secret", secret), purpose=APP_PURPOSE)
        changes = {**changes, "secret": [None, None]}
    row.full_clean()
    row.save()
    if changes or app is None:
        PROVIDER_APP_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def remove_provider_app(*, app: ProviderApp, by: Viewer) -> None:
    """Forget an application and its secret. Raises ValidationError while accounts are signed in through it."""
    by.require("settings.manage")
    row = ProviderApp.objects.select_for_update().get(pk=app.pk)
    PROVIDER_APP_REMOVED.record(by=by, subject_id=row.pk, detail={"name": row.name})
    try:
        row.delete()
    except ProtectedError as error:
        raise ValidationError(_("Accounts are signed in through it. Remove them first.")) from error


def start_sign_in(*, app: ProviderApp, address: str, redirect_uri: str, by: Viewer) -> Started:
    """Begin to sign in as ``address``; changes nothing. Raises ValidationError naming the field."""
    by.require("settings.manage")
    if not clean_line("address", address):
        raise ValidationError({"address": _("Enter the user name of the account, usually its address.")})
    state, verifier = secrets.token_urlsafe(32), new_verifier()
    url = authorisation_url(
        app, redirect_uri=redirect_uri, state=state, verifier=verifier, address=address.strip()
    )
    return Started(url, state, verifier)


def finish_sign_in(
    *,
    app: ProviderApp,
    address: str,
    code: str,
    state: str,
    expected_state: str,
    verifier: str,
    redirect_uri: str,
    by: Viewer,
) -> MailAccount:
    """Take the code that a person came back with, and keep the account signed in. Calls the provider.

    An account that was there is signed in again, and what uses it is tried at once. Raises ValidationError in words for people.
    """
    by.require("settings.manage")
    if not expected_state or not hmac.compare_digest(state.encode(), expected_state.encode()):
        raise ValidationError(_("This sign-in did not begin here, or too long ago. Begin again."))
    try:
        tokens = redeem_code(app, code=code, verifier=verifier, redirect_uri=redirect_uri)
    except SignInRefused as error:
        raise ValidationError(words_of(error.word)) from error
    except SignInFailed as error:
        raise ValidationError(_("The provider could not be asked. Begin again.")) from error
    return _keep(app, address.strip(), tokens, by)


@transaction.atomic
def remove_mail_account(*, account: MailAccount, by: Viewer) -> None:
    """Forget an account's tokens. Raises ValidationError while a mailbox or a server uses it."""
    by.require("settings.manage")
    row = MailAccount.objects.select_for_update().get(pk=account.pk)
    MAIL_ACCOUNT_REMOVED.record(by=by, subject_id=row.pk, detail={"address": row.address})
    try:
        row.delete()
    except ProtectedError as error:
        raise ValidationError(_("A mailbox or an outgoing server uses it.")) from error


@transaction.atomic
def _keep(app: ProviderApp, address: str, tokens: Tokens, by: Viewer) -> MailAccount:
    current = ProviderApp.objects.select_for_update().get(pk=app.pk)
    if any(getattr(current, one) != getattr(app, one) for one in _PLACES):
        raise ValidationError(_("The provider has been changed in the meantime. Begin again."))
    now = timezone.now()
    values = {
        "sealed_access_token": seal(tokens.access, purpose=ACCOUNT_PURPOSE),
        "sealed_refresh_token": seal(tokens.refresh, purpose=ACCOUNT_PURPOSE),
        "expires_at": tokens.expires_at,
        "renewed_at": now,
        "state": MailAccount.State.OK,
        "state_since": now,
        "error": "",
        # Whoever renews with the old tokens has lost.
        "leased_until": None,
        "lease_token": "",
        "connected_by_id": by.user_id,
    }
    row, _created = MailAccount.objects.update_or_create(app=app, address=address, defaults=values)
    for box in Mailbox.objects.select_for_update().filter(account=row):
        begin_again(box)
        box.save()
    for outgoing in OutgoingServer.objects.select_for_update().filter(account=row):
        forget_trouble(outgoing)
        outgoing.save()
    MAIL_ACCOUNT_CONNECTED.record(by=by, subject_id=row.pk, detail={"address": address, "app": app.pk})
    return row


def _tenant(text: str) -> str:
    """A tenant of Microsoft: an id, a domain, or one of its words. Empty means every account."""
    text = text.strip()
    if text and not all(one.isascii() and (one.isalnum() or one in ".-") for one in text):
        raise ValidationError({"tenant": _("A tenant is an ID or a domain.")})
    return text


def _https(name: str, text: str) -> str:
    text = text.strip()
    try:
        guarded_http.check_url(text)
    except guarded_http.RefusedAddress as error:
        raise ValidationError({name: _("This is no address that may be called.")}) from error
    if urlsplit(text).scheme != "https":
        raise ValidationError({name: _("The address must begin with https.")})
    return text
