"""Salesforce, REST API: accounts, contacts and opportunities.

Records are listed by SOQL in the order of their ids through ``queryAll``, which has deleted ones too (``IsDeleted``). A list
goes on at ``nextRecordsUrl``; where that is forgotten there, behind the last id. Calls are counted over 24 hours, and each answer
tells how many (``Sforce-Limit-Info: api-usage=18/5000``); other programs need theirs as well, so a share is left to them.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote_plus, urlsplit

from django.utils.translation import gettext_lazy as _

from integrations.crm.contract import (
    ACCOUNT,
    CONTACT,
    SUBSCRIPTION,
    Answer,
    Ask,
    Credential,
    CrmFailure,
    CrmSystem,
    CursorLost,
    Envelope,
    OutOfQuota,
    Page,
    Query,
    Raw,
    Refused,
    RemoteField,
    RemoteRecord,
    SignInRefused,
    Unreachable,
    Written,
    plain,
)

VERSION = "v61.0"
_DATA = f"/services/data/{VERSION}"
_TYPES = {ACCOUNT: "Account", CONTACT: "Contact", SUBSCRIPTION: "Opportunity"}
_ALWAYS = {
    ACCOUNT: (),
    CONTACT: ("AccountId",),
    SUBSCRIPTION: ("AccountId", "IsWon"),
}
FULL_NAME = "Name"
DOMAIN = "Website"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)


class Salesforce(CrmSystem):
    """Salesforce by OAuth client credentials, or by a token."""

    key = "salesforce"
    label = "Salesforce"
    url_help = _("Your My Domain, for example https://acme.my.salesforce.com")
    credentials = (
        Credential("client_id", _("Consumer key"), is_secret=False, required=False),
        Credential(
            "client_secret",
            _("Consumer secret"),
            required=False,
            help_text=_("Of a connected app with the client credentials flow and a user it runs as."),
        ),
        Credential(
            "access_token",
            _("Access token"),
            required=False,
            help_text=_("In place of the two above, to try it out: a token runs out after some hours."),
        ),
    )
    suggested = {
        ACCOUNT: (
            ("name", "Name", "crm"),
            ("domain", "Website", "crm"),
            ("seats", "NumberOfEmployees", "crm"),
        ),
        CONTACT: (("email", "Email", "crm"), ("name", "Name", "newest"), ("title", "Title", "crm")),
        SUBSCRIPTION: (
            ("product", "Name", "crm"),
            ("arr", "Amount", "crm"),
            ("starts_on", "CloseDate", "crm"),
        ),
    }
    filter_help = _("For example Type and Customer, so that prospects are left out.")
    setup_help = _("The user it runs as needs API access and the right to see and change the mapped fields.")
    batch_size = 200
    page_size: ClassVar[int] = 2000

    def sign_in(self, credentials: Mapping[str, str], ask: Ask) -> str:
        """Return a token for the client, or the one that was given."""
        if not credentials.get("client_secret"):
            if token := credentials.get("access_token"):
                return token
            raise SignInRefused("Enter the consumer key and secret, or an access token.")
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.get("client_id", ""),
            "client_secret": credentials["client_secret"],
        }
        answer = ask("POST", "/services/oauth2/token", form=form)
        found = answer.data.get("access_token") if isinstance(answer.data, dict) else None
        if answer.status != 200 or not found:
            raise SignInRefused("Salesforce does not take the consumer key and secret.")
        return str(found)

    def failure(self, answer: Answer, now: datetime) -> CrmFailure | None:
        """Read Salesforce's errors: a list of ``{errorCode, message}``."""
        if answer.status in (200, 201, 204):
            return None
        first = answer.data[0] if isinstance(answer.data, list) and answer.data else {}
        code = str(first.get("errorCode", "")) if isinstance(first, dict) else ""
        said = str(first.get("message") or "") if isinstance(first, dict) else ""
        said = (f"{code}: {said}" if code else f"Salesforce answered {answer.status}")[:300]
        if answer.status == 401 or code == "INVALID_SESSION_ID":
            return SignInRefused(said)
        if code == "REQUEST_LIMIT_EXCEEDED" or answer.status == 429:
            return OutOfQuota(said, until=now + timedelta(hours=1), policy="24 hours")
        if code == "INVALID_QUERY_LOCATOR":
            return CursorLost(said)
        if answer.status >= 500 or code in ("SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"):
            return Unreachable(said)
        return Refused(said)

    def quota(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Read ``Sforce-Limit-Info``."""
        found = _USAGE.search(headers.get("sforce-limit-info", ""))
        return {"used": int(found[1]), "limit": int(found[2]), "period": "24 hours"} if found else {}

    def changed(self, ask: Ask, query: Query) -> Page:
        """Ask for the next stretch; ``cursor`` is ``{"next": path, "after_id": …}``, either part alone does."""
        path = str(query.cursor.get("next") or "")
        answer = ask("GET", path) if path else ask("GET", _query_path(_soql(query)))
        rows = _records(answer)
        following = answer.data.get("nextRecordsUrl") if not answer.data.get("done", True) else None
        # Of the address the path alone is used: the token goes to the server of the connection and to no other.
        cursor = (
            {"next": urlsplit(str(following)).path, "after_id": str(rows[-1]["Id"])}
            if following and rows
            else None
        )
        return Page(rows, cursor, answer.server_time)

    def read(self, ask: Ask, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Raw]:
        """Read a collection; what is gone comes as null."""
        body = {"ids": [_id(one) for one in ids], "fields": _asked_for(kind, fields)}
        answer = ask("POST", f"{_DATA}/composite/sobjects/{_TYPES[kind]}", body=body)
        if not isinstance(answer.data, list):
            raise Unreachable("Salesforce's answer cannot be read")
        return [row for row in answer.data if row]

    def write(self, ask: Ask, kind: str, rows: Mapping[str, Mapping[str, str]]) -> Sequence[Written]:
        """Update as one collection, each record for itself, and read what is stored now."""
        kinds = {"type": _TYPES[kind]}
        records = [
            {"attributes": kinds, "id": one, **_outgoing(kind, values)} for one, values in rows.items()
        ]
        answer = ask("PATCH", f"{_DATA}/composite/sobjects", body={"allOrNone": False, "records": records})
        if not isinstance(answer.data, list) or len(answer.data) != len(records):
            raise Unreachable("Salesforce's answer cannot be read")
        refused = {
            one: _said(result)
            for one, result in zip(rows, answer.data, strict=True)
            if not result.get("success")
        }
        done = [one for one in rows if one not in refused]
        names = sorted({name for one in done for name in rows[one]})
        stored = {}
        for raw in self.read(ask, kind, done, names) if done else ():
            record = self.parse(kind, raw)
            stored[record.id] = record
        return [
            Written(one, error=refused[one]) if one in refused else _stored(one, values, stored.get(one))
            for one, values in rows.items()
        ]

    def fields(self, ask: Ask, kind: str) -> Sequence[RemoteField]:
        """Describe the object."""
        answer = ask("GET", f"{_DATA}/sobjects/{_TYPES[kind]}/describe")
        found = answer.data.get("fields") if isinstance(answer.data, dict) else None
        if not isinstance(found, list):
            raise Unreachable("Salesforce's answer cannot be read")
        # A person's whole name cannot be set as such, but its two parts can.
        rows = [
            RemoteField(
                str(row["name"]),
                str(row.get("label") or row["name"]),
                not row.get("updateable", True) and not (kind == CONTACT and row["name"] == FULL_NAME),
            )
            for row in found
        ]
        return sorted(rows, key=lambda one: one.label.lower())

    def envelope(self, kind: str, raw: Raw) -> Envelope:
        """Read ``Id``, ``SystemModstamp`` and ``IsDeleted``."""
        return Envelope(str(raw["Id"]), _moment(raw["SystemModstamp"]), bool(raw.get("IsDeleted")))

    def parse(self, kind: str, raw: Raw) -> RemoteRecord:
        """Read the fields; of a website the domain counts."""
        head = self.envelope(kind, raw)
        values = {
            name: plain(value)
            for name, value in raw.items()
            if name != "attributes" and not isinstance(value, dict | list)
        }
        if kind == ACCOUNT and values.get(DOMAIN):
            values[DOMAIN] = _domain(values[DOMAIN])
        is_won = kind != SUBSCRIPTION or values.get("IsWon") == "true"
        return RemoteRecord(
            head.id,
            head.modified_at,
            values,
            account_id="" if kind == ACCOUNT else values.get("AccountId", ""),
            is_deleted=head.is_deleted,
            is_relevant=is_won or head.is_deleted,
            why_not="" if is_won else "the opportunity is not won",
        )


def _asked_for(kind: str, fields: Sequence[str]) -> list[str]:
    names = {*fields, "Id", "SystemModstamp", "IsDeleted", *_ALWAYS[kind]}
    for name in names:
        if not _NAME.fullmatch(name):
            raise Refused(f"“{name[:60]}” is no name of a field in Salesforce")
    return sorted(names)


def _soql(query: Query) -> str:
    """The SOQL of a list; names and values are checked or escaped, as SOQL has no parameters."""
    conditions = []
    if query.cursor.get("after_id"):
        conditions.append(f"Id > '{_id(str(query.cursor['after_id']))}'")
    if query.since is not None:
        conditions.append(f"SystemModstamp >= {query.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if query.only_where is not None:
        name, value = query.only_where
        if not _NAME.fullmatch(name):
            raise Refused(f"“{name[:60]}” is no name of a field in Salesforce")
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        conditions.append(f"{name} = '{escaped}'")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    names = ", ".join(_asked_for(query.object, query.fields))
    return f"SELECT {names} FROM {_TYPES[query.object]}{where} ORDER BY Id"  # noqa: S608 - as above


def _query_path(soql: str) -> str:
    return f"{_DATA}/queryAll?q={quote_plus(soql)}"


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{1,18}", value, re.ASCII):
        raise Refused("this is no id of Salesforce")
    return value


def _outgoing(kind: str, values: Mapping[str, str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {name: value or None for name, value in values.items()}
    if kind == CONTACT and FULL_NAME in values:
        del found[FULL_NAME]
        first, space, last = values[FULL_NAME].rpartition(" ")
        # A last name is what Salesforce demands.
        found["FirstName"], found["LastName"] = (first or None, last) if space else (None, last)
    return found


def _stored(one: str, wanted: Mapping[str, str], record: RemoteRecord | None) -> Written:
    if record is None:
        return Written(one, error="the record is gone")
    stored = {name: record.values.get(name, value) for name, value in wanted.items()}
    return Written(one, stored, record.modified_at)


def _said(result: Mapping[str, Any]) -> str:
    errors = result.get("errors") or [{}]
    first = errors[0] if isinstance(errors[0], dict) else {}
    return f"{first.get('statusCode', '')}: {first.get('message', 'refused')}".strip(": ")[:300]


def _records(answer: Answer) -> list[Any]:
    found = answer.data.get("records") if isinstance(answer.data, dict) else None
    if not isinstance(found, list):
        raise Unreachable("Salesforce's answer cannot be read")
    return found


def _domain(website: str) -> str:
    host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    return host.removeprefix("www.")


def _moment(value: Any) -> datetime:
    """A time as Salesforce writes it (``2026-01-05T10:00:00.000+0000``); raises ValueError."""
    return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%S.%f%z")
