"""Conversations with SMTP servers: log in, hand over a mail, keep the connection for the next one.

What matters is what is known afterwards. A mail has left when the server has answered its last line with 250. Until that line is
sent, trouble means that nothing has left. Between the line and the answer nobody can know: that is ``FateUnknown``, and nothing
here tries again. ``server_connection`` guards the way there.
"""

import atexit
import contextlib
import os
import re
import smtplib
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from core.outbox import FateUnknown
from tickets.channels.email.server_connection import (
    SMTP_PORTS,
    STEP_SECONDS,
    Code,
    Login,
    ServerTrouble,
    coded,
    connected,
    ends_by,
    hang_up,
    tls_context,
    tls_trouble,
)

# One mail, from the look-up of the name to the last answer. Below the time that a task of the outbox has left at its worst.
HAND_OVER_SECONDS = 30.0
# Servers close what is idle for long, and some count mails per connection.
MOST_IDLE_SECONDS = 60.0
MOST_AGE_SECONDS = 300.0
MOST_MAILS = 100
MOST_IDLE = 4
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})
_LINE_START = re.compile(rb"(?m)^\.")


@dataclass(frozen=True)
class Refusal:
    """A "no" of the server: 4xx may change, 5xx is final. ``text`` is what it said, for the person who wrote the mail."""

    code: int
    text: str

    @property
    def is_final(self) -> bool:
        """Whether asking again is of no use."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}"[:250]


@dataclass(frozen=True)
class Receipt:
    """Who got the mail, and who did not and why. With ``mail`` the server refused the mail as a whole: nobody got it."""

    accepted: Sequence[str] = ()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    mail: Refusal | None = None


class SmtpSession:
    """A conversation after the login."""

    def __init__(self, smtp: "_Smtp", login: Login) -> None:
        self._smtp = smtp
        self._login = login
        self.opened_at = self.used_at = time.monotonic()
        self.mails = 0

    def send(self, sender: str, recipients: Sequence[str], raw: bytes, *, deadline: float) -> Receipt:
        """Hand over one mail (bytes with CRLF). Raises ServerTrouble when nothing has left, FateUnknown when nobody can know."""
        self.mails += 1
        self.used_at = time.monotonic()
        with ends_by(self._smtp.wire, deadline):
            with _talking():
                refused_at_once = self._begin(sender, recipients, raw)
                if refused_at_once is not None:
                    return refused_at_once
                refused = self._name_recipients(recipients)
                accepted = [one for one in recipients if one not in refused]
                if not accepted:
                    self._smtp.rset()
                    return Receipt((), refused)
                refusal = self._refusal(*self._smtp.docmd("DATA"), wanted=354)
                if refusal is not None:
                    self._smtp.rset()
                    return Receipt((), refused, refusal)
                self._smtp.send(_as_data(raw))
            refusal = self._refusal(*self._end(deadline), wanted=250)
        if refusal is not None:
            return Receipt((), refused, refusal)
        return Receipt(accepted, refused)

    def is_alive(self) -> bool:
        """Whether the server still answers on this connection."""
        try:
            return self._smtp.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def is_worn(self) -> bool:
        """Whether it is time for a new connection."""
        now = time.monotonic()
        return (
            self.mails >= MOST_MAILS
            or now - self.opened_at > MOST_AGE_SECONDS
            or now - self.used_at > MOST_IDLE_SECONDS
        )

    def close(self) -> None:
        """Say goodbye if that is quick, and close."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._smtp.wire.settimeout(2)
            self._smtp.quit()
        self._smtp.close()

    def _begin(self, sender: str, recipients: Sequence[str], raw: bytes) -> Receipt | None:
        """MAIL FROM; a receipt when that is already the end."""
        options = []
        if self._smtp.has_extn("size"):
            options.append(f"SIZE={len(raw)}")
        if not raw.isascii() and self._smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        self._smtp.command_encoding = "ascii"
        if not all(one.isascii() for one in (sender, *recipients)):
            if not self._smtp.has_extn("smtputf8"):
                return Receipt(mail=Refusal(553, "this server takes no addresses with letters beyond ASCII"))
            options.append("SMTPUTF8")
            self._smtp.command_encoding = "utf-8"
        refusal = self._refusal(*self._smtp.mail(sender, options), wanted=250)
        if refusal is None:
            return None
        self._smtp.rset()
        return Receipt(mail=refusal)

    def _name_recipients(self, recipients: Sequence[str]) -> dict[str, Refusal]:
        refused = {}
        for one in recipients:
            code, text = self._smtp.rcpt(one)
            refusal = None if code in (250, 251) else self._refusal(code, text, wanted=250)
            if refusal is not None:
                refused[one] = refusal
        return refused

    def _refusal(self, code: int, text: bytes, *, wanted: int) -> Refusal | None:
        """None for the wanted answer. 421 says that the server is going away, whoever is asked about."""
        if code == wanted:
            return None
        if code == 421:
            raise ServerTrouble(Code.TRY_LATER)
        if code in _AUTHENTICATION_CODES:
            raise self._login.refusal
        if not 400 <= code < 600:
            raise ServerTrouble(Code.CONNECTION_LOST)
        return Refusal(code, " ".join(text.decode("utf-8", "replace").split()))

    def _end(self, deadline: float) -> tuple[int, bytes]:
        """Send the line that makes the server responsible for the mail, and hear what it says, however long it thinks."""
        try:
            self._smtp.wire.settimeout(max(deadline - time.monotonic(), 1.0))
            self._smtp.send(b".\r\n")
            answer = self._smtp.getreply()
            self._smtp.wire.settimeout(STEP_SECONDS)
            return answer
        except Exception as error:
            raise FateUnknown(
                "the connection broke off after the mail and before the server's answer"
            ) from error


class _Smtp(smtplib.SMTP):
    """smtplib over a connection that is open already."""

    def __init__(self, wire: socket.socket, host: str) -> None:
        self._wire = wire
        # Without a name smtplib would look up its own, without any limit of time.
        super().__init__(local_hostname=_own_name(), timeout=STEP_SECONDS)
        # Who is greeted, and whose certificate STARTTLS verifies.
        self._host = host
        wire.settimeout(STEP_SECONDS)
        code, _text = self.connect(host, 1)
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, b"")

    @property
    def wire(self) -> socket.socket:
        """The connection as it is now, encrypted or not."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        return self.sock

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._wire


class SmtpPool:
    """Open connections by login, kept between mails in this process. A forked process begins with none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Login, list[SmtpSession]] = {}
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    @contextlib.contextmanager
    def session(self, login: Login, *, deadline: float) -> Iterator[SmtpSession]:
        """Yield a session that answers, and keep it afterwards unless something went wrong. Raises ServerTrouble."""
        session = self._idle(login) or open_session(login, deadline=deadline)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        self._give_back(login, session)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            sessions = [one for kept in self._kept.values() for one in kept]
            self._kept = {}
        for one in sessions:
            one.close()

    def _begin(self) -> None:
        """A fork inherits neither what is locked nor connections that another process speaks on."""
        self._lock = threading.Lock()
        self._kept = {}

    def _idle(self, login: Login) -> SmtpSession | None:
        """A kept session that is still good; those that are not are closed. That one has died is no failure of a mail."""
        while True:
            with self._lock:
                self._close_worn()
                kept = self._kept.get(login)
                if not kept:
                    return None
                session = kept.pop()
            if session.is_alive():
                return session
            session.close()

    def _give_back(self, login: Login, session: SmtpSession) -> None:
        session.used_at = time.monotonic()
        with self._lock:
            kept = self._kept.setdefault(login, [])
            if not session.is_worn() and len(kept) < MOST_IDLE:
                kept.append(session)
                return
        session.close()

    def _close_worn(self) -> None:
        """Close what is worn, of every login: a token that was renewed leaves its connections behind."""
        for login, kept in list(self._kept.items()):
            for one in [one for one in kept if one.is_worn()]:
                kept.remove(one)
                one.close()
            if not kept:
                del self._kept[login]


pool = SmtpPool()


def open_session(login: Login, *, deadline: float) -> SmtpSession:
    """Connect and log in. Raises ServerTrouble."""
    wire = connected(login, SMTP_PORTS, deadline)
    with ends_by(wire, deadline):
        try:
            smtp = _Smtp(wire, login.host)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            hang_up(wire)
            later = isinstance(error, smtplib.SMTPConnectError) and 400 <= error.smtp_code < 500
            raise ServerTrouble(Code.TRY_LATER if later else Code.NOT_SMTP) from error
        try:
            with _talking():
                smtp.ehlo_or_helo_if_needed()
                if login.security == "starttls":
                    _encrypt(smtp)
                if login.username:
                    _log_in(smtp, login)
        except BaseException:
            smtp.close()
            raise
    return SmtpSession(smtp, login)


def _encrypt(smtp: _Smtp) -> None:
    if not smtp.has_extn("starttls"):
        raise ServerTrouble(Code.NO_STARTTLS)
    try:
        smtp.starttls(context=tls_context())
    except (OSError, ValueError) as error:
        raise tls_trouble(error) from error
    smtp.ehlo()


def _log_in(smtp: _Smtp, login: Login) -> None:
    methods = smtp.esmtp_features.get("auth", "").upper().split()
    if login.token and "XOAUTH2" in methods:
        code, _text = smtp.docmd("AUTH", f"XOAUTH2 {coded(login.xoauth2())}")
        if code == 334:  # what is wrong with the token, which wants an empty answer
            code, _text = smtp.docmd("")
    elif not login.token and "PLAIN" in methods:
        code, _text = smtp.docmd("AUTH", f"PLAIN {coded(login.plain())}")
    elif not login.token and "LOGIN" in methods:
        code, _text = smtp.docmd("AUTH", f"LOGIN {coded(login.username.encode())}")
        if code == 334:
            code, _text = smtp.docmd(coded(login.password.encode()))
    else:
        raise ServerTrouble(Code.NOT_SMTP)
    if code == 235:
        return
    # 4xx: the server cannot say now.
    raise login.refusal if code >= 500 else ServerTrouble(Code.TRY_LATER)


def _own_name() -> str:
    return urlsplit(settings.SITE_URL).hostname or "localhost"


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """What smtplib and the connection raise before a mail has left, in our words."""
    try:
        yield
    except (OSError, ValueError) as error:  # an SMTPException is an OSError
        raise ServerTrouble(Code.CONNECTION_LOST) from error


def _as_data(raw: bytes) -> bytes:
    """A mail as it follows DATA, without the line that ends it."""
    quoted = _LINE_START.sub(b"..", raw)
    return quoted if quoted.endswith(b"\r\n") else quoted + b"\r\n"
