"""Zammad: dumps of its REST API, best with ``expand=true``.

Written from https://docs.zammad.org/en/latest/api/ (ticket, ticket/articles, user, organization): documented, not recorded.
"""

import base64
import binascii
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

LISTS = ("organizations", "users", "tickets", "articles", "ticket_articles")


class Zammad(Importer):
    """Tickets with articles and their files, users and organisations."""

    key = "zammad"
    label = gettext_lazy("Zammad")
    description = gettext_lazy("Dumps of its REST API")
    files_help = gettext_lazy(
        "JSON files of organizations, users, tickets and articles; or all of them in a ZIP file. Files of articles are in"
        " their data (base64) or lie in attachments/<id>/<name>."
    )
    accept = ".json,.jsonl,.ndjson,.zip,.tar,.gz,.tgz"
    guide = "zammad"
    guesses: ClassVar = {
        "status": {
            "new": "new", "open": "open", "pending reminder": "waiting", "pending close": "waiting", "closed": "closed",
            "merged": "closed", "removed": "closed", "1": "new", "2": "open", "3": "waiting", "4": "closed", "5": "closed",
            "7": "waiting",
        },
        "priority": {
            "1 low": "low", "2 normal": "normal", "3 high": "high", "1": "low", "2": "normal", "3": "high",
        },
    }  # fmt: skip

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield what the file holds."""
        if is_attachment(member.name) or not is_json(member.name):
            return
        for found in json_objects(member, LISTS):
            yield from read_safely(found, lambda one: self._records(one, member, reading))

    def _records(self, found: JsonObject, member: Member, reading: Reading) -> Iterator[Record]:
        value = found.value
        match found.list_name or _list_of(value, member.name):
            case "organizations":
                domain = text_of(value.get("domain"), 253)
                data = {
                    "name": text_of(value.get("name"), 160),
                    "domains": [domain] if domain else [],
                    "created_at": moment_of(value.get("created_at")),
                }
                yield Record("account", id_of(value.get("id")), data, line=found.at)
            case "users":
                yield _user(value, found.at)
            case "articles" | "ticket_articles":
                yield _article(value, id_of(value.get("ticket_id")), found.at, reading)
            case "tickets":
                yield from _ticket(value, found.at, reading)
            case _:
                raise Unreadable(_("It is none of organisation, user, ticket or article."))


def _list_of(value: Mapping[str, Any], name: str) -> str:
    if "ticket_id" in value and "body" in value:
        return "articles"
    if "customer_id" in value or ("number" in value and "title" in value):
        return "tickets"
    if "login" in value or "firstname" in value:
        return "users"
    if "domain" in value or "domain_assignment" in value:
        return "organizations"
    lower = name.rpartition("/")[2].lower()
    return next((one for one in ("articles", *LISTS) if one in lower), "")


def _user(value: Mapping[str, Any], at: int) -> Record:
    name = " ".join(filter(None, (text_of(value.get("firstname"), 80), text_of(value.get("lastname"), 79))))
    email = text_of(value.get("email"), 254)
    roles = {one.lower() for one in texts_of(value.get("roles"))}
    # Without names: 1 is Admin, 2 Agent and 3 Customer in every installation.
    if roles & {"agent", "admin"} or (not roles and {1, 2} & set(value.get("role_ids") or ())):
        return Record("staff", id_of(value.get("id")), {"name": name, "email": email}, line=at)
    data = {
        "name": name,
        "emails": [email] if email else [],
        "phones": [phone for one in ("phone", "mobile") if (phone := text_of(value.get(one), 60))],
        "account": id_of(value.get("organization_id")),
        "created_at": moment_of(value.get("created_at")),
    }
    return Record("contact", id_of(value.get("id")), data, line=at)


def _ticket(value: Mapping[str, Any], at: int, reading: Reading) -> Iterator[Record]:
    key = id_of(value.get("id"))
    if not key:
        raise Unreadable(_("The ticket has no id."))
    customer, owner = text_of(value.get("customer"), 254), text_of(value.get("owner"), 254)
    data: TicketData = {
        "subject": text_of(value.get("title")),
        "status": text_of(value.get("state") or value.get("state_id"), 40),
        "priority": text_of(value.get("priority") or value.get("priority_id"), 40),
        "type": text_of(value.get("type"), 60),
        "group": text_of(value.get("group") or value.get("group_id"), 60),
        "requester": {"id": id_of(value.get("customer_id")), "email": customer if "@" in customer else ""},
        "account": id_of(value.get("organization_id")),
        # The user 1 is "nobody".
        "assignee": {
            "id": "" if value.get("owner_id") == 1 else id_of(value.get("owner_id")),
            "email": owner if "@" in owner else "",
        },
        "tags": texts_of(value.get("tags")),
        "created_at": moment_of(value.get("created_at")),
        "updated_at": moment_of(value.get("updated_at")),
        "solved_at": moment_of(value.get("close_at")),
        "closed_at": moment_of(value.get("close_at")),
    }
    number = text_of(value.get("number"), 18)
    if number.isascii() and number.isdecimal():
        data["number"] = int(number)
    yield Record("ticket", key, data, line=at)
    for one in value.get("articles") or ():
        if isinstance(one, dict):
            yield _article(one, key, at, reading)


def _article(value: Mapping[str, Any], ticket: str, at: int, reading: Reading) -> Record:
    if not ticket:
        raise Unreadable(_("The article does not say to which ticket it belongs."))
    sender = text_of(value.get("sender") or value.get("sender_id")).lower()
    from_customer = sender in ("customer", "2")
    is_html = "html" in text_of(value.get("content_type")).lower()
    body = body_of(value.get("body"))
    data: MessageData = {
        "kind": "note" if value.get("internal") is True else "inbound" if from_customer else "outbound",
        "author": {"id": id_of(value.get("origin_by_id") or value.get("created_by_id"))},
        "subject": text_of(value.get("subject")),
        "text": "" if is_html else body,
        "html": body if is_html else "",
        "at": moment_of(value.get("created_at")),
        "message_id": text_of(value.get("message_id"), 255),
        "files": [_file(one, reading) for one in value.get("attachments") or () if isinstance(one, dict)],
    }
    return Record("message", id_of(value.get("id")), data, parent=ticket, line=at)


def _file(value: Mapping[str, Any], reading: Reading) -> FileData:
    name = text_of(value.get("filename"), 255)
    hints = value.get("preferences") or {}
    kind = text_of(value.get("mime-type") or hints.get("Content-Type") or hints.get("Mime-Type"), 120)
    if not isinstance(value.get("data"), str):
        return file_of(id_of(value.get("id")), name, kind, reading)
    try:
        content = base64.b64decode("".join(value["data"].split()), validate=True)
    except (binascii.Error, ValueError):
        return {"name": name, "missing": _("its data is not base64")}
    return reading.keep(name, content, kind)
