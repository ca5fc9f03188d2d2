"""How channels talk to their providers over HTTP: one guarded call, and what an answer means for a message.

Providers are asked by tasks and by the "Test connection" button, never in a transaction. What is sent must not be sent twice
behind anybody's back: where a connection breaks after the request has left, or the answer is 500 or 504, the fate of the message
is unknown and a person decides; https://www.twilio.com/docs/api/errors/20500 says so of its own. 502 and 503 are how a provider
that is down looks from outside.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from core import guarded_http
from core.guarded_http import Answer
from core.outbox import FateUnknown, PermanentFailure, TemporaryFailure
from tickets.outbound.channel_answer import CredentialsRefused, Throttled

# What a provider may answer when it only wants the same thing later.
_LATER = frozenset({408, 423, 425, 429})
_TELL_NOTHING = frozenset({500, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 4
# A provider that asks for more patience than this is asked again all the same.
LONGEST_PAUSE = timedelta(hours=1)
# Below what is left of a task after its other work.
FILE_SECONDS = 60.0
SENDING_SECONDS = 40.0


def ask(
    url: str,
    *,
    method: str = "POST",
    body: bytes = b"",
    data: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    repeatable: bool | None = None,
    most_bytes: int = guarded_http.MOST_BYTES,
    total_seconds: float = guarded_http.TOTAL_SECONDS,
    says_what_happened: bool = False,
) -> Answer:
    """Send one request, ``data`` as JSON, and return the answer, whatever its status.

    ``repeatable`` says that asking twice does no harm (None: a GET). ``says_what_happened`` is for a provider whose JSON tells
    even of a 500 whether it has had an effect: the caller reads it. Raises TemporaryFailure when nothing has happened,
    PermanentFailure for an address that must not be called, FateUnknown when nobody can tell.
    """
    sent = {"user-agent": "CS-Ops/1", **(headers or {})}
    if data is not None:
        body, sent["content-type"] = json.dumps(data).encode(), "application/json"
    harmless = method == "GET" if repeatable is None else repeatable
    try:
        answer = guarded_http.call(
            url,
            method=method,
            body=body,
            headers=sent,
            most_bytes=most_bytes,
            total_seconds=total_seconds,
        )
    except guarded_http.RefusedAddress as error:
        raise PermanentFailure(str(error)) from error
    except guarded_http.AnswerLost as error:
        raise (TemporaryFailure if harmless else FateUnknown)(str(error)) from error
    except guarded_http.CallFailed as error:
        raise TemporaryFailure(str(error)) from error
    explained = says_what_happened and json_of(answer)
    if answer.status in _TELL_NOTHING and not harmless and not explained:
        raise FateUnknown(_("The provider answered %d.") % answer.status)
    return answer


def provider_url(key: str, default: str) -> str:
    """Return where the interface of a provider is: a fixed public host, unless ``settings.PROVIDER_URLS`` names another."""
    return str(settings.PROVIDER_URLS.get(key, default)).rstrip("/")


def refuse_bad_status(answer: Answer, words: str = "") -> None:
    """Raise what a status other than 2xx means; ``words`` are the provider's.

    401 and 403 are CredentialsRefused. A provider that is busy says by Retry-After when it may be asked again.
    """
    if 200 <= answer.status < 300:
        return
    text = f"{answer.status}: {words}" if words else _("The provider answered %d.") % answer.status
    if answer.status in {401, 403}:
        raise CredentialsRefused(text)
    if answer.status >= 500 or answer.status in _LATER:
        raise later(text, answer)
    raise PermanentFailure(text)


def later(text: str, answer: Answer) -> TemporaryFailure:
    """Return the failure that has the same tried again, no earlier than Retry-After asks."""
    asked = answer.headers.get("retry-after", "")
    if not asked.isdecimal() or len(asked) > 9:
        return TemporaryFailure(text)
    return throttled(text, int(asked) + 1)


def throttled(text: str, seconds: float) -> Throttled:
    """Return the failure that has an inbox wait as long as its provider asks, within reason."""
    return Throttled(text, retry_at=timezone.now() + min(timedelta(seconds=seconds), LONGEST_PAUSE))


def json_of(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer, an empty one for anything else."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def fetch(url: str, *, most_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Fetch a file that a provider keeps, over redirects; ``headers`` go to the first host alone, so that no other gets to
    know a token. Raises TemporaryFailure; PermanentFailure for one that is gone or has more than ``most_bytes``."""
    first = urlsplit(url).netloc
    for _hop in range(MOST_HOPS):
        own = headers if urlsplit(url).netloc == first else None
        answer = ask(url, method="GET", headers=own, most_bytes=most_bytes, total_seconds=FILE_SECONDS)
        if answer.status not in _REDIRECTS:
            break
        url = urljoin(url, answer.headers.get("location", ""))
    refuse_bad_status(answer)
    if answer.is_cut:
        raise PermanentFailure(_("larger than %d MB") % (most_bytes // 1_000_000))
    return answer
