"""One conversation with a POP3 server: log in, list the mails by their names (UIDL), fetch, and delete what may be deleted.

Message numbers hold for one conversation only; names (RFC 1939, 7) stay. What is marked for deletion goes when the conversation
ends well and not before. ``server_connection`` guards the way there; each step has a timeout, the whole one deadline, what the
server may send is capped, and a mail counts as received only with its last line.
"""

import contextlib
import poplib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tickets.channels.email.imap_session import MOST_ANSWER_BYTES, Fetched
from tickets.channels.email.server_connection import (
    POP3_PORTS,
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

MOST_NAMES = 200_000
LONGEST_NAME = 70
# The server asks to come back: RFC 2449, 8; RFC 3206.
_LATER = re.compile(rb"\[(IN-USE|LOGIN-DELAY|SYS/TEMP)\b", re.IGNORECASE)
_DATE = re.compile(rb"^(?:received:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*?;|date:)\s*([^;\r\n]{10,60})", re.I | re.M)


@dataclass(frozen=True)
class Named:
    """A mail on the server. ``number`` is its place in this conversation, ``name`` what it is called in every one."""

    number: int
    name: str
    size: int


class Pop3Session:
    """A conversation after the login. Every method raises ServerTrouble. ``numbers`` says which mail a UID of ours means."""

    def __init__(self, pop: "_Pop3") -> None:
        self._pop = pop
        self.numbers: Mapping[int, int] = {}

    def names(self) -> list[Named]:
        """All mails, the oldest first. A name that two mails share counts once."""
        with _talking():
            self._pop.begin()
            try:
                names = self._pop.uidl()[1]
            except poplib.error_proto as error:
                if self._pop.is_open:
                    raise ServerTrouble(Code.NO_UIDL) from error
                raise
            self._pop.begin()
            sizes = dict(_pairs(self._pop.list()[1]))
        if len(names) > MOST_NAMES:
            raise ServerTrouble(Code.MAIL_REFUSED)
        found: dict[str, Named] = {}
        for number, name in _pairs(names):
            size = sizes.get(number, b"0")
            if 0 < len(name) <= LONGEST_NAME and size.isdigit():
                text = name.decode("ascii", "backslashreplace")[:LONGEST_NAME]
                found.setdefault(text, Named(number, text, int(size)))
        return list(found.values())

    def fetch(self, uids: Sequence[int], *, header_bytes: int = 0) -> Fetched:
        """Fetch whole mails, or with ``header_bytes`` that much of their headers. What came before trouble is in the answer."""
        mails: dict[int, bytes] = {}
        for uid in uids:
            number = self.numbers.get(uid)
            if number is None:
                continue
            try:
                with _talking():
                    self._pop.begin()
                    lines = (self._pop.top(number, 0) if header_bytes else self._pop.retr(number))[1]
            except ServerTrouble as trouble:
                return Fetched(mails, trouble)
            raw = b"\r\n".join(lines) + b"\r\n"
            mails[uid] = raw[:header_bytes] if header_bytes else raw
        return Fetched(mails)

    def arrived(self, number: int) -> datetime | None:
        """When a mail reached its server, as its first Received line says, else its Date; None when neither can be read."""
        with _talking():
            self._pop.begin()
            head = b"\r\n".join(self._pop.top(number, 0)[1])
        found = _DATE.search(head)
        try:
            moment = parsedate_to_datetime(found[1].decode("ascii", "replace")) if found else None
        except (ValueError, TypeError, OverflowError):
            return None
        return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment

    def delete(self, numbers: Sequence[int]) -> None:
        """Mark mails; they go with ``commit``."""
        with _talking():
            for number in numbers:
                self._pop.dele(number)

    def commit(self) -> None:
        """End the conversation well, so that what is marked goes."""
        with _talking():
            self._pop.quit()


class _Pop3(poplib.POP3):
    """poplib over a connection that is open already, with caps, and with lines as long as mails have them."""

    def __init__(self, wire: socket.socket, host: str) -> None:
        self._wire = wire
        self._heard = 0
        try:
            super().__init__(host, timeout=STEP_SECONDS)
        except BaseException:
            # poplib leaves open what it reads from.
            self.close()
            raise

    def begin(self) -> None:
        """Start to count what one answer brings."""
        self._heard = 0

    def ask(self, line: str) -> bytes:
        """Send a line that poplib does not know, and return the first line of the answer."""
        return bytes(self._shortcmd(line))  # type: ignore[attr-defined]

    @property
    def is_open(self) -> bool:
        """Whether an error was an answer, after which the conversation goes on."""
        return not self._is_over

    _is_over = False

    def _create_socket(self, timeout: float) -> socket.socket:
        self._wire.settimeout(timeout)
        return self._wire

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(MOST_ANSWER_BYTES)
        self._heard += len(line)
        if not line.endswith(b"\n") or self._heard > MOST_ANSWER_BYTES:
            self._is_over = True
            raise poplib.error_proto("the connection broke off, or the answer is too long")
        return line.removesuffix(b"\n").removesuffix(b"\r"), len(line)


@contextlib.contextmanager
def pop3_session(login: Login, *, seconds: float) -> Iterator[Pop3Session]:
    """Log in and yield the session; it ends after ``seconds`` whatever the server does. Raises ServerTrouble."""
    deadline = time.monotonic() + seconds
    wire = connected(login, POP3_PORTS, deadline)
    with ends_by(wire, deadline):
        try:
            pop = _Pop3(wire, login.host)
        except (poplib.error_proto, OSError, ValueError) as error:
            hang_up(wire)
            later = isinstance(error, poplib.error_proto) and _LATER.search(_said(error))
            raise ServerTrouble(Code.TRY_LATER if later else Code.NOT_POP3) from error
        try:
            _log_in(pop, login)
            yield Pop3Session(pop)
        finally:
            _leave(pop)


def _leave(pop: _Pop3) -> None:
    """Say goodbye if that is quick, or the server keeps the mailbox locked, and close."""
    with contextlib.suppress(OSError, ValueError, poplib.error_proto):
        if pop.sock is not None:
            pop.sock.settimeout(2)
            pop.quit()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        pop.close()


def _log_in(pop: _Pop3, login: Login) -> None:
    with _talking():
        capabilities = _capabilities(pop)
        if login.security == "starttls":
            if "STLS" not in capabilities:
                raise ServerTrouble(Code.NO_STARTTLS)
            try:
                pop.stls(tls_context())
            except (ssl.SSLError, ValueError) as error:
                raise tls_trouble(error) from error
            capabilities = _capabilities(pop)
        methods = {one.upper() for one in capabilities.get("SASL", [])}
        try:
            if login.token:
                if "XOAUTH2" not in methods:
                    raise ServerTrouble(Code.NOT_POP3)
                _authenticate(pop, "XOAUTH2", login.xoauth2())
            elif "PLAIN" in methods:
                _authenticate(pop, "PLAIN", login.plain())
            else:
                pop.user(login.username)
                pop.pass_(login.password)
        except poplib.error_proto as error:
            if not pop.is_open:
                raise
            raise ServerTrouble(Code.TRY_LATER) if _LATER.search(_said(error)) else login.refusal from None


def _authenticate(pop: _Pop3, method: str, first: bytes) -> None:
    """SASL in two steps (RFC 5034), as Microsoft wants it."""
    pop.ask(f"AUTH {method}")
    answer = pop.ask(coded(first))
    if not answer.upper().startswith(b"+OK"):
        # What is wrong with the token, which wants an empty answer.
        pop.ask("")
        raise poplib.error_proto(b"-ERR [AUTH]")


def _capabilities(pop: _Pop3) -> Mapping[str, Sequence[str]]:
    """What the server can do; nothing where it does not say."""
    try:
        pop.begin()
        return pop.capa()
    except poplib.error_proto:
        if not pop.is_open:
            raise
        return {}


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """What poplib and the connection raise, in our words."""
    try:
        yield
    except poplib.error_proto as error:
        refused = _said(error).startswith(b"-ERR")
        raise ServerTrouble(Code.MAIL_REFUSED if refused else Code.CONNECTION_LOST) from error
    except (OSError, ValueError) as error:
        raise ServerTrouble(Code.CONNECTION_LOST) from error


def _pairs(lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        number, _space, rest = line.partition(b" ")
        if number.isdigit() and len(number) < 10:
            yield int(number), rest.strip()


def _said(error: poplib.error_proto) -> bytes:
    first = error.args[0] if error.args else b""
    return first if isinstance(first, bytes) else str(first).encode()
