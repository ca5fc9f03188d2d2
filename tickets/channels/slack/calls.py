"""Slack's Web API: one call, what its errors mean, who somebody is.

https://docs.slack.dev/apis/web-api describes calls, https://docs.slack.dev/apis/web-api/rate-limits the pauses.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from core.outbox import FateUnknown, PermanentFailure, TemporaryFailure
from tickets import provider_http
from tickets.channel import Connection
from tickets.outbound.channel_answer import CredentialsRefused

_REFUSED = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
    }
)
_LATER = frozenset(
    {
        "service_unavailable",
        "request_timeout",
        "ratelimited",
        "rate_limited",
        "team_added_to_org",
    }
)
# "It's possible some aspect of the operation succeeded before the error was raised."
_UNKNOWN = frozenset({"internal_error", "fatal_error"})
# Names and addresses of people hardly ever change; a busy thread asks for each of its people once in this time.
KNOWN_SECONDS = 600.0
MOST_KNOWN = 2_000


class SlackApi:
    """The address of the Web API; a class attribute, so that a test has its own."""

    url = "https://slack.com/api"


@dataclass(frozen=True)
class Person:
    """Somebody in Slack. ``is_guest`` is one who was invited to single channels, ``team`` the workspace he or she belongs to."""

    name: str = ""
    email: str = ""
    team: str = ""
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False


_known: dict[tuple[str, int, str], tuple[float, Person]] = {}


def ask_slack(
    connection: Connection, method: str, *, content: Mapping[str, Any] | None = None, **query: str
) -> dict[str, Any]:
    """Call a method: POST with ``content`` as JSON, else GET.

    Raises TemporaryFailure and PermanentFailure with Slack's word; FateUnknown when a POST may have had its effect all the same.
    """
    headers = {"authorization": f"Bearer {connection.secrets.get('bot_token', '')}"}
    if content is None:
        url = f"{SlackApi.url}/{method}" + (f"?{urlencode(query)}" if query else "")
        answer = provider_http.ask(url, method="GET", headers=headers, most_bytes=1_000_000)
    else:
        headers["content-type"] = "application/json; charset=utf-8"
        answer = provider_http.ask(
            f"{SlackApi.url}/{method}",
            body=json.dumps(content).encode(),
            headers=headers,
            says_what_happened=True,
        )
    told = provider_http.json_of(answer)
    word = str(told.get("error", ""))
    text = _("Slack refused %(method)s: %(word)s") % {"method": method, "word": word or "?"}
    is_unreadable = (200 <= answer.status < 300 or answer.status in (500, 504)) and "ok" not in told
    if content is not None and (word in _UNKNOWN or is_unreadable):
        raise FateUnknown(text)
    provider_http.refuse_bad_status(answer, word)
    if told.get("ok") is True:
        return told
    if word == "missing_scope":
        text += f" ({told.get('needed', '?')})"
    if word in _REFUSED:
        raise CredentialsRefused(text)
    if word in _LATER | _UNKNOWN or not word:
        raise provider_http.later(text, answer)
    raise PermanentFailure(text)


def person_of(connection: Connection, user_id: str) -> Person:
    """Return who wrote; somebody unknown, where Slack does not tell. Raises TemporaryFailure when it may tell later."""
    key = (SlackApi.url, connection.inbox_id, user_id)
    kept = _known.get(key)
    if kept is not None and kept[0] > time.monotonic():
        return kept[1]
    try:
        told = ask_slack(connection, "users.info", user=user_id).get("user") or {}
    except (PermanentFailure, CredentialsRefused):
        # Without the permission to ask, a message is still a message.
        return Person()
    except TemporaryFailure:
        raise
    profile = told.get("profile") or {}
    found = Person(
        name=str(profile.get("real_name") or told.get("real_name") or told.get("name") or ""),
        email=str(profile.get("email") or ""),
        team=str(told.get("team_id") or profile.get("team") or ""),
        is_bot=bool(told.get("is_bot")),
        is_guest=bool(told.get("is_restricted") or told.get("is_ultra_restricted")),
        is_stranger=bool(told.get("is_stranger")),
    )
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = (time.monotonic() + KNOWN_SECONDS, found)
    return found
