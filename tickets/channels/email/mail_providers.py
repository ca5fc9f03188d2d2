"""Providers that send and receive mail over HTTP, by django-anymail: what each needs, how a mail is handed over and a call read.

anymail words the requests and reads the answers and calls of each provider. Its HTTP goes through ``core.guarded_http``, as every
other request of ours. Documented at https://anymail.dev/en/stable/esps/; the providers' own pages are named below.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from typing import Any

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailInsecureWebhookWarning,
    AnymailRecipientsRefused,
    AnymailWebhookValidationFailure,
)
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone
from django.utils.translation import gettext as _
from requests.adapters import BaseAdapter

from core import guarded_http
from core.outbox import FateUnknown, PermanentFailure, TemporaryFailure
from tickets.channel import (
    Arrival,
    Connection,
    DeliveryArrival,
    HookRequest,
    MailArrival,
    RefusedCall,
    Unreadable,
)

SEND_SECONDS = 25.0
# Something broke, or a gateway gave up waiting: whether the provider has taken the mail, nobody knows. 503 is a provider that is
# down, or says that it takes nothing now.
_LATER = frozenset({408, 425, 429, 503})
_STATES = {
    "queued": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "bounced": "failed",
    "rejected": "failed",
    "failed": "failed",
    "complained": "failed",
}
_REFUSED = frozenset({"invalid", "rejected", "failed"})


class ProviderRefuses(TemporaryFailure):
    """The provider does not accept our key: nothing leaves until somebody has mended it."""


@dataclass(frozen=True)
class Provider:
    """One provider. ``keys`` maps what anymail asks for to the settings and secrets of an inbox; ``signed_by`` is what the secret
    of its webhooks is called there; ``headers`` make it keep our Message-ID."""

    key: str
    label: str
    keys: Mapping[str, str]
    signed_by: str = "webhook_secret"
    takes_mail: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)


PROVIDERS = {
    one.key: one
    for one in (
        # https://documentation.mailgun.com/docs/mailgun/user-manual/
        Provider(
            "mailgun",
            "Mailgun",
            {"api_key": "provider_key", "sender_domain": "provider_domain"},
            signed_by="webhook_signing_key",
            regions={"eu": "https://api.eu.mailgun.net/v3"},
        ),
        # https://postmarkapp.com/developer
        Provider("postmark", "Postmark", {"server_token": "provider_key"}, headers={"X-PM-KeepID": "true"}),
        # https://dev.mailjet.com/email/guides/
        Provider("mailjet", "Mailjet", {"api_key": "provider_key", "secret_key": "provider_secret"}),
        # https://developers.brevo.com/docs; what it receives has to be fetched from it part by part, which is not built.
        Provider("brevo", "Brevo", {"api_key": "provider_key"}, takes_mail=False),
    )
}


def provider_of(config: Mapping[str, Any]) -> Provider | None:
    """The provider of an inbox; None when it sends by a mail server."""
    return PROVIDERS.get(str(config.get("provider") or ""))


def send_by_provider(connection: Connection, message: EmailMessage, *, key: str) -> dict[str, str]:
    """Hand a mail over and return who was refused and why, by address; everybody else got it.

    ``key`` names the mail in what the provider tells of it later (``delivery_name``). Raises TemporaryFailure, ProviderRefuses,
    PermanentFailure and FateUnknown.
    """
    provider = provider_of(connection.config)
    if provider is None:
        raise PermanentFailure(_("The inbox has no provider."))
    backend: Any = get_connection(
        f"anymail.backends.{provider.key}.EmailBackend", **_options(provider, connection)
    )
    adapter = _GuardedAdapter()
    backend.create_session = lambda: _guarded_session(adapter)
    sent: Any = message
    sent.metadata = {"message": key}
    sent.extra_headers = {**message.extra_headers, **provider.headers}
    try:
        backend.send_messages([sent])
    except AnymailRecipientsRefused:
        pass
    except FateUnknown:
        raise
    except Exception as error:
        if adapter.has_taken:
            # Whatever stumbled over the answer: the provider has the mail, or part of it.
            raise FateUnknown(_first_line(error)) from error
        if isinstance(error, AnymailAPIError):
            raise _failure(error) from error
        if isinstance(error, AnymailError | ValueError | TypeError):
            raise PermanentFailure(_first_line(error)) from error
        raise
    statuses = sent.anymail_status.recipients
    refused = {address: str(one.status) for address, one in statuses.items() if one.status in _REFUSED}
    if refused and len(refused) == len(statuses):
        words = "; ".join(f"{address}: {status}" for address, status in refused.items())
        raise PermanentFailure(words)
    return refused


def delivery_name(key: str, repetition: int) -> str:
    """What a mail is called at its provider: what is said of one that came back must not be taken for its repetition."""
    return f"{key}#{repetition}" if repetition else key


def name_for(name: str, mark: str) -> str:
    """What the mail to one of its recipients is called (``mark_of``): each has a fate of its own."""
    return f"{name}:{mark}"


def mark_of(address: str) -> str:
    """A recipient, where no addresses are kept."""
    return hashlib.sha256(address.lower().encode()).hexdigest()[:16]


def verify_call(connection: Connection, call: HookRequest) -> None:
    """Raise RefusedCall unless the provider made this call: its signature, else the user and password in the address it calls."""
    provider = provider_of(connection.config)
    if provider is None or not connection.secrets.get("hook_secret"):
        raise RefusedCall("the inbox has no provider, or no secret for its calls")
    view = _view(provider, connection, call)
    try:
        view.run_validators(_request(call))
    except (AnymailWebhookValidationFailure, ValueError, UnicodeError, RequestDataTooBig) as error:
        raise RefusedCall(str(error)) from error


def read_call(connection: Connection, call: HookRequest) -> Sequence[Arrival]:
    """What a call tells: mails, and what became of ours. Raises Unreadable."""
    provider = provider_of(connection.config)
    if provider is None:
        raise Unreadable("the inbox has no provider any more")
    try:
        events = _view(provider, connection, call).parse_events(_request(call))
        found = [_arrival(event) for event in events]
    except (AnymailError, ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        raise Unreadable(f"{type(error).__name__}: {_first_line(error)}") from error
    return [one for one in found if one is not None]


def is_inbound(call: HookRequest) -> bool:
    """Mails come to the address with ``?inbound``, news about ours without."""
    return "inbound" in call.query.split("&")


def _arrival(event: Any) -> Arrival | None:
    at = event.timestamp or timezone.now()
    if isinstance(at, datetime) and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if event.event_type == "inbound":
        return MailArrival(event.message.as_bytes(), at)
    state = _STATES.get(str(event.event_type))
    key = str((event.metadata or {}).get("message") or "")
    if state is None or not key:
        return None
    words = [event.recipient, event.reject_reason, event.description or event.mta_response]
    if event.event_type == "complained":
        words.append(_("marked as spam by who got it"))
    detail = ": ".join(str(one) for one in words if one) if state == "failed" else ""
    name = name_for(key, mark_of(event.recipient)) if event.recipient else key
    return DeliveryArrival(name, state, at, detail[:300], key=key)


def _options(provider: Provider, connection: Connection) -> dict[str, Any]:
    """The keys of a provider, as anymail takes them."""
    known = {**connection.config, **connection.secrets}
    options = {name: str(known.get(setting) or "") for name, setting in provider.keys.items()}
    url = provider.regions.get(str(connection.config.get("provider_region") or ""))
    return {**options, "api_url": url} if url else options


def _view(provider: Provider, connection: Connection, call: HookRequest) -> Any:
    """anymail's reader of a provider's calls."""
    inbound = is_inbound(call)
    if inbound and not provider.takes_mail:
        raise RefusedCall("mails of this provider are not taken")
    name = f"{provider.label}{'Inbound' if inbound else 'Tracking'}WebhookView"
    view = getattr(import_module(f"anymail.webhooks.{provider.key}"), name)
    with warnings.catch_warnings():
        # A kept payload was verified when it came.
        warnings.simplefilter("ignore", AnymailInsecureWebhookWarning)
        return view(**{provider.signed_by: connection.secrets.get("hook_secret") or "-"})


def _request(call: HookRequest) -> WSGIRequest:
    """A call as Django would have it."""
    content_type = call.headers.get("content-type") or call.content_type
    environment = {
        "REQUEST_METHOD": call.method,
        "PATH_INFO": "/",
        "QUERY_STRING": call.query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.input": BytesIO(call.body),
        "HTTP_AUTHORIZATION": call.headers.get("authorization", ""),
    }
    return WSGIRequest(environment)


def _failure(error: AnymailAPIError) -> Exception:
    """What an error of the provider means for the mail."""
    status = getattr(error, "status_code", None)
    words = _first_line(error)
    if status is None or status in _LATER:
        return TemporaryFailure(words)
    if status in {401, 403}:
        return ProviderRefuses(_("The provider refuses the key (%d).") % status)
    return FateUnknown(words) if status >= 500 else PermanentFailure(words)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:250]


class _GuardedAdapter(BaseAdapter):
    """Carries requests of ``requests`` by the guarded client: checked address, one clock, no redirects, no proxy.

    ``has_taken``: a request was answered with 2xx.
    """

    has_taken = False

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send one request. What broke off after it had been sent is FateUnknown."""
        body: Any = request.body or b""
        headers = {name: str(value) for name, value in request.headers.items()}
        # The answer is read as it is.
        headers["Accept-Encoding"] = "identity"
        try:
            answer = guarded_http.call(
                str(request.url),
                method=str(request.method),
                body=body.encode() if isinstance(body, str) else body,
                headers=headers,
                total_seconds=SEND_SECONDS,
            )
        except (guarded_http.RefusedAddress, guarded_http.NotConnected) as error:
            raise requests.ConnectionError(str(error), request=request) from error
        except guarded_http.CallFailed as error:
            raise FateUnknown(str(error)) from error
        self.has_taken = self.has_taken or 200 <= answer.status < 300
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, str(request.url), request
        response.headers.update(answer.headers)
        response._content = answer.body
        return response

    def close(self) -> None:
        """Nothing is kept open."""


def _guarded_session(adapter: BaseAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session
