"""ClamAV: asks a clamd over TCP or a Unix socket (``CLAMD_URL``) with its INSTREAM command.

The file travels as pieces, each with its length as four bytes in network order, and a piece of length nought at the end. The
answer is ``stream: OK``, ``stream: <signature> FOUND`` or ``… ERROR``.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.registry import ScanInterrupted, Scanner, ScannerUnavailable, ScanRefused

CONNECT_SECONDS = 5.0
PIECE_BYTES = 64 * 1024
LONGEST_ANSWER = 4096
DEFAULT_PORT = 3310


@dataclass(frozen=True)
class Address:
    """Where clamd listens: ``path`` of a Unix socket, else ``host`` and ``port``."""

    path: str = ""
    host: str = ""
    port: int = DEFAULT_PORT


def address_of(url: str) -> Address:
    """Read ``tcp://host:port`` or ``unix:///path``; raises ImproperlyConfigured for anything else."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "tcp" and parts.hostname and not parts.path.strip("/"):
            return Address(host=parts.hostname, port=parts.port or DEFAULT_PORT)
        if parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1:
            return Address(path=parts.path)
    except ValueError:
        pass
    raise ImproperlyConfigured("CLAMD_URL must be tcp://host:port or unix:///path/to/clamd.sock")


class Clamd(Scanner):
    """The daemon of ClamAV."""

    key = "clamd"
    label = gettext_lazy("ClamAV")

    def is_configured(self) -> bool:
        """``CLAMD_URL`` is set."""
        return bool(settings.CLAMD_URL)

    def version(self) -> str:
        """ClamAV with the number and date of its signatures, such as "ClamAV 1.4.3/27500/…"."""
        with _connected() as line:
            try:
                line.send(b"zVERSION\0")
                return line.answer()[:120]
            except OSError as error:
                raise ScannerUnavailable(_reason(error)) from error

    def scan(self, content: bytes) -> str:
        """Send the content and read the verdict."""
        with _connected() as line:
            try:
                line.send(b"zINSTREAM\0")
                for start in range(0, len(content), PIECE_BYTES):
                    piece = content[start : start + PIECE_BYTES]
                    line.send(struct.pack("!L", len(piece)) + piece)
                line.send(struct.pack("!L", 0))
            except (BrokenPipeError, ConnectionResetError) as error:
                # clamd hangs up on what is too large; what it said before still lies in the line.
                return _verdict(line.last_words(), error)
            except OSError as error:
                raise ScanInterrupted(_reason(error)) from error
            try:
                return _verdict(line.answer())
            except OSError as error:
                raise ScanInterrupted(_reason(error)) from error


class _Line:
    """A connection whose every step ends before one common deadline; raises OSError."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + seconds

    def send(self, data: bytes) -> None:
        self._allow()
        self._connection.sendall(data)

    def answer(self) -> str:
        """Read to the end of the answer; a line that ends without one is a lost connection."""
        heard = b""
        while b"\0" not in heard and len(heard) < LONGEST_ANSWER:
            self._allow()
            more = self._connection.recv(LONGEST_ANSWER)
            if not more:
                break
            heard += more
        if not heard.strip(b"\0\n "):
            raise ConnectionResetError("the scanner hung up without an answer")
        return heard.split(b"\0")[0].decode("utf-8", "replace").strip()

    def last_words(self) -> str:
        try:
            return self.answer()
        except OSError:
            return ""

    def _allow(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the scanner took too long")
        self._connection.settimeout(left)


@contextlib.contextmanager
def _connected() -> Iterator[_Line]:
    address = address_of(settings.CLAMD_URL)
    try:
        if address.path:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(address.path)
            except OSError:
                connection.close()
                raise
        else:
            connection = socket.create_connection((address.host, address.port), timeout=CONNECT_SECONDS)
    except OSError as error:
        raise ScannerUnavailable(_reason(error)) from error
    with connection:
        yield _Line(connection, settings.CLAMD_TIMEOUT)


def _verdict(answer: str, error: OSError | None = None) -> str:
    """The signature of an answer, empty when clean."""
    words = answer.removeprefix("stream:").strip()
    if words == "OK":
        return ""
    if words.endswith(" FOUND"):
        return words.removesuffix(" FOUND").strip()[:200] or "unknown"
    if "size limit exceeded" in words:
        raise ScanRefused(_("larger than the scanner takes"))
    raise ScanInterrupted(words[:200] or _reason(error or ConnectionResetError("no answer")))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__)[:200]
