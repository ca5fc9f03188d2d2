"""Zendesk: objects as its incremental exports and its JSON export of an account have them.

Written from https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/ and the pages of the
objects beside it: documented, not recorded.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imports.json_records import file_of, is_attachment, is_json, read_safely
from imports.neutral import (
    FileData,
    MessageData,
    Record,
    TicketData,
    Unreadable,
    body_of,
    id_of,
    moment_of,
    text_of,
    texts_of,
)
from imports.registry import Importer, Reading
from imports.sources import JsonObject, Member, json_objects

LISTS = ("organizations", "users", "ticket_fields", "tickets", "comments")
_NUMBER = re.compile(r"(\d+)")
_KINDS_OF_FIELDS = {
    "checkbox": "bool", "date": "date", "integer": "number", "decimal": "number", "tagger": "choice", "multiselect": "multi",
}  # fmt: skip
# Fields that every ticket has, and which are columns here.
_SYSTEM_FIELDS = {
    "subject",
    "description",
    "status",
    "tickettype",
    "priority",
    "group",
    "assignee",
    "custom_status",
}


class Zendesk(Importer):
    """Tickets with comments, users, organisations and fields."""

    key = "zendesk"
    label = gettext_lazy("Zendesk")
    description = gettext_lazy("Incremental exports or the JSON export of an account")
    files_help = gettext_lazy(
        "JSON Lines or pages of the API: organizations, users, ticket_fields, tickets and comments; or all of them in a ZIP"
        " file. Files of comments lie in attachments/<id>/<name>."
    )
    accept = ".json,.jsonl,.ndjson,.zip,.tar,.gz,.tgz"
    guide = "zendesk"
    guesses: ClassVar = {
        "status": {
            "new": "new", "open": "open", "pending": "waiting", "hold": "on_hold", "solved": "resolved", "closed": "closed",
        },
        "priority": {"low": "low", "normal": "normal", "high": "high", "urgent": "urgent"},
    }  # fmt: skip

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield what the file holds; the kind of an object is told by its list, the file's name, or its keys."""
        if is_attachment(member.name) or not is_json(member.name):
            return
        for found in json_objects(member, LISTS):
            yield from read_safely(found, lambda one: self._records(one, member, reading))

    def _records(self, found: JsonObject, member: Member, reading: Reading) -> Iterator[Record]:
        value = found.value
        match found.list_name or _list_of(value, member.name):
            case "organizations":
                yield organisation(value, found.at)
            case "users":
                yield user(value, found.at)
            case "ticket_fields":
                yield from _field(value)
            case "comments":
                yield self._comment(value, _ticket_of(value, member.name), found.at, reading)
            case "tickets":
                yield from self._ticket(value, found.at, reading)
            case _:
                raise Unreadable(_("It is none of organisation, user, field, ticket or comment."))

    def _ticket(self, value: Mapping[str, Any], at: int, reading: Reading) -> Iterator[Record]:
        number = id_of(value.get("id"))
        if not number:
            raise Unreadable(_("The ticket has no id."))
        if value.get("status") == "deleted":
            return
        metrics = value.get("metric_set") or value.get("metrics") or {}
        data: TicketData = {
            "subject": text_of(value.get("raw_subject") or value.get("subject")),
            "status": text_of(value.get("status"), 40),
            "priority": text_of(value.get("priority"), 40),
            "type": text_of(value.get("type"), 60),
            "group": text_of(value.get("group_id"), 60),
            "requester": {"id": id_of(value.get("requester_id"))},
            "account": id_of(value.get("organization_id")),
            "assignee": {"id": id_of(value.get("assignee_id"))},
            "tags": texts_of(value.get("tags")),
            "fields": {
                id_of(one.get("id")): one.get("value")
                for one in value.get("custom_fields") or value.get("fields") or ()
                if isinstance(one, dict) and one.get("value") not in (None, "", [])
            },
            "created_at": moment_of(value.get("created_at")),
            "updated_at": moment_of(value.get("updated_at")),
            "solved_at": moment_of(metrics.get("solved_at")),
        }
        if number.isdecimal():
            data["number"] = int(number)
        comments = value.get("comments")
        if not comments and value.get("description"):
            # The description is the first comment; it is left out again when the comments come in a file of their own.
            data["messages"] = [
                {
                    "kind": "said",
                    "author": {"id": id_of(value.get("submitter_id") or value.get("requester_id"))},
                    "text": body_of(value.get("description")),
                    "at": moment_of(value.get("created_at")),
                    "fallback": True,
                }
            ]
        yield Record("ticket", number, data, line=at)
        for one in comments or ():
            if isinstance(one, dict):
                yield self._comment(one, number, at, reading)

    def _comment(self, value: Mapping[str, Any], ticket: str, at: int, reading: Reading) -> Record:
        if not ticket:
            raise Unreadable(_("The comment does not say to which ticket it belongs."))
        data: MessageData = {
            "kind": "note" if value.get("public") is False else "said",
            "author": {"id": id_of(value.get("author_id"))},
            "text": body_of(value.get("plain_body") or value.get("body")),
            "html": body_of(value.get("html_body")),
            "at": moment_of(value.get("created_at")),
            "files": [
                self._file(one, reading) for one in value.get("attachments") or () if isinstance(one, dict)
            ],
        }
        return Record("message", id_of(value.get("id")), data, parent=ticket, line=at)

    @staticmethod
    def _file(value: Mapping[str, Any], reading: Reading) -> FileData:
        """Take the file from the upload: an export names addresses only."""
        name = text_of(value.get("file_name") or value.get("name"), 255)
        return file_of(id_of(value.get("id")), name, text_of(value.get("content_type"), 120), reading)


def organisation(value: Mapping[str, Any], at: int) -> Record:
    """Return an organisation as an account."""
    data = {
        "name": text_of(value.get("name"), 160),
        "domains": texts_of(value.get("domain_names")),
        "created_at": moment_of(value.get("created_at")),
    }
    return Record("account", id_of(value.get("id")), data, line=at)


def user(value: Mapping[str, Any], at: int) -> Record:
    """Return a user as a colleague or a contact, by the role."""
    email = text_of(value.get("email"), 254)
    name = text_of(value.get("name"), 160)
    if value.get("role") in ("agent", "admin"):
        return Record("staff", id_of(value.get("id")), {"name": name, "email": email}, line=at)
    data = {
        "name": name,
        "emails": [email] if email else [],
        "phones": [phone] if (phone := text_of(value.get("phone"), 60)) else [],
        "account": id_of(value.get("organization_id")),
        "language": text_of(value.get("locale"), 16),
        "created_at": moment_of(value.get("created_at")),
    }
    return Record("contact", id_of(value.get("id")), data, line=at)


def _field(value: Mapping[str, Any]) -> Iterator[Record]:
    kind = text_of(value.get("type"))
    if kind in _SYSTEM_FIELDS:
        return
    options = [
        text_of(one.get("value"), 80)
        for one in value.get("custom_field_options") or ()
        if isinstance(one, dict)
    ]
    data = {
        "label": text_of(value.get("title"), 60),
        "kind": _KINDS_OF_FIELDS.get(kind, "text"),
        "options": options,
    }
    yield Record("field", id_of(value.get("id")), data)


def _list_of(value: Mapping[str, Any], name: str) -> str:
    """Which list an object belongs to."""
    if "author_id" in value and "body" in value:
        return "comments"
    if "requester_id" in value:
        return "tickets"
    if "domain_names" in value:
        return "organizations"
    if "title" in value and "type" in value:
        return "ticket_fields"
    if "role" in value and "email" in value:
        return "users"
    lower = name.rpartition("/")[2].lower()
    return next((one for one in ("ticket_fields", *LISTS) if one in lower), "")


def _ticket_of(value: Mapping[str, Any], name: str) -> str:
    """The ticket of a comment: it says so, or it lies in a file that is called after the ticket."""
    if value.get("ticket_id"):
        return id_of(value["ticket_id"])
    numbers = _NUMBER.findall(name.rpartition("/")[2])
    return str(numbers[-1]) if numbers else ""
