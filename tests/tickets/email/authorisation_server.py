"""A provider of OAuth 2 for tests: an authorisation server on this machine, with https, PKCE, rotation and revocation.

It answers as RFC 6749 and RFC 7636 say and as the providers document it: documented, not recorded.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.tickets.email.dovecot import make_certificate


class AuthorisationServer:
    """Hands out codes and tokens. ``port`` is https; ``plain_port`` tells Dovecot whose token one is.

    ``trouble`` is answered in place of tokens: a status and a body. ``rotates``: each renewal brings a new refresh token, and the
    old one used again ends the grant.
    """

    def __init__(self) -> None:
        self.client_id, self.secret = "desk-client", "sehr geheim"
        self.port = self.plain_port = 0
        self.certificate = Path()
        self.expires_in = 3600
        self.rotates = False
        self.trouble: tuple[int, bytes] | None = None
        self.asked: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.used: set[str] = set()
        self.access_tokens: dict[str, str] = {}
        self.lock = threading.Lock()

    @property
    def authorise_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/authorise"

    @property
    def token_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/token"

    def consent(self, url: str) -> dict[str, str]:
        """What a person does at the provider: look at the request, agree; returns the parameters that come back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def revoke(self, address: str) -> None:
        """The person takes the permission back."""
        self.refresh_tokens = {one: whose for one, whose in self.refresh_tokens.items() if whose != address}

    def take(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a request for tokens."""
        with self.lock:
            self.asked.append(asked)
            if asked.get("client_id") != self.client_id or asked.get("client_secret") != self.secret:
                return 401, {"error": "invalid_client"}
            if asked["grant_type"] == "authorization_code":
                return self._redeem(asked)
            return self._renew(asked["refresh_token"])

    def _redeem(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        began = self.codes.pop(asked["code"], None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            began is None
            or began["code_challenge"] != challenge
            or began["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(began["login_hint"])

    def _renew(self, token: str) -> tuple[int, dict[str, Any]]:
        address = self.refresh_tokens.get(token)
        if address is None or token in self.used:
            self.revoke(address or "")
            return 400, {"error": "invalid_grant", "error_description": "the grant has been revoked"}
        if self.rotates:
            self.used.add(token)
            return 200, self._tokens(address)
        return 200, {key: value for key, value in self._tokens(address).items() if key != "refresh_token"}

    def _tokens(self, address: str) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access_tokens[access] = address
        self.refresh_tokens[refresh] = address
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.expires_in,
            "token_type": "Bearer",
        }


class _Handler(BaseHTTPRequestHandler):
    provider: AuthorisationServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.provider.trouble is not None:
            self._answer(*self.provider.trouble)
            return
        status, found = self.provider.take({name: values[0] for name, values in parse_qs(body).items()})
        self._answer(status, json.dumps(found).encode())

    def do_GET(self) -> None:
        """Whose token is this? (Dovecot asks.)"""
        token = parse_qs(urlsplit(self.path).query).get("access_token", [""])[0]
        address = self.provider.access_tokens.get(token)
        if address is None:
            self._answer(400, b'{"error": "invalid_token"}')
        else:
            self._answer(200, json.dumps({"email": address}).encode())

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def authorisation_server() -> Iterator[AuthorisationServer]:
    """A running provider."""
    provider = AuthorisationServer()
    handler = type("Handler", (_Handler,), {"provider": provider})
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(Path(folder))
        provider.certificate = Path(folder) / "cert.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(provider.certificate, Path(folder) / "key.pem")
        secure = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        plain = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        provider.port, provider.plain_port = secure.server_port, plain.server_port
        threads = [threading.Thread(target=one.serve_forever, daemon=True) for one in (secure, plain)]
        for one in threads:
            one.start()
        try:
            yield provider
        finally:
            for server in (secure, plain):
                server.shutdown()
                server.server_close()
