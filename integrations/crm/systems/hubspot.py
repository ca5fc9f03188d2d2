"""HubSpot, CRM API v3: companies, contacts and deals.

Records are listed by ``/search`` in the order of their ids, each page beginning behind the last id, because a search ends at
10,000 results however it is paged. Archived records are in no search; they have a list of their own. Limits: searches four a
second, else 100 to 190 in ten seconds and a number a day, of which 429 answers name the one that was hit (``policyName``).
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

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

_PATHS = {ACCOUNT: "companies", CONTACT: "contacts", SUBSCRIPTION: "deals"}
_MODIFIED = {ACCOUNT: "hs_lastmodifieddate", CONTACT: "lastmodifieddate", SUBSCRIPTION: "hs_lastmodifieddate"}
# What parsing needs besides the mapped fields.
_ALWAYS = {
    ACCOUNT: (),
    CONTACT: ("associatedcompanyid",),
    SUBSCRIPTION: ("hs_primary_associated_company", "hs_is_closed_won"),
}
FULL_NAME = "full_name"
PAGE = 100
# Seconds to rest after a hit of a limit that the answer gives no time for.
_RESTS = {"DAILY": 3600, "TEN_SECONDLY_ROLLING": 10, "SECONDLY": 2}


class HubSpot(CrmSystem):
    """HubSpot by a private app's token, or by OAuth with a refresh token."""

    key = "hubspot"
    label = "HubSpot"
    default_url = "https://api.hubapi.com"
    credentials = (
        Credential(
            "access_token",
            _("Access token of a private app"),
            required=False,
            help_text=_("HubSpot › Settings › Integrations › Private apps. Empty when you use OAuth below."),
        ),
        Credential("client_id", _("OAuth client id"), is_secret=False, required=False),
        Credential("client_secret", _("OAuth client secret"), required=False),
        Credential("refresh_token", _("OAuth refresh token"), required=False),
    )
    suggested = {
        ACCOUNT: (
            ("name", "name", "crm"),
            ("domain", "domain", "crm"),
            ("seats", "numberofemployees", "crm"),
        ),
        CONTACT: (("email", "email", "crm"), ("name", FULL_NAME, "newest"), ("title", "jobtitle", "crm")),
        SUBSCRIPTION: (
            ("product", "dealname", "crm"),
            ("arr", "amount", "crm"),
            ("starts_on", "closedate", "crm"),
        ),
    }
    filter_help = _("For example lifecyclestage and customer, so that leads are left out.")
    setup_help = _(
        "The private app needs the scopes crm.objects.companies, contacts and deals (read and write) and crm.schemas read."
    )
    batch_size = 100
    # Searches are counted apart and allow four a second.
    search_seconds: ClassVar[float] = 0.25

    def sign_in(self, credentials: Mapping[str, str], ask: Ask) -> str:
        """Return the private app's token, or a new one for the refresh token."""
        if credentials.get("access_token"):
            return credentials["access_token"]
        form = {
            "grant_type": "refresh_token",
            **{name: credentials.get(name, "") for name in ("client_id", "client_secret", "refresh_token")},
        }
        answer = ask("POST", "/oauth/v1/token", form=form)
        token = answer.data.get("access_token") if isinstance(answer.data, dict) else None
        if answer.status != 200 or not token:
            raise SignInRefused("HubSpot does not take the refresh token.")
        return str(token)

    def failure(self, answer: Answer, now: datetime) -> CrmFailure | None:
        """Read HubSpot's errors: ``{status, category, message, policyName}``."""
        data = answer.data if isinstance(answer.data, dict) else {}
        said = str(data.get("message") or f"HubSpot answered {answer.status}")[:300]
        if answer.status in (200, 201, 204, 207):
            return None
        if answer.status == 401:
            return SignInRefused(said)
        if answer.status == 429:
            policy = str(data.get("policyName") or "")
            asked = answer.headers.get("retry-after", "")
            seconds = float(asked) if asked.isdecimal() else _RESTS.get(policy, 10)
            return OutOfQuota(said, until=now + timedelta(seconds=seconds), policy=policy)
        if answer.status >= 500 or answer.status == 423:
            return Unreachable(said)
        return Refused(said)

    def quota(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Read the daily limit; searches do not tell it."""
        limit, left = (
            headers.get("x-hubspot-ratelimit-daily"),
            headers.get("x-hubspot-ratelimit-daily-remaining"),
        )
        if limit is None or left is None or not (limit.isdecimal() and left.isdecimal()):
            return {}
        return {"used": int(limit) - int(left), "limit": int(limit), "period": "day"}

    def changed(self, ask: Ask, query: Query) -> Page:
        """Search behind the last id; ``cursor`` is ``{"after_id": …}``."""
        after_id = str(query.cursor.get("after_id", "0"))
        filters = [{"propertyName": "hs_object_id", "operator": "GT", "value": after_id}]
        if query.since is not None:
            since = str(int(query.since.timestamp() * 1000))
            filters.append({"propertyName": _MODIFIED[query.object], "operator": "GTE", "value": since})
        if query.only_where is not None:
            name, value = query.only_where
            filters.append({"propertyName": name, "operator": "EQ", "value": value})
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": _asked_for(query.object, query.fields),
            "limit": PAGE,
        }
        time.sleep(self.search_seconds)
        answer = ask("POST", f"/crm/v3/objects/{_PATHS[query.object]}/search", body=body)
        rows = _results(answer)
        more = len(rows) == PAGE or bool(_after(answer))
        return Page(rows, {"after_id": str(rows[-1]["id"])} if rows and more else None, answer.server_time)

    def deleted(self, ask: Ask, query: Query) -> Page:
        """List the archived records; ``cursor`` is ``{"after": …}``. Those archived before ``since`` are left out."""
        asked = {"archived": "true", "limit": str(PAGE), "properties": _MODIFIED[query.object]}
        if query.cursor.get("after"):
            asked["after"] = str(query.cursor["after"])
        answer = ask("GET", f"/crm/v3/objects/{_PATHS[query.object]}?{urlencode(asked)}")
        rows = [
            row
            for row in _results(answer)
            if query.since is None or _moment(row.get("archivedAt") or row.get("updatedAt")) >= query.since
        ]
        after = _after(answer)
        return Page(rows, {"after": after} if after else None, answer.server_time)

    def read(self, ask: Ask, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Raw]:
        """Read a batch."""
        body = {"properties": _asked_for(kind, fields), "inputs": [{"id": one} for one in ids]}
        return _results(ask("POST", f"/crm/v3/objects/{_PATHS[kind]}/batch/read", body=body))

    def write(self, ask: Ask, kind: str, rows: Mapping[str, Mapping[str, str]]) -> Sequence[Written]:
        """Update a batch. Of 207 the errors name their ids; an error without ids is about all that are not among the results."""
        inputs = [{"id": one, "properties": _outgoing(values)} for one, values in rows.items()]
        answer = ask("POST", f"/crm/v3/objects/{_PATHS[kind]}/batch/update", body={"inputs": inputs})
        done = {str(row["id"]): self.parse(kind, row) for row in _results(answer)}
        errors = answer.data.get("errors", []) if isinstance(answer.data, dict) else []
        return [_written(one, values, done.get(one), errors) for one, values in rows.items()]

    def fields(self, ask: Ask, kind: str) -> Sequence[RemoteField]:
        """List the properties, and the whole name of a person, which is two of them."""
        answer = ask("GET", f"/crm/v3/properties/{_PATHS[kind]}")
        found = [
            RemoteField(
                str(row["name"]),
                str(row.get("label") or row["name"]),
                bool((row.get("modificationMetadata") or {}).get("readOnlyValue") or row.get("calculated")),
            )
            for row in _results(answer)
        ]
        whole = [RemoteField(FULL_NAME, "First name and last name")] if kind == CONTACT else []
        return whole + sorted(found, key=lambda one: one.label.lower())

    def envelope(self, kind: str, raw: Raw) -> Envelope:
        """Read id, ``updatedAt`` (or the property of the object) and ``archived``."""
        properties = raw.get("properties") or {}
        is_deleted = bool(raw.get("archived"))
        moment = raw.get("archivedAt") if is_deleted else None
        moment = moment or properties.get(_MODIFIED[kind]) or raw["updatedAt"]
        return Envelope(str(raw["id"]), _moment(moment), is_deleted)

    def parse(self, kind: str, raw: Raw) -> RemoteRecord:
        """Read the properties."""
        head = self.envelope(kind, raw)
        values = {str(name): plain(value) for name, value in (raw.get("properties") or {}).items()}
        if kind == CONTACT:
            values[FULL_NAME] = " ".join(
                part for part in (values.get("firstname", ""), values.get("lastname", "")) if part
            )
        parent = {CONTACT: "associatedcompanyid", SUBSCRIPTION: "hs_primary_associated_company"}.get(kind)
        is_won = kind != SUBSCRIPTION or values.get("hs_is_closed_won") == "true"
        return RemoteRecord(
            head.id,
            head.modified_at,
            values,
            account_id=values.get(parent, "") if parent else "",
            is_deleted=head.is_deleted,
            is_relevant=is_won or head.is_deleted,
            why_not="" if is_won else "the deal is not won",
        )


def _asked_for(kind: str, fields: Sequence[str]) -> list[str]:
    names = {name for name in fields if name != FULL_NAME} | {_MODIFIED[kind], *_ALWAYS[kind]}
    if FULL_NAME in fields:
        names |= {"firstname", "lastname"}
    return sorted(names)


def _outgoing(values: Mapping[str, str]) -> dict[str, str]:
    """The properties that hold our values: a whole name becomes two."""
    found = {name: value for name, value in values.items() if name != FULL_NAME}
    if FULL_NAME in values:
        found["firstname"], _space, found["lastname"] = values[FULL_NAME].partition(" ")
    return found


def _written(
    one: str, wanted: Mapping[str, str], record: RemoteRecord | None, errors: Sequence[Any]
) -> Written:
    if record is not None:
        # An answer names the properties that it was asked to set, and some more.
        stored = {name: record.values.get(name, value) for name, value in wanted.items()}
        return Written(one, stored, record.modified_at)
    for error in errors:
        ids = [str(found) for found in (error.get("context") or {}).get("ids", [])]
        if not ids or one in ids:
            return Written(one, error=str(error.get("message") or error.get("category") or "refused")[:300])
    return Written(one, error="HubSpot did not say what became of it")


def _results(answer: Answer) -> list[Any]:
    found = answer.data.get("results") if isinstance(answer.data, dict) else None
    if not isinstance(found, list):
        raise Unreachable("HubSpot's answer cannot be read")
    return found


def _after(answer: Answer) -> str:
    paging = answer.data.get("paging") or {}
    return str((paging.get("next") or {}).get("after") or "")


def _moment(value: Any) -> datetime:
    """A time as HubSpot writes it: ISO 8601, or milliseconds since 1970. Raises ValueError and TypeError."""
    text = str(value)
    if text.isdecimal():
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
