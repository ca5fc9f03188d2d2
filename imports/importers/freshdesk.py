"""Freshdesk: objects of its API (version 2) and of the JSON export of an account.

Written from https://developers.freshdesk.com/api/ (tickets with ``include=stats``, conversations, contacts, agents, companies):
documented, not recorded.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imports.json_records import file_of, is_attachment, is_json, read_safely
from imports.neutral import (
    MessageData,
    PersonName,
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

LISTS = ("companies", "contacts", "agents", "tickets", "conversations")
# The export of an account wraps each object.
_WRAPPED = {"helpdesk_ticket": "tickets", "user": "contacts", "customer": "companies", "company": "companies"}


class Freshdesk(Importer):
    """Tickets with conversations, contacts, agents and companies."""

    key = "freshdesk"
    label = gettext_lazy("Freshdesk")
    description = gettext_lazy("Objects of its API, or the JSON export of an account")
    files_help = gettext_lazy(
        "JSON files of companies, contacts, agents, tickets and conversations; or all of them in a ZIP file. Files of"
        " conversations lie in attachments/<id>/<name>."
    )
    accept = ".json,.jsonl,.ndjson,.zip,.tar,.gz,.tgz"
    guide = "freshdesk"
    guesses: ClassVar = {
        "status": {
            "2": "open",
            "3": "waiting",
            "4": "resolved",
            "5": "closed",
            "6": "waiting",
            "7": "on_hold",
        },
        "priority": {"1": "low", "2": "normal", "3": "high", "4": "urgent"},
    }

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield what the file holds."""
        if is_attachment(member.name) or not is_json(member.name):
            return
        for found in json_objects(member, LISTS):
            yield from read_safely(found, lambda one: self._records(one, member, reading))

    def _records(self, found: JsonObject, member: Member, reading: Reading) -> Iterator[Record]:
        value, kind = found.value, found.list_name
        for name, list_name in _WRAPPED.items():
            if len(value) == 1 and isinstance(value.get(name), dict):
                value, kind = value[name], list_name
        match kind or _list_of(value, member.name):
            case "companies":
                data = {
                    "name": text_of(value.get("name"), 160),
                    "domains": _domains(value.get("domains")),
                    "created_at": moment_of(value.get("created_at")),
                }
                yield Record("account", id_of(value.get("id")), data, line=found.at)
            case "agents":
                person = value.get("contact") or value
                names = {"name": text_of(person.get("name"), 120), "email": text_of(person.get("email"), 254)}
                yield Record("staff", id_of(value.get("id")), names, line=found.at)
            case "contacts":
                yield _contact(value, found.at)
            case "conversations":
                yield _conversation(value, id_of(value.get("ticket_id")), found.at, reading)
            case "tickets":
                yield from _ticket(value, found.at, reading)
            case _:
                raise Unreadable(_("It is none of company, contact, agent, ticket or conversation."))


def _list_of(value: Mapping[str, Any], name: str) -> str:
    if "requester_id" in value or "responder_id" in value:
        return "tickets"
    if "incoming" in value and "private" in value:
        return "conversations"
    if "domains" in value:
        return "companies"
    if isinstance(value.get("contact"), dict):
        return "agents"
    if "email" in value or "mobile" in value:
        return "contacts"
    lower = name.rpartition("/")[2].lower()
    return next((one for one in LISTS if one in lower), "")


def _domains(value: object) -> list[str]:
    return texts_of(value) if isinstance(value, list) else [one for one in text_of(value).split(",") if one]


def _contact(value: Mapping[str, Any], at: int) -> Record:
    if value.get("helpdesk_agent") is True:
        names = {"name": text_of(value.get("name"), 120), "email": text_of(value.get("email"), 254)}
        return Record("staff", id_of(value.get("id")), names, line=at)
    emails = [email] if (email := text_of(value.get("email"), 254)) else []
    data = {
        "name": text_of(value.get("name"), 160),
        "emails": [*emails, *texts_of(value.get("other_emails"))],
        "phones": [phone for one in ("phone", "mobile") if (phone := text_of(value.get(one), 60))],
        "account": id_of(value.get("company_id") or value.get("customer_id")),
        "title": text_of(value.get("job_title"), 120),
        "language": text_of(value.get("language"), 16),
        "created_at": moment_of(value.get("created_at")),
    }
    return Record("contact", id_of(value.get("id")), data, line=at)


def _ticket(value: Mapping[str, Any], at: int, reading: Reading) -> Iterator[Record]:
    number = id_of(value.get("display_id") or value.get("id"))
    if not number:
        raise Unreadable(_("The ticket has no id."))
    if value.get("deleted") is True or value.get("spam") is True:
        return
    stats = value.get("stats") or value.get("ticket_states") or {}
    fields = value.get("custom_fields") or value.get("custom_field") or {}
    data: TicketData = {
        "subject": text_of(value.get("subject")),
        "status": text_of(value.get("status"), 40),
        "priority": text_of(value.get("priority"), 40),
        "type": text_of(value.get("type") or value.get("ticket_type"), 60),
        "group": text_of(value.get("group_id"), 60),
        "requester": _named(value.get("requester"), id_of(value.get("requester_id"))),
        "account": id_of(value.get("company_id")),
        "assignee": {"id": id_of(value.get("responder_id"))},
        "tags": [text_of(one.get("name")) if isinstance(one, dict) else text_of(one) for one in value.get("tags") or ()],
        "fields": {text_of(key, 60): one for key, one in fields.items() if one not in (None, "", [])},
        "cc": texts_of(value.get("cc_emails")),
        "created_at": moment_of(value.get("created_at")),
        "updated_at": moment_of(value.get("updated_at")),
        "solved_at": moment_of(stats.get("resolved_at")),
        "closed_at": moment_of(stats.get("closed_at")),
        "messages": [
            {
                "kind": "inbound",
                "author": {"id": id_of(value.get("requester_id"))},
                "text": body_of(value.get("description_text") or value.get("description")),
                "html": body_of(_html_of(value, "description")),
                "at": moment_of(value.get("created_at")),
                "files": [_file(one, reading) for one in value.get("attachments") or () if isinstance(one, dict)],
            }
        ],
    }  # fmt: skip
    if number.isdecimal():
        data["number"] = int(number)
    yield Record("ticket", number, data, line=at)
    for one in value.get("conversations") or value.get("notes") or ():
        if isinstance(one, dict):
            yield _conversation(one, number, at, reading)


def _named(value: object, number: str) -> PersonName:
    """The requester; an export has name and address in the ticket."""
    told = value if isinstance(value, dict) else {}
    return {"id": number, "email": text_of(told.get("email"), 254), "name": text_of(told.get("name"), 160)}


def _conversation(value: Mapping[str, Any], ticket: str, at: int, reading: Reading) -> Record:
    if not ticket:
        raise Unreadable(_("The conversation does not say to which ticket it belongs."))
    private = value.get("private") is True
    data: MessageData = {
        "kind": "note" if private else "inbound" if value.get("incoming") is True else "outbound",
        "author": {"id": id_of(value.get("user_id"))},
        "text": body_of(value.get("body_text") or value.get("body")),
        "html": body_of(_html_of(value, "body")),
        "at": moment_of(value.get("created_at")),
        "files": [_file(one, reading) for one in value.get("attachments") or () if isinstance(one, dict)],
    }
    return Record("message", id_of(value.get("id")), data, parent=ticket, line=at)


def _html_of(value: Mapping[str, Any], name: str) -> object:
    """The API has the text beside the HTML, the export the HTML beside the text."""
    return value.get(f"{name}_html") or (value.get(name) if f"{name}_text" in value else "")


def _file(value: Mapping[str, Any], reading: Reading) -> Any:
    name = text_of(value.get("name") or value.get("content_file_name"), 255)
    return file_of(id_of(value.get("id")), name, text_of(value.get("content_type"), 120), reading)
