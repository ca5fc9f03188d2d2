"""The Graph API: one call, and what its errors mean for a message.

https://developers.facebook.com/docs/graph-api/guides/error-handling and
https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes have the codes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from core.guarded_http import Answer
from core.multipart import multipart
from core.outbox import FateUnknown, PermanentFailure, TemporaryFailure
from tickets.channel import Connection
from tickets.outbound.channel_answer import CredentialsRefused
from tickets.provider_http import SENDING_SECONDS, ask, json_of, provider_url, throttled

API = "https://graph.facebook.com"
VERSION = "v23.0"
MOST_BYTES = 2_000_000
_REFUSED = frozenset({0, 3, 10, 102, 190, 131005, 131031, *range(200, 300)})
_TOO_MANY = frozenset({4, 17, 32, 368, 613, 80007, 130429, 131048, 131056})
# Something failed at Meta; whether before or after the effect, it does not say.
_UNKNOWN = frozenset({1, 2, 131000})
_LATER = frozenset({131016, 131057, 133004, 133005})
# Outside the window in which a page may answer: says code 10 and means this one person.
_CLOSED_WINDOW = 2018278
PAUSE_SECONDS = 60.0


def graph(
    connection: Connection,
    path: str,
    *,
    method: str = "POST",
    data: Mapping[str, Any] | None = None,
    form: Mapping[str, str] | None = None,
    files: Sequence[tuple[str, str, str, bytes]] = (),
    repeatable: bool = False,
) -> Mapping[str, Any]:
    """Call the Graph API with the inbox's token and return its object. Raises the failure that an error stands for.

    ``repeatable`` says that asking twice does no harm; else what may have happened already is FateUnknown.
    """
    url = f"{provider_url('meta', API)}/{VERSION}{path}"
    headers = {"authorization": f"Bearer {connection.secrets.get('access_token', '')}"}
    harmless = repeatable or method == "GET"
    if form is not None:
        content_type, body = multipart(form, files)
        answer = ask(
            url, method=method, body=body, headers={**headers, "content-type": content_type},
            repeatable=harmless, total_seconds=SENDING_SECONDS, says_what_happened=True,
        )  # fmt: skip
    else:
        answer = ask(
            url, method=method, data=data, headers=headers,
            repeatable=harmless, most_bytes=MOST_BYTES, says_what_happened=True,
        )  # fmt: skip
    return _object(answer, harmless)


def _object(answer: Answer, harmless: bool) -> Mapping[str, Any]:
    told = json_of(answer)
    error = told.get("error")
    if answer.status == 200 and not isinstance(error, dict):
        return told
    if not isinstance(error, dict):
        words = _("The provider answered %d.") % answer.status
        if answer.status in (500, 504) and not harmless:
            raise FateUnknown(words)
        raise (TemporaryFailure if answer.status >= 500 else PermanentFailure)(words)
    code, words = error.get("code"), error_words(error)
    if code in _REFUSED and error.get("error_subcode") != _CLOSED_WINDOW:
        raise CredentialsRefused(words)
    if code in _TOO_MANY or answer.status == 429:
        raise throttled(words, PAUSE_SECONDS)
    if code in _UNKNOWN and not harmless:
        raise FateUnknown(words)
    if code in _UNKNOWN | _LATER or error.get("is_transient") is True:
        raise TemporaryFailure(words)
    raise PermanentFailure(words)


def error_words(error: Mapping[str, Any]) -> str:
    """Return an error of Meta in words: what it is, the details, its number."""
    data = error.get("error_data")
    details = data.get("details", "") if isinstance(data, dict) else ""
    title = str(error.get("message") or error.get("title") or error.get("error_user_msg") or _("Error"))
    words = ": ".join(dict.fromkeys(filter(None, [title, str(details)])))
    return f"{words} ({error.get('code')})"[:300] if error.get("code") is not None else words[:300]
