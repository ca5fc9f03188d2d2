"""Twilio, for text messages and calls: signatures of its requests, its REST interface.

https://www.twilio.com/docs/usage/security describes the signature, https://www.twilio.com/docs/usage/twilios-response the errors.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.outbox import PermanentFailure, TemporaryFailure
from tickets import provider_http
from tickets.channel import Connection, HookRequest, RefusedCall, RemoteFile
from tickets.incoming import IncomingFile

LARGEST_FILE = 30_000_000


class TwilioApi:
    """The address of the REST interface; a class attribute, so that a test has its own."""

    url = "https://api.twilio.com"


class TwilioAccountForm(forms.Form):
    """The account that an inbox belongs to."""

    account_sid = forms.CharField(
        label=gettext_lazy("Account SID"),
        max_length=34,
        validators=[
            RegexValidator(r"^AC[0-9a-fA-F]{32}$", gettext_lazy("It begins with AC and has 34 characters."))
        ],
    )
    auth_token = forms.CharField(
        label=gettext_lazy("Auth token"),
        max_length=64,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=gettext_lazy("Stored encrypted. It proves who calls us, and opens the account to us."),
    )


def verify_signature(connection: Connection, request: HookRequest) -> None:
    """Raise RefusedCall unless the account's token has signed the address and the fields.

    The address is the public one of this installation (SITE_URL), whatever a proxy has made of it.
    """
    token = connection.secrets.get("auth_token", "")
    if not token:
        raise RefusedCall("no token is known")
    given = request.headers.get("x-twilio-signature", "")
    if not hmac.compare_digest(given.encode(), signature_of(token, request.url, request.body).encode()):
        raise RefusedCall("the signature does not fit")


def signature_of(token: str, url: str, body: bytes) -> str:
    """Return the signature of a request: HMAC-SHA1 over the address and, by their names, fields with their values."""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    text = url + "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def fields_of(request: HookRequest) -> dict[str, str]:
    """Return the fields of a request; of one that is given twice the first."""
    try:
        found = parse_qs(request.body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def ask_twilio(
    connection: Connection, path: str, fields: Mapping[str, str] | None = None, *, query: str = ""
) -> dict[str, Any]:
    """Call ``/2010-04-01/Accounts/<sid><path>``: POST with ``fields``, else GET. Raises TemporaryFailure (CredentialsRefused for
    a token that is not accepted) and PermanentFailure with Twilio's words."""
    account = connection.config.get("account_sid", "")
    answer = provider_http.ask(
        f"{TwilioApi.url}/2010-04-01/Accounts/{account}{path}{query}",
        method="GET" if fields is None else "POST",
        body=b"" if fields is None else urlencode(fields).encode(),
        headers={**_authorisation(connection), "content-type": "application/x-www-form-urlencoded"},
    )
    told = provider_http.json_of(answer)
    words = " ".join(str(told[name]) for name in ("message", "code") if told.get(name))
    provider_http.refuse_bad_status(answer, words)
    return told


def try_account(connection: Connection, number: str = "") -> tuple[bool, str]:
    """Ask whether the account answers and has ``number``; returns whether, and what was found in words."""
    try:
        account = ask_twilio(connection, ".json")
        if number:
            query = "?" + urlencode({"PhoneNumber": number, "PageSize": "1"})
            owned = ask_twilio(connection, "/IncomingPhoneNumbers.json", query=query)
            if not owned.get("incoming_phone_numbers"):
                return False, _("The account does not have the number %s.") % number
    except (TemporaryFailure, PermanentFailure) as error:
        return False, str(error)
    name = account.get("friendly_name") or connection.config.get("account_sid", "")
    return True, _("Twilio account “%(name)s” (%(status)s)") % {
        "name": name,
        "status": account.get("status", "?"),
    }


def fetch_media(connection: Connection, file: RemoteFile) -> IncomingFile:
    """Fetch a picture or recording; the account's token goes to Twilio's own host alone."""
    is_own = urlsplit(file.reference).netloc == urlsplit(TwilioApi.url).netloc
    headers = _authorisation(connection) if is_own else None
    answer = provider_http.fetch(file.reference, most_bytes=LARGEST_FILE, headers=headers)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip() or file.content_type
    return IncomingFile(file.name, answer.body, content_type)


def clean_sid(name: str, value: str, prefix: str) -> str:
    """Return an identifier of Twilio; raises ValidationError naming the field."""
    if value and not (value.startswith(prefix) and len(value) == 34 and value[2:].isalnum()):
        raise ValidationError({name: _("It begins with %s and has 34 characters.") % prefix})
    return value


def _authorisation(connection: Connection) -> dict[str, str]:
    pair = f"{connection.config.get('account_sid', '')}:{connection.secrets.get('auth_token', '')}"
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
