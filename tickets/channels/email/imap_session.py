"""One conversation with an IMAP server: log in, list a folder by UID, fetch mails. It only reads: ``EXAMINE`` and ``BODY.PEEK``.

``server_connection`` guards the way there. Each step has a timeout and the whole conversation one deadline, what the server may
send is capped, and a mail counts as received only when it came with all its bytes.
"""

import binascii
import contextlib
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tickets.channels.email.limits import MAX_MESSAGE_BYTES
from tickets.channels.email.server_connection import (
    IMAP_PORTS,
    STEP_SECONDS,
    Code,
    Login,
    ServerTrouble,
    connected,
    ends_by,
    hang_up,
    tls_context,
    tls_trouble,
)

# One answer: the largest mail that is fetched, and the words around it.
MOST_ANSWER_BYTES = MAX_MESSAGE_BYTES + 8 * 1024 * 1024
# A line of UIDs must stay below the million bytes that imaplib reads.
UIDS_AT_ONCE = 80_000
_UID = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b", re.IGNORECASE)
_BODY = re.compile(rb"\bBODY\[", re.IGNORECASE)
# The server asks to come back: RFC 5530.
_LATER = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Folder:
    """A folder as it was opened: UIDs below ``uidnext`` belong to what is there, under this ``uidvalidity``."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True)
class Listed:
    """A mail on the server; ``arrived_at`` is when the server got it, None when it does not say."""

    uid: int
    size: int
    arrived_at: datetime | None


@dataclass(frozen=True)
class Fetched:
    """Whole mails by UID. With ``trouble`` the rest did not come; without, UIDs that are missing here are gone."""

    mails: dict[int, bytes]
    trouble: ServerTrouble | None = None


@contextlib.contextmanager
def imap_session(login: Login, *, seconds: float) -> Iterator["ImapSession"]:
    """Log in and yield the session; it ends after ``seconds`` whatever the server does. Raises ServerTrouble."""
    deadline = time.monotonic() + seconds
    wire = connected(login, IMAP_PORTS, deadline)
    with ends_by(wire, deadline):
        imap = _greeted(wire, login)
        try:
            _log_in(imap, login)
            yield ImapSession(imap)
        finally:
            _leave(imap)


class ImapSession:
    """A conversation after the login. Every method raises ServerTrouble."""

    def __init__(self, imap: "_Imap") -> None:
        self._imap = imap

    def open_folder(self, name: str) -> Folder:
        """Open a folder for reading only."""
        with _talking():
            self._imap.begin()
            kind, data = self._imap.select(_quoted(encode_folder(name)), readonly=True)
            if kind != "OK":
                later = _LATER.search(_text(data))
                raise ServerTrouble(Code.TRY_LATER if later else Code.FOLDER_MISSING)
            uidvalidity, uidnext = self._number("UIDVALIDITY"), self._number("UIDNEXT")
            if uidnext is None:
                kind, data = self._imap.status(_quoted(encode_folder(name)), "(UIDNEXT)")
                found = re.search(r"UIDNEXT (\d{1,10})", _text(data))
                uidnext = int(found[1]) if found else None
            if uidvalidity is None or uidnext is None:
                raise ServerTrouble(Code.NOT_IMAP)
            return Folder(uidvalidity, uidnext)

    def listing(self, uids: str) -> list[Listed]:
        """The mails of a set of UIDs (``3:9`` or ``3,5``) in the order of their UIDs."""
        with _talking():
            self._imap.begin()
            kind, data = self._imap.uid("FETCH", uids, "(UID RFC822.SIZE INTERNALDATE)")
            if kind != "OK":
                raise ServerTrouble(Code.TRY_LATER)
            found = {}
            for line in data:
                if not isinstance(line, bytes):
                    continue
                uid, size = _UID.search(line), _SIZE.search(line)
                if uid and size:
                    found[int(uid[1])] = Listed(int(uid[1]), int(size[1]), _arrived(line))
            return [found[uid] for uid in sorted(found)]

    def uids(self, first: int, last: int) -> set[int]:
        """The UIDs from ``first`` to ``last`` that the folder has; at most ``UIDS_AT_ONCE`` between them."""
        with _talking():
            self._imap.begin()
            kind, data = self._imap.uid("SEARCH", "UID", f"{first}:{last}")
            if kind != "OK":
                raise ServerTrouble(Code.TRY_LATER)
            words = b" ".join(line for line in data if isinstance(line, bytes)).split()
            return {uid for uid in (int(word) for word in words if word.isdigit()) if first <= uid <= last}

    def fetch(self, uids: Sequence[int], *, header_bytes: int = 0) -> Fetched:
        """Fetch whole mails, or with ``header_bytes`` that much of their headers. What came before trouble is returned
        with it."""
        what = f"BODY.PEEK[HEADER]<0.{header_bytes}>" if header_bytes else "BODY.PEEK[]"
        try:
            with _talking():
                self._imap.begin()
                kind, data = self._imap.uid("FETCH", ",".join(map(str, uids)), f"(UID {what})")
        except ServerTrouble as trouble:
            return Fetched(self._left_over(uids), trouble)
        if kind != "OK":
            return Fetched(self._left_over(uids), ServerTrouble(Code.MAIL_REFUSED))
        return Fetched(_mails_in(data, uids))

    def _left_over(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The mails that had come with all their bytes when the answer broke off."""
        return _mails_in(self._imap.untagged_responses.pop("FETCH", []), uids)

    def _number(self, name: str) -> int | None:
        _kind, data = self._imap.response(name)
        word = data[-1] if data and isinstance(data[-1], bytes) else b""
        return int(word) if word.isdigit() and len(word) < 19 else None


def encode_folder(name: str) -> str:
    """Return the name of a folder in the modified UTF-7 of IMAP (RFC 3501, 5.1.3): ``Entwürfe`` is ``Entw&APw-rfe``."""
    pieces = re.split(r"([^\x20-\x7e]+)", name)
    return "".join(_shifted(one) if index % 2 else one.replace("&", "&-") for index, one in enumerate(pieces))


def _shifted(text: str) -> str:
    coded = binascii.b2a_base64(text.encode("utf-16-be"), newline=False).decode("ascii")
    return "&" + coded.rstrip("=").replace("/", ",") + "-"


class _Imap(imaplib.IMAP4):
    """imaplib over a connection that is open already, with caps, and without half mails."""

    def __init__(self, wire: socket.socket, host: str) -> None:
        self._wire = wire
        self._heard = 0
        super().__init__(host, timeout=STEP_SECONDS)

    def begin(self) -> None:
        """Start to count what one answer brings; what an earlier one left is forgotten."""
        self._heard = 0
        self.untagged_responses.pop("FETCH", None)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        self._wire.settimeout(timeout)
        return self._wire

    def read(self, size: int) -> bytes:
        """Read a literal; imaplib itself would take one that breaks off for whole."""
        self._count(size)
        data = super().read(size)
        if len(data) != size:
            raise self.abort("the connection broke off within a literal")
        return data

    def readline(self) -> bytes:
        """Read a line."""
        line = super().readline()
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self._heard += size
        if self._heard > MOST_ANSWER_BYTES:
            raise self.abort("the answer is too long")


def _greeted(wire: socket.socket, login: Login) -> _Imap:
    """Hear the greeting; a connection that nobody takes over is closed."""
    try:
        imap = _Imap(wire, login.host)
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        hang_up(wire)
        raise ServerTrouble(Code.NOT_IMAP) from error
    if imap.state != "NONAUTH":
        _leave(imap)
        raise ServerTrouble(Code.NOT_IMAP)
    return imap


def _log_in(imap: _Imap, login: Login) -> None:
    with _talking():
        if login.security == "starttls":
            _encrypt(imap)
        try:
            if login.token:
                if "AUTH=XOAUTH2" not in imap.capabilities:
                    raise ServerTrouble(Code.NOT_IMAP)
                imap.authenticate("XOAUTH2", _answers(login.xoauth2()))
            elif "AUTH=PLAIN" in imap.capabilities:
                imap.authenticate("PLAIN", _answers(login.plain()))
            else:
                imap.login(_quoted(login.username), login.password)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
            later = _LATER.search(str(error))
            raise ServerTrouble(Code.TRY_LATER) if later else login.refusal from None


def _answers(first: bytes) -> Callable[[bytes], bytes]:
    """The first answer, then empty ones: what XOAUTH2 is told about a token that it refuses is acknowledged so."""
    left = [first]
    return lambda _challenge: left.pop() if left else b""


def _encrypt(imap: _Imap) -> None:
    if "STARTTLS" not in imap.capabilities:
        raise ServerTrouble(Code.NO_STARTTLS)
    try:
        imap.starttls(tls_context())
    except (ssl.SSLError, ValueError) as error:
        raise tls_trouble(error) from error


def _leave(imap: _Imap) -> None:
    """Say goodbye if that is quick, and close."""
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        imap.sock.settimeout(2)
        imap.logout()
    with contextlib.suppress(OSError, ValueError):
        imap.shutdown()


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """What imaplib and the connection raise, in our words."""
    try:
        yield
    except (imaplib.IMAP4.abort, OSError, ValueError) as error:
        raise ServerTrouble(Code.CONNECTION_LOST) from error
    except imaplib.IMAP4.error as error:
        raise ServerTrouble(Code.MAIL_REFUSED) from error


def _mails_in(data: Sequence[object], wanted: Sequence[int]) -> dict[int, bytes]:
    """The mails of an answer by UID, which stands before the mail or behind it."""
    mails = {}
    for index, part in enumerate(data):
        if not isinstance(part, tuple) or not _BODY.search(part[0]):
            continue
        after = data[index + 1] if index + 1 < len(data) else b""
        uid = _UID.search(part[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
        if uid and int(uid[1]) in wanted:
            mails[int(uid[1])] = bytes(part[1])
    return mails


def _arrived(line: bytes) -> datetime | None:
    try:
        local = imaplib.Internaldate2tuple(line)
        return datetime.fromtimestamp(time.mktime(local), UTC) if local else None
    except (OverflowError, OSError, ValueError, KeyError):
        return None


def _quoted(text: str) -> str:
    """A quoted string; line breaks, which would end the command, have been refused before."""
    if any(character in text for character in "\r\n\0"):
        raise ServerTrouble(Code.WRONG_PASSWORD)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(data: Sequence[object]) -> str:
    return b" ".join(one for one in data if isinstance(one, bytes)).decode("ascii", "replace")
