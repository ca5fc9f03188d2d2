"""The one door for connections to addresses that people typed in: webhooks by ``call``, other protocols by ``connect``.

A request goes to a public address or nowhere. The name is resolved once, *every* address it has must be public (private,
loopback, link-local, metadata, shared, multicast, tunnelled and reserved ranges are refused, whatever they are written as), and
the connection is made to exactly that address, so that a name that changes between the look and the call reaches nothing.
Redirects are not followed. One clock runs over everything, from the look-up of the name to the last byte; the size is capped,
no proxy and no cookie is used.

No error names the address that a name leads to: whoever typed the name in may read the error, and must not learn from it how the
network is numbered. The log has it.

``settings.GUARDED_HTTP_ALLOW`` names hosts (``host`` or ``host:port``) of one's own network that may be called all the same. Who
uses ``connect`` keeps such a list of its own.
"""

import http.client
import io
import ipaddress
import logging
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_BYTES = 64 * 1024
LONGEST_URL = 2_000
PORTS = frozenset({80, 443, 8080, 8443})
MOST_LOOK_UPS = 16
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
# What the registries call global, or leave open, and what all the same ends on one's own side or in a tunnel.
_NEVER_4 = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # the next gateway (PCP, TURN), the metadata of Oracle's cloud
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.IPv4Network(
        "168.63.129.16/32"
    ),  # the host below a machine in Azure, which hands out its secrets
)
_NEVER_6 = (
    ipaddress.IPv6Network("2001::/23"),  # Teredo, ORCHID, anycast to the next gateway
    ipaddress.IPv6Network("2002::/16"),  # 6to4
    ipaddress.IPv6Network("3fff::/20"),  # examples
)
# The middle of an interface's number in which ISATAP wraps an address of IPv4.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?\.?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_look_ups = threading.BoundedSemaphore(MOST_LOOK_UPS)


class RefusedAddress(Exception):
    """The address must not be called; nothing was sent. The text says why, without the address that a name leads to."""


class CallFailed(Exception):
    """The call was allowed and did not work out: no connection, no answer in time, or an answer that cannot be read."""


class NotConnected(CallFailed):
    """There was no connection, so nothing was sent."""


class HostUnknown(NotConnected):
    """The name leads nowhere."""


class AnswerLost(CallFailed):
    """The request was on its way and its answer did not come: whether it took effect, nobody can tell."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the first bytes of the body (as many as the caller takes), whether there were more."""

    status: int
    body: bytes = b""
    is_cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Target:
    """Where a request goes: the addresses are those that may be connected to, in the order of the resolver."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def host_header(self) -> str:
        """The name as the server expects it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return name if self.port == default else f"{name}:{self.port}"


def check_url(url: str) -> None:
    """Raise RefusedAddress for an address that cannot be called whatever it resolves to; looks up nothing."""
    _split(url)


def call(
    url: str,
    *,
    method: str = "POST",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    total_seconds: float = TOTAL_SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """Send one request and return the answer, whatever its status; 3xx is an answer like any other.

    ``total_seconds`` is for everything: look-up, connection, handshake, sending, reading. Of the body ``most_bytes`` are read
    and kept in memory; the rest is left. Raises RefusedAddress and CallFailed before anything is sent, AnswerLost (a
    CallFailed) afterwards.
    """
    clock = _Clock(time.monotonic() + total_seconds)
    target = _resolve(url, clock)
    with _connect(target, clock) as wire:
        connection = _Connection(target, _TimedStream(wire, clock))
        try:
            connection.request(
                method,
                target.path,
                body=body or None,
                headers={"Host": target.host_header, **(headers or {})},
            )
            return _read(connection, most_bytes)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AnswerLost(f"{target.host}: {str(error) or type(error).__name__}") from error


def host_name(host: str) -> str:
    """Return a host as it is looked up, in ASCII; an IP address in its one form. Raises RefusedAddress for what is none."""
    return _ascii_host(host)


def connect(
    host: str, port: int, *, is_allowed: bool = False, total_seconds: float = TOTAL_SECONDS
) -> socket.socket:
    """Return an open connection to a public address of ``host``, for a protocol that the caller speaks.

    ``is_allowed``: the operator has named this host, so that its address may be one of the own network. ``total_seconds`` is for
    look-up and connection; the caller sets the timeouts of what follows. Raises RefusedAddress, HostUnknown and CallFailed.
    """
    clock = _Clock(time.monotonic() + total_seconds)
    name = _ascii_host(host)
    addresses = _checked_addresses(name, port, clock, is_allowed=is_allowed)
    try:
        return _connect(_Target("", name, port, "", addresses), clock)
    except TimeoutError as error:
        raise CallFailed(f"{name}: {error}") from error


@dataclass(frozen=True)
class _Clock:
    """When a call must be over."""

    deadline: float

    def left(self) -> float:
        """Return the seconds that are left; raises TimeoutError when none are."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no answer in time")
        return seconds


class _TimedReader(io.RawIOBase):
    """What comes over a socket; each read gets only the time that the whole call has left.

    With a timeout per read alone, a server that drips one byte after the other would hold a worker for hours.
    """

    def __init__(self, wire: socket.socket, clock: _Clock) -> None:
        super().__init__()
        self._wire = wire
        self._clock = clock

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is; 0 at the end."""
        self._wire.settimeout(self._clock.left())
        return self._wire.recv_into(buffer)


class _TimedStream:
    """As much of a socket as ``http.client`` uses. The socket itself is closed by ``call``."""

    def __init__(self, wire: socket.socket, clock: _Clock) -> None:
        self._wire = wire
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        """Send everything; a piece at a time, as that of ssl begins its timeout anew with each."""
        left = memoryview(data)
        while left:
            self._wire.settimeout(self._clock.left())
            left = left[self._wire.send(left) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what an answer is read from."""
        return io.BufferedReader(_TimedReader(self._wire, self._clock))

    def close(self) -> None:
        """Leave the socket open: an answer may still be read when the connection is done with."""


def _split(url: str) -> tuple[str, str, int, str]:
    """(scheme, host in ASCII, port, path with query) of an address; raises RefusedAddress."""
    if len(url) > LONGEST_URL or any(character <= " " or character == "\x7f" for character in url):
        raise RefusedAddress("the address has characters that no address has, or is too long")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddress("this is no address") from error
    if parts.scheme not in {"http", "https"}:
        raise RefusedAddress("only http and https can be called")
    if parts.username is not None or parts.password is not None or "\\" in url:
        raise RefusedAddress("the address must not hold a name or password")
    host = _ascii_host(parts.hostname or "")
    number = port if port is not None else 443 if parts.scheme == "https" else 80
    if number not in PORTS and not _is_allowed(host, number):
        raise RefusedAddress(f"port {number} cannot be called")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise RefusedAddress("write the path of the address in ASCII")
    return parts.scheme, host, number, path


def _ascii_host(host: str) -> str:
    """The host name as it is looked up; an IPv6 address in its shortest form."""
    if ":" in host:
        if "%" in host:
            raise RefusedAddress("the address must not name a network interface")
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise RefusedAddress("this is no IPv6 address") from error
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise RefusedAddress("this is no host name") from error
    if not _HOST.fullmatch(name):
        raise RefusedAddress("this is no host name")
    # No name ends in a number, but "127.1", "0x7f000001" and "017700000001" are read as addresses by every resolver.
    if _NUMBER.fullmatch(name.removesuffix(".").rpartition(".")[2]) and not _is_plain(name):
        raise RefusedAddress("write an IP address as four numbers with dots between")
    return name


def _is_plain(name: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(name)) == name
    except ValueError:
        return False


def _resolve(url: str, clock: _Clock) -> _Target:
    scheme, host, port, path = _split(url)
    addresses = _checked_addresses(host, port, clock, is_allowed=_is_allowed(host, port))
    return _Target(scheme, host, port, path, addresses)


def _checked_addresses(host: str, port: int, clock: _Clock, *, is_allowed: bool) -> tuple[str, ...]:
    addresses = _look_up(host, port, clock)
    if not addresses:
        raise HostUnknown(f"{host}: the name has no address")
    if not is_allowed:
        for address in addresses:
            if not is_public(address):
                logger.warning("refused to call %s, which leads to %s", host, address)
                raise RefusedAddress(f"address not allowed: {host} leads to no public address")
    return addresses


def _look_up(host: str, port: int, clock: _Clock) -> tuple[str, ...]:
    """Return the addresses of a name. A resolver cannot be interrupted, so it is waited for from another thread."""
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()
    places = _look_ups

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)
        finally:
            places.release()

    try:
        if not places.acquire(timeout=clock.left()):
            raise TimeoutError
        threading.Thread(target=ask, name="guarded-look-up", daemon=True).start()
        found = answers.get(timeout=clock.left())
    except (TimeoutError, queue.Empty) as error:
        raise NotConnected(f"{host}: the name was not resolved in time") from error
    if isinstance(found, Exception):
        raise HostUnknown(f"{host}: the name cannot be resolved") from found
    return tuple(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet; addresses wrapped in IPv6 count as what they lead to."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return _is_public_4(found)
    if found.ipv4_mapped is not None:
        return _is_public_4(found.ipv4_mapped)
    last = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    if found in _NAT64:
        return _is_public_4(last)
    if int(found) >> 32 & 0xFFFF_FFFF in _ISATAP and not _is_public_4(last):
        return False
    return found in _UNICAST and found.is_global and not any(found in network for network in _NEVER_6)


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER_4)
    )


def _is_allowed(host: str, port: int) -> bool:
    allowed = {entry.lower() for entry in getattr(settings, "GUARDED_HTTP_ALLOW", ())}
    return host in allowed or f"{host}:{port}" in allowed


def _connect(target: _Target, clock: _Clock) -> socket.socket:
    """Connect to one of the checked addresses; TLS is verified against the name, not the address."""
    last: Exception | None = None
    for address in target.addresses:
        try:
            wire = socket.create_connection(
                (address, target.port), timeout=min(CONNECT_SECONDS, clock.left())
            )
        except OSError as error:
            last = error
            continue
        return _secured(target, wire, clock)
    raise NotConnected(f"{target.host}: {last or 'no connection'}")


def _secured(target: _Target, wire: socket.socket, clock: _Clock) -> socket.socket:
    """Shake hands where the address begins with https; the whole handshake gets the time that is left."""
    if target.scheme != "https":
        return wire
    try:
        wire.settimeout(clock.left())
        return ssl.create_default_context().wrap_socket(wire, server_hostname=target.host)
    except (OSError, ValueError) as error:
        wire.close()
        raise NotConnected(f"{target.host}: {error}") from error


class _Connection(http.client.HTTPConnection):
    """HTTP over a stream that is connected already, and over that one only."""

    # Else a connection that the server closed would silently be opened again, to whatever the name leads to by then.
    auto_open = 0

    def __init__(self, target: _Target, stream: _TimedStream) -> None:
        super().__init__(target.host, target.port)
        self.sock = stream  # only what _TimedStream has is used of it


def _read(connection: _Connection, most_bytes: int) -> Answer:
    """Read an answer until the cap."""
    response = connection.getresponse()
    body = bytearray()
    while len(body) <= most_bytes:
        piece = response.read1(65_536)
        if not piece:
            break
        body += piece
    if response.length and len(body) <= most_bytes:
        raise http.client.IncompleteRead(b"", response.length)
    return Answer(
        status=response.status,
        body=bytes(body[:most_bytes]),
        is_cut=len(body) > most_bytes,
        headers={name.lower(): value for name, value in response.getheaders()},
    )
