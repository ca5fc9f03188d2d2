"""The one door for requests to addresses that people typed in: webhooks, and whatever fetches an address later.

A request goes to a public address or nowhere. The name is resolved once, *every* address it has must be public (private,
loopback, link-local, metadata, shared, multicast and reserved ranges are refused, whatever they are written as), and the
connection is made to exactly that address, so that a name that changes between the look and the call reaches nothing.
Redirects are not followed. Time and size are capped, no proxy and no cookie is used.

``settings.GUARDED_HTTP_ALLOW`` names hosts (``host`` or ``host:port``) of one's own network that may be called all the same.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_BYTES = 64 * 1024
LONGEST_URL = 2_000
PORTS = frozenset({80, 443, 8080, 8443})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?\.?", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddress(Exception):
    """The address must not be called; nothing was sent. The text says why."""


class CallFailed(Exception):
    """The call was allowed and did not work out: no connection, no answer in time, or an answer that cannot be read."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the first bytes of the body (at most ``MOST_BYTES``), whether there were more."""

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
) -> Answer:
    """Send one request and return the answer, whatever its status; 3xx is an answer like any other.

    Raises RefusedAddress before anything is sent, CallFailed afterwards.
    """
    deadline = time.monotonic() + total_seconds
    target = _resolve(url)
    connection = _connect(target, deadline)
    # Reads have a timeout each; a server that drips one byte after the other is cut off by this.
    alarm = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connection.sock])
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(
            method, target.path, body=body or None, headers={"Host": target.host_header, **(headers or {})}
        )
        return _read(connection, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CallFailed(f"{target.host}: {error or type(error).__name__}") from error
    finally:
        alarm.cancel()
        connection.close()


def _cut(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _split(url: str) -> tuple[str, str, int, str]:
    """(scheme, host in ASCII, port, path with query) of an address; raises RefusedAddress."""
    if len(url) > LONGEST_URL or any(character <= " " or character == "\x7f" for character in url):
        raise RefusedAddress("the address has characters that no address has, or is too long")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddress(f"this is no address: {error}") from error
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
    """The host name as it is looked up; an IPv6 address stays as it is."""
    if ":" in host:
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
    return name


def _resolve(url: str) -> _Target:
    scheme, host, port, path = _split(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CallFailed(f"{host}: the name cannot be resolved") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
    if not addresses:
        raise CallFailed(f"{host}: the name has no address")
    if not _is_allowed(host, port):
        for address in addresses:
            if not is_public(address):
                raise RefusedAddress(f"{host} leads to {address}, which is no public address")
    return _Target(scheme, host, port, path, addresses)


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet; addresses wrapped in IPv6 count as what they lead to."""
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        wrapped = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            wrapped = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if found.teredo is not None:
            return False
        if wrapped is not None:
            found = wrapped
        elif found.is_site_local:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved and not found.is_unspecified


def _is_allowed(host: str, port: int) -> bool:
    allowed = {entry.lower() for entry in getattr(settings, "GUARDED_HTTP_ALLOW", ())}
    return host in allowed or f"{host}:{port}" in allowed


def _connect(target: _Target, deadline: float) -> http.client.HTTPConnection:
    """Connect to one of the checked addresses; TLS is verified against the name, not the address."""
    last: Exception | None = None
    for address in target.addresses:
        seconds = min(CONNECT_SECONDS, deadline - time.monotonic())
        if seconds <= 0:
            break
        try:
            raw = socket.create_connection((address, target.port), timeout=seconds)
        except OSError as error:
            last = error
            continue
        return _wrap(target, raw)
    raise CallFailed(f"{target.host}: {last or 'no connection in time'}")


def _wrap(target: _Target, raw: socket.socket) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(target.host, target.port)
    try:
        if target.scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=target.host)
    except (OSError, ValueError) as error:
        raw.close()
        raise CallFailed(f"{target.host}: {error}") from error
    connection.sock = raw
    # Without this a closed connection would silently be opened again, to whatever the name leads to by then.
    connection.auto_open = 0
    return connection


def _read(connection: http.client.HTTPConnection, deadline: float) -> Answer:
    """Read an answer until the caps."""
    _wait_at_most(connection, deadline)
    response = connection.getresponse()
    body = b""
    while len(body) <= MOST_BYTES:
        _wait_at_most(connection, deadline)
        piece = response.read1(8_192)
        if not piece:
            break
        body += piece
    return Answer(
        status=response.status,
        body=body[:MOST_BYTES],
        is_cut=len(body) > MOST_BYTES,
        headers={name.lower(): value for name, value in response.getheaders()},
    )


def _wait_at_most(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    if connection.sock is not None:
        connection.sock.settimeout(left)
