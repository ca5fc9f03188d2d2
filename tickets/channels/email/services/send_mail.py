"""Hand a mail over, as all mail leaves: by the provider or the server of its inbox, else by ``EMAIL_URL``.

``make_ready`` decides by which server, opens the secrets and asks whether that server is being left alone; ``hand_over`` speaks
to it. Both raise what the outbox understands. What happened is told in the classes that matter to who waits for the mail:

- the server is away, or refuses our login: the mail waits, up to ``GIVE_UP_AFTER``, and so do all others for that server;
- "not now" (4xx) about a recipient: tried again with growing pauses; what others have got they do not get twice;
- "no" (5xx): final, told when all others have had their turn;
- the connection broke between the end of the mail and the answer: nobody knows, a person decides.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.message import sanitize_address
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import FateUnknown, PermanentFailure, Postponed, TemporaryFailure
from core.secret_box import CannotOpen, unseal
from tickets.channel import Connection
from tickets.channels.email.backends import FileOutboxBackend
from tickets.channels.email.mail_providers import (
    ProviderRefuses,
    delivery_name,
    mark_of,
    provider_of,
    send_by_provider,
)
from tickets.channels.email.server_connection import Code, Login, ServerTrouble
from tickets.channels.email.services.note_outgoing import note_outgoing_success, note_outgoing_trouble
from tickets.channels.email.services.pause_sending import (
    DOMAIN_PAUSES,
    PASSWORD_PAUSES,
    SERVER_PAUSES,
    Pause,
    note_success,
    note_trouble,
    pauses_of,
)
from tickets.channels.email.services.renew_sign_in import access_token, note_token_refused
from tickets.channels.email.smtp_session import HAND_OVER_SECONDS, Receipt, pool
from tickets.connections import connection_of
from tickets.models import ChannelHealth, Inbox, OutgoingServer
from tickets.services.note_channel import note_channel

logger = logging.getLogger(__name__)

OUTGOING_PURPOSE = "tickets.outgoing_server"
GIVE_UP_AFTER = timedelta(days=3)
_DJANGO_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_LOGIN_CODES = frozenset(
    {Code.WRONG_PASSWORD, Code.PASSWORD_UNREADABLE, Code.SIGN_IN_EXPIRED, Code.SIGN_IN_REFUSED}
)


@dataclass(frozen=True)
class Route:
    """By which server: ``key`` names it in ``SendingPause``, ``outgoing`` is its row, None for ``EMAIL_URL``."""

    key: str
    login: Login
    outgoing: OutgoingServer | None = None


@dataclass(frozen=True)
class ReadyMail:
    """A mail and its way: a mail server, or a provider (by its ``connection``). With neither it goes to the backend of
    ``EMAIL_URL``, which is no mail server. ``held`` are the domains that take no mail now: theirs follows, the others get it."""

    message: EmailMessage
    route: Route | None = None
    connection: Connection | None = None
    held: Mapping[str, Pause] = field(default_factory=dict)


def make_ready(outbound: Outbound, message: EmailMessage, *, inbox: Inbox | None) -> ReadyMail:
    """Find the way of a mail. Raises Postponed while its server or a recipient's domain is left alone, TemporaryFailure or
    PermanentFailure when there is no way to log in. May call a provider to renew a token, so hold no transaction."""
    if inbox is not None and provider_of(inbox.config) is not None:
        return _ready_for_provider(message, inbox)
    outgoing = None if inbox is None else OutgoingServer.objects.filter(inbox=inbox).first()
    if outgoing is None and settings.EMAIL_BACKEND != _DJANGO_SMTP:
        return ReadyMail(message)
    if outbound.attempts == 0 and outbound.payload.get("refused"):
        # A person has it sent again: everybody is asked anew.
        outbound.payload = {**outbound.payload, "refused": {}}
    key = server_key(outgoing)
    domains = _domains(_missing(outbound, message))
    pauses = pauses_of(key, domains)
    first = pauses.get("") or min(pauses.values(), key=lambda one: one.until, default=None)
    if first is not None and ("" in pauses or pauses.keys() >= domains):
        raise Postponed(first.until, _words(first, key))
    try:
        return ReadyMail(message, Route(key, login_of(outgoing), outgoing), held=pauses)
    except ServerTrouble as trouble:
        raise _server_failed(outbound, key, outgoing, trouble) from trouble


def hand_over(outbound: Outbound, ready: ReadyMail) -> str:
    """Send a mail and return its Message-ID. Raises TemporaryFailure, PermanentFailure and FateUnknown."""
    message, route = ready.message, ready.route
    if ready.connection is not None:
        return _by_provider(outbound, message, ready.connection)
    if route is None:
        try:
            get_connection().send_messages([message])
        except OSError as error:
            raise TemporaryFailure(str(error)) from error
        return str(message.extra_headers["Message-ID"])
    recipients = [one for one in _missing(outbound, message) if _domain(one) not in ready.held]
    if not recipients:
        if _refused(outbound):
            raise PermanentFailure(_told(outbound, [_words_of_refused(outbound, message)]))
        return str(message.extra_headers["Message-ID"])
    deadline = time.monotonic() + HAND_OVER_SECONDS
    try:
        with pool.session(route.login, deadline=deadline) as session:
            # Django's own parameter, which its type does not tell.
            raw = cast(Any, message.message()).as_bytes(linesep="\r\n")
            # Automatic mail has no envelope sender: nobody is told when it comes back.
            sender = _address(message.from_email) if message.from_email else ""
            receipt = session.send(sender, recipients, raw, deadline=deadline)
    except ServerTrouble as error:
        trouble = error
        if error.code == Code.SIGN_IN_REFUSED and route.outgoing is not None and route.outgoing.account_id:
            trouble = note_token_refused(account_id=route.outgoing.account_id, trouble=error)
        raise _server_failed(outbound, route.key, route.outgoing, trouble) from error
    except FateUnknown as error:
        raise FateUnknown(_with_untried(str(error), ready.held)) from error
    _note_receipt(outbound, ready, route, receipt)
    return str(message.extra_headers["Message-ID"])


def has_arrived(message_id: str, *, inbox: Inbox | None) -> bool | None:
    """Whether a mail whose sender died is there: the file outbox can be looked into; of a mail server nobody can tell."""
    connection = get_connection()
    if not isinstance(connection, FileOutboxBackend):
        return None
    if inbox is not None and provider_of(inbox.config) is not None:
        return None
    if inbox is not None and OutgoingServer.objects.filter(inbox=inbox).exists():
        return None
    return connection.path_of(message_id).exists()


def server_key(outgoing: OutgoingServer | None) -> str:
    """The name of a server in pauses and for people: ``host:port user``; without a row that of ``EMAIL_URL``."""
    if outgoing is None:
        return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} {settings.EMAIL_HOST_USER}"
    user = outgoing.account.address if outgoing.account else outgoing.username
    return f"{outgoing.host}:{outgoing.port} {user}"


def login_of(outgoing: OutgoingServer | None) -> Login:
    """Who one is to a server. Raises ServerTrouble when a secret cannot be opened or a sign-in cannot be renewed."""
    if outgoing is None:
        security = "tls" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "none"
        return Login(
            settings.EMAIL_HOST,
            settings.EMAIL_PORT,
            security,
            settings.EMAIL_HOST_USER or "",
            settings.EMAIL_HOST_PASSWORD or "",
            is_trusted=True,
        )
    place = (outgoing.host, outgoing.port, outgoing.security)
    if outgoing.account_id and outgoing.account:
        return Login(*place, outgoing.account.address, token=access_token(account_id=outgoing.account_id))
    if not outgoing.sealed_password:
        return Login(*place, "")
    try:
        password = unseal(outgoing.sealed_password, purpose=OUTGOING_PURPOSE)
    except CannotOpen as error:
        raise ServerTrouble(Code.PASSWORD_UNREADABLE) from error
    return Login(*place, outgoing.username, password)


def _ready_for_provider(message: EmailMessage, inbox: Inbox) -> ReadyMail:
    pause = pauses_of(_provider_key(inbox.pk, inbox.config), ()).get("")
    if pause is not None:
        raise Postponed(pause.until, pause.error)
    return ReadyMail(message, connection=connection_of(inbox))


def _by_provider(outbound: Outbound, message: EmailMessage, connection: Connection) -> str:
    """Hand a mail to a provider, to those who have not got it yet; note how the provider is."""
    had = set(outbound.payload.get("delivered", ()))
    for name in ("to", "cc", "bcc"):
        setattr(message, name, [one for one in getattr(message, name) if mark_of(_address(one)) not in had])
    if not message.recipients():
        return str(message.extra_headers["Message-ID"])
    if not message.to:
        # Not every provider takes a mail to copies alone. Blind copies stay unknown to each other.
        if message.cc:
            message.to, message.cc = message.cc, []
        elif len(message.bcc) == 1:
            message.to, message.bcc = message.bcc, []
    # Providers have envelope senders of their own.
    message.from_email = message.from_email or str(message.extra_headers.pop("From", ""))
    key = _provider_key(connection.inbox_id, connection.config)
    try:
        asked = addresses_of(message)
        name = delivery_name(outbound.idempotency_key, outbound.payload.get("repetition", 0))
        refused = send_by_provider(connection, message, key=name)
    except ProviderRefuses as error:
        note_channel(inbox_id=connection.inbox_id, state=ChannelHealth.State.REFUSED, error=str(error))
        pause = note_trouble(key, "", str(error), pauses=PASSWORD_PAUSES)
        raise TemporaryFailure(str(error), retry_at=pause.until) from error
    except TemporaryFailure as error:
        note_channel(inbox_id=connection.inbox_id, state=ChannelHealth.State.UNREACHABLE, error=str(error))
        pause = note_trouble(key, "", str(error))
        now = timezone.now()
        if now - pause.since > GIVE_UP_AFTER and now - outbound.created_at > GIVE_UP_AFTER:
            raise PermanentFailure(str(error)) from error
        raise TemporaryFailure(str(error), retry_at=pause.until) from error
    note_success(key, ())
    note_channel(inbox_id=connection.inbox_id, state=ChannelHealth.State.OK)
    got = {mark_of(one) for one in asked if one not in refused}
    marks = {mark_of(one): status for one, status in refused.items()}
    outbound.payload = {**outbound.payload, "delivered": sorted(had | got), "refused": marks}
    outbound.save(update_fields=["payload"])
    if refused:
        said = "; ".join(f"{address}: {status}" for address, status in refused.items())
        raise PermanentFailure(_("%(refusals)s (the others have got it)") % {"refusals": said})
    return str(message.extra_headers["Message-ID"])


def _provider_key(inbox_id: int, config: Mapping[str, Any]) -> str:
    return f"{config.get('provider')} inbox:{inbox_id}"


def addresses_of(message: EmailMessage) -> list[str]:
    """The bare addresses of all recipients, each once."""
    return list(dict.fromkeys(_address(one) for one in message.recipients()))


def _address(mailbox: str) -> str:
    """``local@domain`` with the domain in ASCII; empty for an empty one (the envelope sender of automatic mail)."""
    if not mailbox:
        return ""
    return parseaddr(sanitize_address(mailbox, "utf-8"))[1]


def _missing(outbound: Outbound, message: EmailMessage) -> list[str]:
    """The addresses of those who have not got the mail yet, without those who were refused for good."""
    done = {*outbound.payload.get("delivered", ()), *_refused(outbound)}
    return [one for one in addresses_of(message) if mark_of(one) not in done]


def _refused(outbound: Outbound) -> dict[str, str]:
    """What the server said of those whom it refused for good, by ``mark_of``."""
    return dict(outbound.payload.get("refused") or {})


def _words_of_refused(outbound: Outbound, message: EmailMessage) -> str:
    known = _refused(outbound)
    found = [(one, known[mark_of(one)]) for one in addresses_of(message) if mark_of(one) in known]
    return "; ".join(f"{address}: {words}" for address, words in found)


def _told(outbound: Outbound, words: Sequence[str]) -> str:
    """The words for the person who wrote the mail."""
    said = "; ".join(filter(None, words))
    if outbound.payload.get("delivered"):
        return _("%(refusals)s (the others have got it)") % {"refusals": said}
    return said


def _with_untried(words: str, held: Mapping[str, Pause]) -> str:
    """Name those too who were left out, so that nobody takes them for reached."""
    if not held:
        return words
    domains = ", ".join(sorted(held))
    return _("%(words)s; not tried yet: %(domains)s") % {"words": words, "domains": domains}


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _domains(addresses: Sequence[str]) -> set[str]:
    return {_domain(one) for one in addresses}


def _words(pause: Pause, key: str) -> str:
    return f"{pause.domain or key.split(' ')[0]}: {pause.error}"


def _server_failed(
    outbound: Outbound, key: str, outgoing: OutgoingServer | None, trouble: ServerTrouble
) -> Exception:
    """Pause the server; the failure for the outbox."""
    pauses = PASSWORD_PAUSES if trouble.code in _LOGIN_CODES else SERVER_PAUSES
    pause = note_trouble(key, "", trouble.words, pauses=pauses)
    if outgoing is not None:
        note_outgoing_trouble(outgoing=outgoing, trouble=trouble)
    logger.warning("mail server %s: %s", key.split(" ")[0], trouble.code)
    words = f"{key.split(' ')[0]}: {trouble.words}"
    now = timezone.now()
    if now - pause.since > GIVE_UP_AFTER and now - outbound.created_at > GIVE_UP_AFTER:
        return PermanentFailure(words)
    return TemporaryFailure(words, retry_at=pause.until)


def _note_receipt(outbound: Outbound, ready: ReadyMail, route: Route, receipt: Receipt) -> None:
    """Write down who got the mail. Raises TemporaryFailure or PermanentFailure when not everybody did."""
    # The server answers, whatever it says.
    note_success(route.key, _domains(receipt.accepted))
    if route.outgoing is not None:
        note_outgoing_success(outgoing=route.outgoing, has_sent=bool(receipt.accepted))
    _keep(outbound, ready, receipt)
    not_now = {one: refusal for one, refusal in receipt.refused.items() if not refusal.is_final}
    for domain in _domains([*not_now]):
        note_trouble(route.key, domain, _("the domain takes no mail now"), pauses=DOMAIN_PAUSES)
    for_good = _words_of_refused(outbound, ready.message)
    if not (not_now or for_good or receipt.mail or ready.held):
        return
    words = _told(
        outbound,
        [
            for_good,
            *(f"{address}: {refusal}" for address, refusal in not_now.items()),
            str(receipt.mail or ""),
            *(_words(one, route.key) for one in ready.held.values()),
        ],
    )
    if receipt.mail is not None:
        is_final = receipt.mail.is_final and not not_now
        raise (PermanentFailure if is_final else TemporaryFailure)(words)
    if not_now:
        raise TemporaryFailure(words)
    if ready.held:
        # What was refused for good is told when those that were left out have had their turn.
        raise TemporaryFailure(words, retry_at=min(one.until for one in ready.held.values()))
    raise PermanentFailure(words)


def _keep(outbound: Outbound, ready: ReadyMail, receipt: Receipt) -> None:
    """Keep who has got the mail and who never will, while it is not over for all: they are not asked again."""
    before = _refused(outbound)
    final = {mark_of(one): str(refusal) for one, refusal in receipt.refused.items() if refusal.is_final}
    if not (final or (receipt.accepted and (receipt.refused or ready.held or before))):
        return
    had = {*outbound.payload.get("delivered", ()), *map(mark_of, receipt.accepted)}
    outbound.payload = {**outbound.payload, "delivered": sorted(had), "refused": {**before, **final}}
    outbound.save(update_fields=["payload"])
