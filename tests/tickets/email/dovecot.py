"""A real IMAP and POP3 server for tests: Dovecot in a folder of the test's own; and a wire that breaks off on demand.

It runs as whoever runs the tests, on ports of the loopback that the system gives, and keeps maildirs. Where Dovecot is not
installed, tests that need it are skipped and say so.
"""

import contextlib
import datetime
import getpass
import grp
import imaplib
import ipaddress
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = 'pass "wörd" \\ %u'
_BINARY = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or ""
HAS_DOVECOT = bool(_BINARY) and Path("/usr/lib/dovecot/imap").exists()
HAS_POP3 = HAS_DOVECOT and Path("/usr/lib/dovecot/pop3").exists()
needs_pop3 = pytest.mark.skipif(
    not HAS_POP3, reason="Dovecot's POP3 is not installed (Debian: apt-get install dovecot-pop3d)"
)
needs_dovecot = pytest.mark.skipif(
    not HAS_DOVECOT, reason="Dovecot is not installed (Debian: apt-get install dovecot-imapd)"
)

_CONFIG = """
base_dir = {run}
state_dir = {run}
log_path = {root}/log
instance_name = test-{port}
protocols = imap{pop3}
listen = 127.0.0.1
ssl = yes
ssl_cert = <{root}/cert.pem
ssl_key = <{root}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain{oauth}
auth_failure_delay = 0 secs
auth_cache_size = 0
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_location = maildir:{root}/mail/%u
mail_max_userip_connections = 0
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {owner}
mail_gid = {owner_group}
maildir_copy_with_hardlinks = yes
service auth {{
  user = {user}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
{pop3_login}service stats {{
  chroot =
}}
{oauth_passdb}passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={root}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
}}
"""


_POP3 = """
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
"""
_OAUTH = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {root}/oauth2.conf
}}
"""


class Dovecot:
    """A server that runs until the ``with`` block ends. ``port`` speaks plain and STARTTLS, ``tls_port`` TLS; ``pop3_port`` and
    ``pop3s_port`` are those of POP3, where that is installed. ``tokens_from`` is the port of who knows whose token one is."""

    def __init__(self, *, tokens_from: int = 0) -> None:
        self._tokens_from = tokens_from
        self.pop3_port, self.pop3s_port = _free_ports(2)
        # A short path, because a Unix socket has room for 107 letters, which the users of its processes can enter.
        self.root = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.root.chmod(0o755)
        self.port, self.tls_port = _free_ports(2)
        self.certificate = self.root / "cert.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Dovecot":
        for folder in ("mail", "run"):
            (self.root / folder).mkdir()
        make_certificate(self.root)
        (self.root / "users").write_text(
            "".join(f"{name}:{{PLAIN}}{PASSWORD}::::::\n" for name in ("support", "sales", "billing"))
        )
        user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
        names = {
            "internal": user,
            "internal_group": group,
            "login": user,
            "owner": user,
            "owner_group": group,
        }
        if os.getuid() == 0:
            # Root may neither speak with strangers nor own mail.
            names = {"internal": "dovecot", "internal_group": "dovecot", "login": "dovenull",
                     "owner": "mail", "owner_group": "mail"}  # fmt: skip
            shutil.chown(self.root / "mail", "mail", "mail")
        words = {
            "root": self.root,
            "run": self.root / "run",
            "port": self.port,
            "tls_port": self.tls_port,
            "user": user,
            **names,
            "pop3": " pop3" if HAS_POP3 else "",
            "pop3_login": _POP3.format(pop3_port=self.pop3_port, pop3s_port=self.pop3s_port)
            if HAS_POP3
            else "",
            "oauth": " xoauth2" if self._tokens_from else "",
            "oauth_passdb": _OAUTH.format(root=self.root) if self._tokens_from else "",
        }
        (self.root / "oauth2.conf").write_text(
            f"tokeninfo_url = http://127.0.0.1:{self._tokens_from}/tokeninfo?access_token=\nusername_attribute = email\n"
        )
        config = self.root / "dovecot.conf"
        config.write_text(_CONFIG.format(**words))
        self._process = subprocess.Popen([_BINARY, "-F", "-c", str(config)])
        ends_at = time.monotonic() + 10
        while time.monotonic() < ends_at:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            time.sleep(0.05)
        log = self.root / "log"
        words = log.read_text() if log.exists() else "no log"
        self.stop()
        raise RuntimeError(f"dovecot does not start: {words}")

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and delete its folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None
        shutil.rmtree(self.root, ignore_errors=True)

    def deliver(
        self, mails: Sequence[bytes], *, user: str = "support", folder: str = "INBOX", when: str = ""
    ) -> None:
        """Put mails into a folder, in their order; ``when`` is their INTERNALDATE as IMAP writes it."""
        with self.client(user) as imap:
            imap.create(folder)
            for mail in mails:
                kind, _data = imap.append(folder, None, f'"{when}"' if when else None, mail)
                assert kind == "OK"

    def number_anew(self, user: str = "support", validity: int = 4_000_000_000) -> None:
        """Give the INBOX another UIDVALIDITY and its mails new UIDs, as a restored server does."""
        folder = self.root / "mail" / user
        for path in folder.glob("dovecot.index*"):
            path.unlink()
        uidlist = folder / "dovecot-uidlist"
        names = [line.split(":", 1)[1] for line in uidlist.read_text().splitlines()[1:]]
        lines = [f"3 V{validity} N{len(names) + 101}"]
        lines += [f"{101 + index} :{name}" for index, name in enumerate(names)]
        uidlist.write_text("\n".join(lines) + "\n")

    def flags(self, user: str = "support") -> str:
        """The flags of every mail in the INBOX."""
        with self.client(user) as imap:
            imap.select("INBOX", readonly=True)
            return str(imap.fetch("1:*", "(FLAGS)")[1])

    def count(self, user: str = "support") -> int:
        """How many mails the INBOX has."""
        with self.client(user) as imap:
            _kind, data = imap.select("INBOX", readonly=True)
            return int(data[0] or b"0")

    @contextlib.contextmanager
    def client(self, user: str) -> Iterator[imaplib.IMAP4]:
        """A mail program, logged in."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=10) as imap:
            imap.authenticate("PLAIN", lambda _challenge: f"\0{user}\0{PASSWORD}".encode())
            yield imap


class BreakingWire:
    """Stands before a server and cuts each connection: after ``cut_after`` bytes of answers, or within the mail that comes after
    ``cut_mails`` mails. Both can be changed at any time; None never cuts."""

    def __init__(
        self,
        target: int,
        *,
        cut_after: int | None = None,
        cut_mails: int | None = None,
        mark: bytes = b"BODY[] {",
    ) -> None:
        self.target = target
        # What stands before each mail.
        self.mark = mark
        self.cut_after = cut_after
        self.cut_mails = cut_mails
        self.connections = 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "BreakingWire":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                caller, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with caller, socket.create_connection(("127.0.0.1", self.target), timeout=5) as server:
                self._carry(caller, server)

    def _carry(self, caller: socket.socket, server: socket.socket) -> None:
        carried, mails = 0, 0
        while not self._stop.is_set():
            ready, _, _ = select.select([caller, server], [], [], 0.2)
            for source in ready:
                try:
                    data = source.recv(4096)
                except OSError:
                    return
                if not data:
                    return
                if source is caller:
                    server.sendall(data)
                    continue
                if self.cut_after is not None:
                    data = data[: self.cut_after - carried]
                carried += len(data)
                mails += data.count(self.mark)
                is_cut = self.cut_mails is not None and mails > self.cut_mails
                if is_cut:
                    data = data[: data.rindex(self.mark) + 60]
                with contextlib.suppress(OSError):
                    caller.sendall(data)
                if is_cut or (self.cut_after is not None and carried >= self.cut_after):
                    return


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make_certificate(root: Path) -> None:
    """A certificate that signs itself, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (root / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (root / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
