"""Waiting until a started CS Ops serves: `/readyz` says so and every supervised program runs."""

from __future__ import annotations

import http.client
import json
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from supervisor.xmlrpc import SupervisorTransport


@dataclass(frozen=True)
class Readiness:
    """The answer to "is it ready?"; `waiting_for` has one line per check or program that is not."""

    ok: bool
    waiting_for: list[str]


def ask_readyz(*, port: int, site_url: str) -> Readiness:
    """Ask `/readyz` on 127.0.0.1:port the way a proxy in front would; not listening yet counts as not ready."""
    headers = {"Host": urlsplit(site_url).netloc, "X-Forwarded-Proto": urlsplit(site_url).scheme}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz", headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return Readiness(False, ["web: does not answer yet"])
    finally:
        connection.close()
    try:
        answer: dict[str, Any] = json.loads(body)
        checks = answer["checks"]
    except (ValueError, KeyError, TypeError):
        return Readiness(False, [f"web: /readyz answers {response.status} without a report"])
    failing = [
        f"{name}: {check.get('detail') or 'not ready'}"
        for name, check in checks.items()
        if not check.get("ok")
    ]
    return Readiness(bool(answer.get("ok")) and not failing, failing)


def ask_supervisor(socket: Path) -> Readiness:
    """Ask supervisord which programs run; one that just started counts as not ready."""
    transport = SupervisorTransport(None, None, f"unix://{socket}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        states = cast("list[dict[str, Any]]", proxy.supervisor.getAllProcessInfo())
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return Readiness(False, ["supervisor: does not answer yet"])
    finally:
        transport.close()
    down = [
        f"{state['name']}: {state['statename'].lower()}"
        for state in states
        if state["statename"] != "RUNNING"
    ]
    return Readiness(not down, down)
