"""What every conversation with a mail server begins with: who one is, a guarded connection, encryption, a deadline; and what can
be wrong, in words.

The server is a stranger. Its address must be public or one that the operator has named (``core.guarded_http``,
``GUARDED_MAIL_ALLOW``). What goes wrong is a ``ServerTrouble`` with a word of our own: nothing the server said is repeated,
because it could hold the password.
"""

import base64
import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core import guarded_http

CONNECT_SECONDS = 10.0
STEP_SECONDS = 15.0
IMAP_PORTS = frozenset({143, 993})
POP3_PORTS = frozenset({110, 995})
SMTP_PORTS = frozenset({25, 465, 587, 2525})
PORTS = {"imap": IMAP_PORTS, "pop3": POP3_PORTS, "smtp": SMTP_PORTS}


class Code(StrEnum):
    """What can be wrong with a mail server or a mailbox."""

    HOST_REFUSED = "host_refused"
    HOST_UNKNOWN = "host_unknown"
    NO_CONNECTION = "no_connection"
    TLS_FAILED = "tls_failed"
    NO_STARTTLS = "no_starttls"
    NOT_IMAP = "not_imap"
    NOT_POP3 = "not_pop3"
    NO_UIDL = "no_uidl"
    NOT_SMTP = "not_smtp"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word for people
    PASSWORD_UNREADABLE = "password_unreadable"  # noqa: S105 - a word for people
    SIGN_IN_EXPIRED = "sign_in_expired"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_BUSY = "sign_in_busy"
    FOLDER_MISSING = "folder_missing"
    TRY_LATER = "try_later"
    MAIL_REFUSED = "mail_refused"
    CONNECTION_LOST = "connection_lost"


WORDS = {
    Code.HOST_REFUSED: _(
        "The server's address may not be called: it is not public, or the port is none of its protocol."
    ),
    Code.HOST_UNKNOWN: _("There is no server of this name."),
    Code.NO_CONNECTION: _("The server does not answer at this port."),
    Code.TLS_FAILED: _("The encrypted connection cannot be made"),
    Code.NO_STARTTLS: _("The server offers no STARTTLS at this port."),
    Code.NOT_IMAP: _("What answers there is no IMAP server, or it lets nobody log in."),
    Code.NOT_POP3: _("What answers there is no POP3 server, or it lets nobody log in."),
    Code.NO_UIDL: _("The server does not name its mails (UIDL), so that none could be told from another."),
    Code.NOT_SMTP: _("What answers there is no SMTP server, or it lets nobody log in."),
    Code.WRONG_PASSWORD: _("The server refuses the user name or the password."),
    Code.PASSWORD_UNREADABLE: _("The stored password cannot be read any more. Enter it again."),
    Code.SIGN_IN_EXPIRED: _("The provider takes the sign-in no more. Sign in again."),
    Code.SIGN_IN_REFUSED: _(
        "The server refuses this sign-in for this user. Is the protocol switched on for the account?"
    ),
    Code.SIGN_IN_BUSY: _("The sign-in could not be renewed just now."),
    Code.FOLDER_MISSING: _("The server has no such folder, or it cannot be opened."),
    Code.TRY_LATER: _("The server asks to come back later."),
    Code.MAIL_REFUSED: _("The server does not hand out a mail."),
    Code.CONNECTION_LOST: _("The connection broke off, or the server took too long."),
}


class ServerTrouble(Exception):
    """A mail server cannot be used now; ``code`` says why and ``words`` tells people. Holds no secret."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail

    @property
    def words(self) -> str:
        """A sentence for people."""
        return f"{WORDS[self.code]}: {self.detail}" if self.detail else str(WORDS[self.code])


@dataclass(frozen=True)
class Login:
    """Where to go and who one is. ``security`` is "tls" (at once), "starttls" or "none".

    With ``token`` (OAuth 2) the login is XOAUTH2 and no password is sent. Without ``username`` nobody logs in (SMTP only).
    ``is_trusted``: the operator has named this server in the settings, so it may be one of the own network.
    """

    host: str
    port: int
    security: str
    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    is_trusted: bool = False

    def __repr__(self) -> str:
        return f"Login({self.username!r} at {self.host}:{self.port})"

    @property
    def refusal(self) -> ServerTrouble:
        """What it means that the server refuses this login."""
        return ServerTrouble(Code.SIGN_IN_REFUSED if self.token else Code.WRONG_PASSWORD)

    def plain(self) -> bytes:
        """The first answer of SASL PLAIN (RFC 4616)."""
        return f"\0{self.username}\0{self.password}".encode()

    def xoauth2(self) -> bytes:
        """The first answer of SASL XOAUTH2, as Google and Microsoft describe it:
        https://developers.google.com/workspace/gmail/imap/xoauth2-protocol."""
        return f"user={self.username}\x01auth=Bearer {self.token}\x01\x01".encode()


def coded(answer: bytes) -> str:
    """An answer of SASL as it goes over the wire."""
    return base64.b64encode(answer).decode("ascii")


def is_allowed(host: str, port: int) -> bool:
    """Whether the operator has named this server as one of the own network."""
    allowed = {entry.lower() for entry in settings.GUARDED_MAIL_ALLOW}
    return host in allowed or f"{host}:{port}" in allowed


def is_loopback(host: str) -> bool:
    """Whether this is a name or an address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connected(login: Login, ports: frozenset[int], deadline: float) -> socket.socket:
    """Connect to an address that may be called, and encrypt where that comes before the first word.

    ``deadline`` is of ``time.monotonic()``. Raises ServerTrouble.
    """
    seconds = min(CONNECT_SECONDS, max(deadline - time.monotonic(), 0.1))
    try:
        host = guarded_http.host_name(login.host)
        allowed = login.is_trusted or is_allowed(host, login.port)
        if login.port not in ports and not allowed:
            raise guarded_http.RefusedAddress("port")
        wire = guarded_http.connect(host, login.port, is_allowed=allowed, total_seconds=seconds)
    except guarded_http.RefusedAddress as error:
        raise ServerTrouble(Code.HOST_REFUSED) from error
    except guarded_http.HostUnknown as error:
        raise ServerTrouble(Code.HOST_UNKNOWN) from error
    except guarded_http.CallFailed as error:
        raise ServerTrouble(Code.NO_CONNECTION) from error
    if login.security != "tls":
        return wire
    wire.settimeout(STEP_SECONDS)
    try:
        with ends_by(wire, deadline):
            return tls_context().wrap_socket(wire, server_hostname=host)
    except (OSError, ValueError) as error:
        wire.close()
        raise tls_trouble(error) from error


def tls_context() -> ssl.SSLContext:
    """Certificates are verified, whoever asks."""
    return ssl.create_default_context()


def tls_trouble(error: Exception) -> ServerTrouble:
    """What is wrong with the encryption."""
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    return ServerTrouble(Code.TLS_FAILED, reason)


@contextlib.contextmanager
def ends_by(wire: socket.socket, deadline: float) -> Iterator[None]:
    """Cut the connection at ``deadline`` (``time.monotonic()``), whatever the server does.

    Each step has a timeout, but a server that drips one byte after the other would keep every one of them.
    """
    with socket.socket(fileno=socket.dup(wire.fileno())) as handle:
        watch = threading.Timer(max(deadline - time.monotonic(), 0.1), _cut, [handle])
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()
            watch.join()


def hang_up(wire: socket.socket) -> None:
    """Close a connection at once, also while a reader of it is still referred to."""
    _cut(wire)
    wire.close()


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
