"""No test reaches the network: only this machine (loopback) and Unix sockets answer.

``tests/conftest.py`` imports the fixture; it is autouse and lasts for the whole session.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest


class NetworkBlocked(OSError):
    """A test tried to talk to another machine."""


def is_local(host: object) -> bool:
    """Whether the host is this machine: a loopback address, its name, or "any address" of a listening socket."""
    if host in (None, "", b"", "localhost", b"localhost", "localhost.localdomain"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return text == socket.gethostname()
    return address.is_loopback or address.is_unspecified


def _refuse_remote(target: object) -> None:
    if isinstance(target, tuple) and target and not is_local(target[0]):
        raise NetworkBlocked(f"tests may not reach the network: {target!r}")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections, datagrams and name look-ups that leave this machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, look_up = socket.socket.sendto, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_remote(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_remote(address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, *arguments: Any) -> int:
        _refuse_remote(arguments[-1])
        return sendto(self, *arguments)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if not is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests may not look up names: {host!r}")
        return look_up(host, *arguments, **options)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket.socket, "sendto", guarded_sendto)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()
