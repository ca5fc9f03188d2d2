"""The suite itself cannot reach another machine, so a forgotten stub fails instead of calling out."""

from __future__ import annotations

import socket

import pytest

from tests.network import NetworkBlocked, is_local

# Addresses reserved for documentation (RFC 5737, RFC 3849): nobody answers there.
ELSEWHERE = ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_another_machine_is_refused_before_anything_is_sent(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        with pytest.raises(NetworkBlocked):
            stream.connect((host, 80))
        with pytest.raises(NetworkBlocked):
            stream.connect_ex((host, 80))
    with socket.socket(family, socket.SOCK_DGRAM) as datagram, pytest.raises(NetworkBlocked):
        datagram.sendto(b"?", (host, 53))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(socket.gaierror, match="tests may not look up names"):
        socket.getaddrinfo("mail.example.com", 25)


def test_this_machine_answers() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", True),  # noqa: S104 - only asked about, nothing listens
        (None, True),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_only_loopback_counts_as_this_machine(host: str | None, local: bool) -> None:
    assert is_local(host) is local
