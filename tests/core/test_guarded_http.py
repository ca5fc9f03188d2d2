"""The one door to addresses that people typed in: what it refuses, what it sends, and that it cannot be talked out of it."""

import base64
import hmac
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import guarded_http
from core.guarded_http import AnswerLost, CallFailed, RefusedAddress, call, check_url, is_public
from core.multipart import multipart
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
    # this machine, and no machine
    "127.0.0.1", "127.8.9.1", "127.255.255.255", "0.0.0." + "0", "0.1.2.3", "::1", "::",
    # one's own network
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255", "fc00::1", "fdff::1",
    "fe80::1", "febf::1", "fec0::1", "100.64.0.1", "100.127.255.254", "169.254.0.1",
    # what tells the secrets of clouds
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254",
    "fe80::a9fe:a9fe",
    # the next gateway, relays, examples, benchmarks
    "192.0.0.1", "192.0.0.9", "192.0.0.10", "192.88.99.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
    "203.0.113.9", "2001:1::1", "2001:1::2", "2001:2::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
    # many machines at once, and what nobody has
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1", "4000::1", "e000::1",
    # IPv4 in IPv6: mapped, translated, compatible, 6to4, NAT64, Teredo, ISATAP
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::ffff:168.63.129.16",
    "::ffff:0:127.0.0.1", "::127.0.0.1", "::10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "2002:a9fe:a9fe::1", "2002:808:808::",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "64:ff9b:1::808:808",
    "2001:0:7f00:1::", "2001:0:53aa:64c:0:0:f5ff:fffe", "2a00:1450::5efe:a00:1", "2a00:1450::200:5efe:7f00:1",
    # no address at all
    "", "localhost", "127.1", "0x7f000001", "2130706433", "fe80::1%eth0", "1.2.3.4.5", "1.2.3.256", "::g",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:2800:220:1:248:1893:25c8:1946",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2a00:1450::5efe:808:808",
    ],
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


# Every way to write an address of this machine, of its network, or of the machine that knows the cloud's secrets.
DISGUISED = [
    # as it is, with every port that can be called, in every case, with a dot at the end
    "http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:8080/", "https://127.0.0.1:8443/",
    "http://127.0.0.1./", "http://127.255.255.254/", "http://localhost/", "http://LOCALHOST/", "http://LocalHost./",
    "HTTP://127.0.0.1/", "http://127.0.0.1?x", "http://127.0.0.1#x", "http://127.0.0.1:/",
    # in fewer numbers, decimal, octal, hexadecimal, mixed, padded, overflowing
    "http://127.1/", "http://127.0.1/", "http://127.1./", "http://2130706433/", "http://2130706433./", "http://02130706433/",
    "http://0x7f000001/", "http://0X7F000001/", "http://0x7f.1/", "http://0x7f.0x0.0x0.0x1/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://0177.0.0.01/", "http://0177.1/", "http://017700000001/", "http://00000177.0.0.1/",
    "http://127.000.000.001/", "http://127.0.0.0x1/", "http://0/", "http://0.0.0.0/", "http://00/", "http://0x0/", "http://0x/",
    "http://4294967295/", "http://6425673729/", "http://256.256.256.256/", "http://127.0.0.257/", "http://1.1/",
    # the network and the metadata of clouds
    "http://10.0.0.1/", "http://10.1/", "http://167772161/", "http://0xa.0.0.1/", "http://012.0.0.1/", "http://172.16.0.1/",
    "http://192.168.0.1/", "http://192.168.1/", "http://3232235521/", "http://0300.0250.0.1/", "http://169.254.169.254/",
    "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://169.254.43518/",
    "http://169.16689662/", "http://169.254.169.254./latest/meta-data/", "http://100.100.100.200/", "http://168.63.129.16/",
    "http://192.0.0.192/", "http://100.64.0.1/", "http://192.0.0.9/", "http://198.18.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://192.88.99.1/",
    # IPv6: short, long, with zones, with IPv4 inside
    "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "http://[::0.0.0.1]/", "https://[::1]:8443/", "http://[::ffff:127.0.0.1]/", "http://[::FFFF:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/", "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[::7f00:1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/", "http://[::1%25lo]/", "http://[::1%lo]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::169.254.169.254]/", "http://[64:ff9b:1::a00:1]/",
    "http://[2001:0:7f00:1::]/", "http://[2001:db8::1]/", "http://[2a00:1450::5efe:a00:1]/", "http://[v1.127.0.0.1]/",
    "http://[127.0.0.1]/", "http://[::1]127.0.0.1/", "http://[[::1]]/", "http://::1/", "http://[::1/",
    # letters that become others, dots that are none, signs that vanish
    "http://⑫⑦.⓪.⓪.①/", "http://１２７.０.０.１/", "http://127。0。0。1/", "http://127．0．0．1/", "http://127｡0｡0｡1/",
    "http://0ｘ7f.1/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://ｌocalhost/", "http://local\u00adhost/", "http://local\u200bhost/",
    "http://LOCALHOſT/", "http://localhost。/", "http://127.0.0.1\u00ad/", "http://xn--127-.0.0.1/", "http://１６９.254.169.254/",
    # escaped, split, with names before and after
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f/", "http://127.0.0.1%00.example.com/", "http://localhost%23.example.com/",
    "http://user@127.0.0.1/", "http://user:word@127.0.0.1/", "http://@127.0.0.1/", "http://:@127.0.0.1/",
    "http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/", "http://example.com%40127.0.0.1/",
    "http://example.com\\@127.0.0.1/", "http://127.0.0.1\\@example.com/", "http://example.com&@127.0.0.1/",
    "http://127.0.0.1\t/", "http://127.0.0.1\n/", "ht\ntp://127.0.0.1/", "http://\x00127.0.0.1/", " http://127.0.0.1/",
    "http:127.0.0.1/", "http:/127.0.0.1/", "http:///127.0.0.1/", "http:\\\\127.0.0.1\\", "//127.0.0.1/", "127.0.0.1",
    # ports that are none of the web's, or no ports
    "http://127.0.0.1:22/", "http://127.0.0.1:6379/", "http://127.0.0.1:80:80/", "http://127.0.0.1:+80/", "http://127.0.0.1:８０/",
    "http://127.0.0.1:65616/", "http://127.0.0.1:-1/", "http://127.0.0.1:0x50/",
    # other doors
    "https+unix://%2Fvar%2Frun%2Fdocker.sock/", "unix:///var/run/docker.sock", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/",
    "jar:http://127.0.0.1!/", "view-source:http://127.0.0.1/", "blob:http://127.0.0.1/", "data:text/plain,x", "ws://127.0.0.1/",
]  # fmt: skip


def test_there_are_enough_disguises() -> None:
    assert len(set(DISGUISED)) == len(DISGUISED) >= 120
    assert len(set(NOT_PUBLIC)) == len(NOT_PUBLIC) >= 80


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was connected to; connecting fails."""
    tried: list[Any] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


@pytest.mark.parametrize("url", DISGUISED)
def test_no_spelling_of_this_machine_is_called(url: str, connected: list[Any]) -> None:
    with pytest.raises((RefusedAddress, CallFailed)):
        call(url)
    assert connected == []


@pytest.mark.parametrize("address", [one for one in NOT_PUBLIC if one[:1].isdigit() or ":" in one])
def test_no_name_leads_to_what_is_not_public(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolving(monkeypatch, ["93.184.216.34", address])
    with pytest.raises(RefusedAddress):
        call("https://hooks.example.com/")
    assert connected == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://example.com/", "example.com"),
        ("http://example.com./", "example.com."),
        ("HTTPS://EXAMPLE.com:443/x?y", "example.com"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://a_b.example.com/", "a_b.example.com"),
        ("http://93.184.216.34/", "93.184.216.34"),
        ("http://3com.example/", "3com.example"),
        ("http://[2606:2800:220:1:248:1893:25c8:1946]:8080/", "2606:2800:220:1:248:1893:25c8:1946"),
    ],
)
def test_what_is_public_is_called(url: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    connected = resolving(monkeypatch, ["93.184.216.34"], asked=asked)
    with pytest.raises(CallFailed, match="nobody listens"):
        call(url)
    assert asked == [address]
    assert connected == ["93.184.216.34"]


def resolving(
    monkeypatch: pytest.MonkeyPatch, *answers: list[str], asked: list[str] | None = None
) -> list[str]:
    """Let names lead to these addresses, one list per look-up; returns what was connected to."""
    left = list(answers)
    connected: list[str] = []

    def look_up(host: str, port: int, **_kinds: Any) -> list[Any]:
        if asked is not None:
            asked.append(host)
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
    with pytest.raises(RefusedAddress, match="not allowed"):
        call("https://hooks.example.com/")
    assert connected == []


def test_the_error_tells_nothing_of_the_network_but_the_log_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resolving(monkeypatch, ["10.1.2.3"])
    with caplog.at_level(logging.WARNING, "core.guarded_http"), pytest.raises(RefusedAddress) as raised:
        call("https://hooks.example.com/T00/secret?token=secret")
    assert str(raised.value) == "address not allowed: hooks.example.com leads to no public address"
    assert "10.1.2.3" in caplog.text
    assert "secret" not in caplog.text


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


def test_a_caller_may_take_more(receiver: HTTPServer) -> None:
    answer = call(url_of(receiver, "/big"), most_bytes=200_000)
    assert (answer.body, answer.is_cut) == (b"k" * 200_000, False)


def test_a_file_travels_as_a_form(receiver: HTTPServer) -> None:
    name = 'a"\r\nX-Evil: 1\r\n.txt'
    content_type, body = multipart(
        {"chat_id": "7", "caption": "Grüße"}, [("document", name, "text/plain", b"\0\r\n--")]
    )
    call(url_of(receiver, "/hook"), body=body, headers={"content-type": content_type})
    _method, _path, headers, sent = receiver.got[0]  # type: ignore[attr-defined]
    form = message_from_bytes(
        f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + sent, policy=default
    )
    parts = {one.get_param("name", header="content-disposition"): one for one in form.iter_parts()}
    assert parts["caption"].get_payload(decode=True).decode() == "Grüße"
    assert parts["document"].get_payload(decode=True) == b"\0\r\n--"
    assert "X-Evil" not in parts["document"]


def test_after_sending_nobody_knows_whether_it_took_effect(settings: Any) -> None:
    def hang_up(taken: socket.socket, _over: threading.Event) -> None:
        taken.recv(65_536)

    def cut(taken: socket.socket, _over: threading.Event) -> None:
        taken.recv(65_536)
        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    for answer in (hang_up, cut):
        with answering(settings, answer) as port, pytest.raises(AnswerLost):
            call(f"http://127.0.0.1:{port}/", body=b"x")


def test_without_a_connection_nothing_was_sent(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.GUARDED_HTTP_ALLOW = [f"127.0.0.1:{port}"]
    with pytest.raises(CallFailed) as failure:
        call(f"http://127.0.0.1:{port}/")
    assert not isinstance(failure.value, AnswerLost)


# --- one clock for everything -----------------------------------------------------------------------------------------


@contextmanager
def answering(settings: Any, answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Listen on this machine and do this with each connection, until the event is set; gives the port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def listen() -> None:
            while not over.is_set():
                try:
                    taken, _from = listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    return
                with taken:
                    taken.settimeout(5)
                    try:
                        answer(taken, over)
                    except OSError:
                        continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        settings.GUARDED_HTTP_ALLOW = [f"127.0.0.1:{port}"]
        yield port
        over.set()
        thread.join(timeout=10)


def drip(first: bytes, piece: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Send the first bytes at once and then a piece every now and then, for ever."""

    def answer(taken: socket.socket, over: threading.Event) -> None:
        taken.recv(65_536)
        taken.sendall(first)
        while not over.wait(0.05):
            taken.sendall(piece)

    return answer


def silent(_taken: socket.socket, over: threading.Event) -> None:
    """Take the connection and say nothing."""
    over.wait(20)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
SLOW = {
    "says nothing": ("http", silent),
    "drips the first line": ("http", drip(b"", b"H")),
    "drips headers": ("http", drip(b"HTTP/1.1 200 OK\r\nX: ", b"x")),
    "drips the body": ("http", drip(HEAD, b"x")),
    "drips chunks": ("http", drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")),
    "is never done": ("http", drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x")),
    "says to go on again and again": ("http", drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "does not shake hands": ("https", silent),
    # a record of 16 KiB of a handshake, a byte at a time
    "drips the handshake": ("https", drip(b"\x16\x03\x03\x40\x00\x02", b"\x00")),
}


@pytest.mark.parametrize("kind", SLOW)
def test_whatever_a_server_does_the_call_ends_in_time(kind: str, settings: Any) -> None:
    scheme, answer = SLOW[kind]
    with answering(settings, answer) as port:
        before = time.monotonic()
        with pytest.raises(CallFailed):
            call(f"{scheme}://127.0.0.1:{port}/", body=b"x", total_seconds=0.4)
        assert time.monotonic() - before < 3


def test_a_server_that_does_not_take_what_it_is_sent_ends_the_call(settings: Any) -> None:
    with answering(settings, silent) as port:
        before = time.monotonic()
        with pytest.raises(CallFailed):
            call(f"http://127.0.0.1:{port}/", body=b"x" * 50_000_000, total_seconds=0.4)
        assert time.monotonic() - before < 3


def test_the_clock_runs_while_the_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [over.wait(20)][:0])
    before = time.monotonic()
    with pytest.raises(CallFailed, match="not resolved in time"):
        call("http://slow.example.com/", total_seconds=0.2)
    assert time.monotonic() - before < 3
    over.set()


def test_names_that_hang_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), []

    def look_up(host: str, *_arguments: Any, **_kinds: Any) -> list[Any]:
        asked.append(host)
        over.wait(20)
        return []

    monkeypatch.setattr(guarded_http, "_look_ups", threading.BoundedSemaphore(2))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for _turn in range(4):
        with pytest.raises(CallFailed, match="not resolved in time"):
            call("http://slow.example.com/", total_seconds=0.1)
    assert len(asked) == 2
    over.set()


def test_many_addresses_share_the_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolving(monkeypatch, [f"93.184.216.{place}" for place in range(1, 200)])

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        time.sleep(min(timeout, 0.1))
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(CallFailed):
        call("http://many.example.com/", total_seconds=0.4)
    assert len(connected) < 20


def test_the_handshake_gets_what_the_connection_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    given_seconds: list[float | None] = []
    near, far = socket.socketpair()
    resolving(monkeypatch, ["93.184.216.34"])
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now

    def connect(_address: tuple[str, int], timeout: float) -> socket.socket:
        clock.now += 4.0
        near.settimeout(timeout)
        return near

    def shake_hands(_context: Any, wire: socket.socket, **_names: Any) -> socket.socket:
        given_seconds.append(wire.gettimeout())
        raise ssl.SSLError("no handshake here")

    monkeypatch.setattr(guarded_http, "time", clock)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", shake_hands)
    with far, pytest.raises(CallFailed):
        call("https://hooks.example.com/", total_seconds=6.0)
    assert given_seconds == [2.0]


def test_a_certificate_is_checked_against_the_name(settings: Any) -> None:
    def hello(taken: socket.socket, _over: threading.Event) -> None:
        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with answering(settings, hello) as port, pytest.raises(CallFailed) as raised:
        call(f"https://127.0.0.1:{port}/")
    assert isinstance(raised.value.__cause__, ssl.SSLError)


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
