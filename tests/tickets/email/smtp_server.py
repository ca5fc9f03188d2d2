"""A scripted SMTP server for tests: it answers as told, keeps what it took, counts connections and can die at any step."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class ScriptedServer:
    """Answers RCPT and DATA as told and keeps what it took.

    ``rcpt_of`` answers single recipients; ``dies`` names a step ("mail", "rcpt", "data", "accepted") at which the connection is
    cut; ``users`` are the names and passwords that may log in, ``tokens`` the access tokens of XOAUTH2.
    """

    def __init__(self) -> None:
        self.rcpt = "250 OK"
        self.rcpt_of: dict[str, str] = {}
        self.data = "250 OK"
        self.dies = ""
        self.users: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.wants_login = False
        self.taken: list[Envelope] = []
        self.connections = 0
        self.port = 0

    async def handle_EHLO(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._die(server, "mail")
        if self.wants_login and not session.authenticated:
            return "530 5.7.0 log in first"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._die(server, "rcpt")
        answer = self.rcpt_of.get(address, self.rcpt)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._die(server, "data")
        if self.data.startswith("250"):
            self.taken.append(envelope)
        self._die(server, "accepted")
        return self.data

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802
        """Take a token (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
        import base64

        words = base64.b64decode(arguments[1]).decode().split("\x01")
        if words[1].removeprefix("auth=Bearer ") in self.tokens:
            return AuthResult(success=True)
        await server.push("334 eyJzdGF0dXMiOiI0MDAifQ==")
        await server._reader.readline()
        return AuthResult(success=False, handled=False)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        """Check a name and a password."""
        assert isinstance(data, LoginPassword)
        known = self.users.get(data.login.decode())
        return AuthResult(success=known is not None and known == data.password.decode(), handled=False)

    def _die(self, server: SMTP, step: str) -> None:
        if self.dies == step:
            assert server.transport is not None
            server.transport.abort()
            raise asyncio.CancelledError


@contextlib.contextmanager
def smtp_server(*, with_login: bool = False, port: int = 0) -> Iterator[ScriptedServer]:
    """A running server on a port of the loopback."""
    handler = ScriptedServer()
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    handler.port = port
    words = {}
    if with_login:
        handler.wants_login = True
        words = {
            "authenticator": handler.authenticate,
            "auth_require_tls": False,
        }
    controller = Controller(handler, hostname="127.0.0.1", port=port, **words)
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()
