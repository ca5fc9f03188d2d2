"""The one door to addresses that people typed in: what it refuses, what it sends, and that it cannot be talked out of it."""

import base64
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import guarded_http
from core.guarded_http import CallFailed, RefusedAddress, call, check_url, is_public
from core.webhook_signatures import signed_headers


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it was sent; the path says how to answer."""

    got: list[tuple[str, str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        """Answer by path."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.got.append((self.command, self.path, dict(self.headers.items()), body))  # type: ignore[attr-defined]
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        if self.path == "/drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _turn in range(40):
                time.sleep(0.1)
                self.wfile.write(b"x")
                self.wfile.flush()
            return
        size = 200_000 if self.path == "/big" else 2
        self.send_response(410 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"k" * size)

    def log_message(self, *_arguments: Any) -> None:
        """Be quiet."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[HTTPServer]:
    """A server of this machine that is on the list of allowed hosts."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.GUARDED_HTTP_ALLOW = [f"127.0.0.1:{server.server_port}"]
    yield server
    server.shutdown()
    server.server_close()


def url_of(server: HTTPServer, path: str) -> str:
    """An address of the receiver."""
    return f"http://127.0.0.1:{server.server_port}{path}"


NOT_PUBLIC = [
    "127.0.0.1", "127.8.9.1", "0.0.0." + "0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254",
    "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.254", "192.0.0.1",
    "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "fec0::1", "2001:db8::1", "2001:0:7f00:1::", "::127.0.0.1", "100::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@given(st.text(max_size=40))
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert is_public(text) in {True, False}


REFUSED_AT_SIGHT = [
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/", "example.com",
    "http://", "http:///x", "http://user@example.com/", "http://user:pass@example.com/", "http://example.com@127.0.0.1/",
    "http://example.com:22/", "http://example.com:25/", "http://example.com:6379/", "http://example.com:0/",
    "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com\\@127.0.0.1/",
    "http://[::1", "http://[zz]/", "http://-example.com/", "http://exam_ple!.com/", "http://" + "a" * 3000 + "/", "http://example.com/ü",
    "http://.example.com/", "http://a..b/", "",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_AT_SIGHT)
def test_addresses_that_are_refused_at_sight(url: str) -> None:
    with pytest.raises(RefusedAddress):
        check_url(url)


# Every way to write an address of this machine, or of the machine that knows the cloud's secrets.
DISGUISED = [
    "http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
    "http://0x7f.1/", "http://0/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/", "https://127.0.0.1:8443/", "http://127.0.0.1:8080/", "http://LOCALHOST/", "http://localhost./",
    "http://⑫⑦.⓪.⓪.①/",
]  # fmt: skip


@pytest.mark.parametrize("url", DISGUISED)
def test_no_spelling_of_this_machine_is_called(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *arguments, **_k: connected.append(arguments))
    with pytest.raises((RefusedAddress, CallFailed)):
        call(url)
    assert connected == []


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names lead to these addresses, one list per look-up; returns what was connected to."""
    left = list(answers)
    connected: list[str] = []

    def look_up(_host: str, port: int, **_kinds: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


@pytest.mark.parametrize(
    "answers",
    [["169.254.169.254"], ["10.1.2.3"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"]],
)
def test_a_name_with_any_address_inside_is_refused(
    monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    connected = resolving(monkeypatch, answers)
    with pytest.raises(RefusedAddress, match="no public address"):
        call("https://hooks.example.com/")
    assert connected == []


def test_a_name_that_changes_between_look_and_call_reaches_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    with pytest.raises(CallFailed):
        call("http://rebinding.example.com/")
    assert connected == ["93.184.216.34"]


def test_an_allowed_host_is_called_and_gets_what_was_meant(receiver: HTTPServer) -> None:
    answer = call(
        url_of(receiver, "/hook?x=1"), body=b'{"a":1}', headers={"content-type": "application/json"}
    )
    assert (answer.status, answer.body) == (200, b"kk")
    [(method, path, headers, body)] = receiver.got  # type: ignore[attr-defined]
    assert (method, path, body) == ("POST", "/hook?x=1", b'{"a":1}')
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    assert headers["content-type"] == "application/json"


def test_the_list_of_allowed_hosts_is_exact(receiver: HTTPServer, settings: Any) -> None:
    settings.GUARDED_HTTP_ALLOW = ["127.0.0.1:1"]
    with pytest.raises(RefusedAddress):
        call(url_of(receiver, "/hook"))
    assert receiver.got == []  # type: ignore[attr-defined]


def test_a_redirect_is_an_answer_and_not_followed(receiver: HTTPServer) -> None:
    answer = call(url_of(receiver, "/moved"))
    assert answer.status == 302
    assert len(receiver.got) == 1  # type: ignore[attr-defined]


def test_a_long_answer_is_cut(receiver: HTTPServer) -> None:
    answer = call(url_of(receiver, "/big"))
    assert (len(answer.body), answer.is_cut) == (guarded_http.MOST_BYTES, True)


def test_a_server_that_drips_is_cut_off_by_the_clock(receiver: HTTPServer) -> None:
    before = time.monotonic()
    with pytest.raises(CallFailed):
        call(url_of(receiver, "/drip"), total_seconds=0.5)
    assert time.monotonic() - before < 3


def test_headers_cannot_be_smuggled(receiver: HTTPServer) -> None:
    with pytest.raises(CallFailed):
        call(url_of(receiver, "/hook"), headers={"x": "a\r\nHost: other"})
    assert receiver.got == []  # type: ignore[attr-defined]


def test_signatures_are_those_of_standard_webhooks() -> None:
    key, body, at = b"k" * 32, b'{"x":1}', datetime(2026, 11, 21, 12, tzinfo=UTC)
    headers = signed_headers(key=key, message_id="msg_1", at=at, body=body)
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    digest = hmac.new(key, f"msg_1.{int(at.timestamp())}.".encode() + body, "sha256").digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
