"""Tables (CSV) of accounts, contacts or tickets, from anywhere: the person says which column is what."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.registry import Label
from imports.neutral import Record, Unreadable, digest_of, moment_of, text_of
from imports.registry import Importer, Reading
from imports.sources import Member, Refused

TABLES = {
    "account": gettext_lazy("Customers (companies)"),
    "contact": gettext_lazy("Contacts (people)"),
    "ticket": gettext_lazy("Tickets"),
}
MOST_COLUMNS = 200
LONGEST_CELL = 500_000

COLUMNS: dict[str, dict[str, Label]] = {
    "account": {
        "external_id": gettext_lazy("Id over there"), "name": gettext_lazy("Name"), "domain": gettext_lazy("Domain"),
        "tier": gettext_lazy("Tier"), "lifecycle": gettext_lazy("Stage"), "arr": gettext_lazy("ARR"),
        "currency": gettext_lazy("Currency"), "seats": gettext_lazy("Seats"), "csm": gettext_lazy("CSM (e-mail)"),
        "customer_since": gettext_lazy("Customer since"), "renewal_on": gettext_lazy("Renewal"),
        "timezone": gettext_lazy("Time zone"), "created_at": gettext_lazy("Created"),
    },
    "contact": {
        "external_id": gettext_lazy("Id over there"), "name": gettext_lazy("Name"),
        "first_name": gettext_lazy("First name"), "last_name": gettext_lazy("Last name"),
        "email": gettext_lazy("E-mail"), "phone": gettext_lazy("Phone"),
        "account": gettext_lazy("Company (id over there)"), "account_name": gettext_lazy("Company (name or domain)"),
        "title": gettext_lazy("Job title"), "role": gettext_lazy("Role"), "language": gettext_lazy("Language"),
        "timezone": gettext_lazy("Time zone"), "created_at": gettext_lazy("Created"),
    },
    "ticket": {
        "external_id": gettext_lazy("Id over there"), "subject": gettext_lazy("Subject"), "body": gettext_lazy("Text"),
        "requester_email": gettext_lazy("Requester’s e-mail"), "requester_name": gettext_lazy("Requester’s name"),
        "account_name": gettext_lazy("Company (name or domain)"), "status": gettext_lazy("Status"),
        "priority": gettext_lazy("Priority"), "type": gettext_lazy("Type"), "group": gettext_lazy("Team"),
        "assignee": gettext_lazy("Assignee (e-mail)"), "tags": gettext_lazy("Tags"), "created_at": gettext_lazy("Created"),
        "updated_at": gettext_lazy("Changed"), "solved_at": gettext_lazy("Solved"),
    },
}  # fmt: skip

# What columns are called by those who export them.
NAMES: dict[str, dict[str, str]] = {
    "account": {
        "id": "external_id", "external id": "external_id", "account id": "external_id", "company id": "external_id",
        "organization id": "external_id", "name": "name", "company": "name", "account": "name", "account name": "name",
        "company name": "name", "organization": "name", "organization name": "name", "domain": "domain", "domains": "domain",
        "website": "domain", "domain names": "domain", "tier": "tier", "plan": "tier", "segment": "tier",
        "lifecycle": "lifecycle", "stage": "lifecycle", "arr": "arr", "annual recurring revenue": "arr",
        "annual revenue": "arr", "currency": "currency", "seats": "seats", "licenses": "seats", "users": "seats",
        "csm": "csm", "owner": "csm", "owner email": "csm", "customer since": "customer_since", "start date": "customer_since",
        "renewal": "renewal_on", "renewal date": "renewal_on", "timezone": "timezone", "time zone": "timezone",
        "created": "created_at", "created at": "created_at", "created date": "created_at",
    },
    "contact": {
        "id": "external_id", "external id": "external_id", "contact id": "external_id", "user id": "external_id",
        "name": "name", "full name": "name", "contact": "name", "contact name": "name", "first name": "first_name",
        "firstname": "first_name", "given name": "first_name", "last name": "last_name", "lastname": "last_name",
        "surname": "last_name", "family name": "last_name", "email": "email", "e mail": "email", "email address": "email",
        "mail": "email", "phone": "phone", "phone number": "phone", "mobile": "phone", "company": "account_name",
        "company name": "account_name", "account": "account_name", "account name": "account_name",
        "organization": "account_name", "company id": "account", "account id": "account", "organization id": "account",
        "title": "title", "job title": "title", "position": "title", "role": "role", "language": "language",
        "locale": "language", "timezone": "timezone", "time zone": "timezone", "created": "created_at",
        "created at": "created_at",
    },
    "ticket": {
        "id": "external_id", "ticket id": "external_id", "number": "external_id", "ticket": "external_id", "#": "external_id",
        "subject": "subject", "title": "subject", "summary": "subject", "description": "body", "body": "body", "text": "body",
        "message": "body", "comment": "body", "requester email": "requester_email", "email": "requester_email",
        "requester": "requester_name", "requester name": "requester_name", "customer": "requester_name",
        "full name": "requester_name", "customer email": "requester_email", "contact email": "requester_email",
        "company": "account_name", "organization": "account_name", "account": "account_name", "company name": "account_name",
        "requester organization": "account_name", "status": "status", "state": "status", "priority": "priority",
        "type": "type", "ticket type": "type", "group": "group", "team": "group", "assignee": "assignee",
        "agent": "assignee", "assignee email": "assignee", "tags": "tags", "labels": "tags", "created": "created_at",
        "created at": "created_at", "created time": "created_at", "updated": "updated_at", "updated at": "updated_at",
        "last update time": "updated_at", "solved at": "solved_at", "resolved at": "solved_at", "resolved time": "solved_at",
        "resolved": "solved_at", "closed time": "solved_at", "closed at": "solved_at",
    },
}  # fmt: skip
_WORD = re.compile(r"[^\w#]+|_")


class CsvTables(Importer):
    """One table; each line becomes an account, a contact or a ticket."""

    key = "csv"
    label = gettext_lazy("CSV table")
    description = gettext_lazy("Customers, contacts or tickets from a spreadsheet or another product")
    files_help = gettext_lazy("One or more CSV files with the same columns; the first line names them.")
    accept = ".csv,.tsv,.txt,.zip,.gz"
    guide = "csv"
    is_table = True
    guesses: ClassVar = {
        "status": {
            "new": "new", "open": "open", "in progress": "open", "pending": "waiting", "waiting": "waiting",
            "waiting on customer": "waiting", "on hold": "on_hold", "hold": "on_hold", "on-hold": "on_hold",
            "solved": "resolved", "resolved": "resolved", "done": "resolved", "closed": "closed",
        },
        "priority": {
            "low": "low", "normal": "normal", "medium": "normal", "high": "high", "urgent": "urgent", "critical": "urgent",
        },
    }  # fmt: skip

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield one record a line: its cells by the names of the columns."""
        table = reading.options["table"]
        encoding, text = _text_of(member)
        with text:
            first = text.readline(64 * 1024)
            csv.field_size_limit(LONGEST_CELL)
            rows = csv.reader(chain([first], text), delimiter=_delimiter(first), strict=False)
            try:
                header = _header(next(rows, []))
                for row in rows:
                    if any(cell.strip() for cell in row):
                        yield _record(table, header, row, rows.line_num)
            except csv.Error as error:
                yield Record(table, "", line=rows.line_num, error=_("The line cannot be read: %s") % error)
        if encoding not in ("utf-8-sig", "utf-16"):
            yield Record(
                "note", "", {"text": _("“%s” was not UTF-8 and was read as Western European.") % member.name}
            )

    def columns(self, options: Mapping[str, Any]) -> Iterable[tuple[str, Label]]:
        """Return what a column of the chosen table can be."""
        return COLUMNS[options["table"]].items()

    def convert(self, kind: str, data: Mapping[str, Any], mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the cells of a line in the neutral form, by the mapped columns."""
        columns, cells = mapping.get("column", {}), data.get("cells", {})
        found: dict[str, str] = {}
        fields: dict[str, str] = {}
        for name, cell in cells.items():
            target = columns.get(name, "")
            if target.startswith("field:") and cell:
                fields[target.removeprefix("field:")] = cell
            elif target and cell and target not in found:
                found[target] = cell
        return _NEUTRAL[kind](found, fields)

    @staticmethod
    def guess_column(table: str, name: str) -> str:
        """Return what a column of this name most likely is; empty for none."""
        return NAMES[table].get(_plain(name), "")


def _plain(name: str) -> str:
    return " ".join(_WORD.sub(" ", name.casefold()).split())


def _text_of(member: Member) -> tuple[str, io.TextIOBase]:
    """Decode the file; whole files are tried as UTF-8 first, because one wrong letter may be anywhere."""
    encoding = "utf-8-sig"
    with member.open() as stream:
        stream.watched = False
        decoder = codecs.getincrementaldecoder("utf-8")()
        head = True
        while chunk := stream.read(256 * 1024):
            if head and chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
                encoding = "utf-16"
                break
            head = False
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                encoding = "cp1252"
                break
    raw = member.open()
    raw.watched = False
    text = io.TextIOWrapper(io.BufferedReader(raw), encoding=encoding, errors="replace", newline="")
    return encoding, text


def _delimiter(sample: str) -> str:
    return max(",;\t|", key=sample.count)


def _header(row: list[str]) -> list[str]:
    """The names of the columns, each once."""
    names = [text_of(cell, 80) or _("Column %d") % place for place, cell in enumerate(row, start=1)]
    if not any(cell.strip() for cell in row):
        raise Refused(_("The first line must name the columns."))
    if len(names) > MOST_COLUMNS:
        raise Refused(_("There are more than %d columns.") % MOST_COLUMNS)
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _record(table: str, header: list[str], row: list[str], line: int) -> Record:
    cells = {name: text_of(cell, LONGEST_CELL) for name, cell in zip(header, row, strict=False)}
    problem = _("The line has more cells than the table has columns.") if len(row) > len(header) else ""
    return Record(table, "", {"cells": cells}, line=line, error=problem)


def _account(found: Mapping[str, str], fields: Mapping[str, str]) -> Mapping[str, Any]:
    name, domain = found.get("name", ""), _domain(found.get("domain", ""))
    if not name and not domain:
        raise Unreadable(_("The line names no company."))
    columns = (
        "tier",
        "lifecycle",
        "arr",
        "currency",
        "seats",
        "csm",
        "customer_since",
        "renewal_on",
        "timezone",
    )
    values: dict[str, Any] = {key: found[key] for key in columns if key in found}
    return {
        "id": found.get("external_id") or domain or name.casefold()[:160],
        "name": name or domain,
        "domains": [domain] if domain else [],
        "created_at": moment_of(found.get("created_at")),
        "values": {**values, **({"external_id": found["external_id"]} if "external_id" in found else {})},
    }


def _domain(written: str) -> str:
    """A domain, also where a whole address of a site stands."""
    host = re.sub(r"^[a-z]+://", "", written.strip().lower()).split("/")[0].split(",")[0]
    return host.removeprefix("www.").rpartition("@")[2]


def _contact(found: Mapping[str, str], fields: Mapping[str, str]) -> Mapping[str, Any]:
    name = found.get("name") or " ".join(filter(None, (found.get("first_name"), found.get("last_name"))))
    email = found.get("email", "")
    if not name and not email:
        raise Unreadable(_("The line names nobody."))
    return {
        "id": found.get("external_id") or email.lower() or digest_of(found),
        "name": name,
        "emails": [email] if email else [],
        "phones": [found["phone"]] if "phone" in found else [],
        "created_at": moment_of(found.get("created_at")),
        **{key: found[key] for key in ("account", "account_name", "title", "role", "language", "timezone") if key in found},
    }  # fmt: skip


def _ticket(found: Mapping[str, str], fields: Mapping[str, str]) -> Mapping[str, Any]:
    number = found.get("external_id", "").removeprefix("#")
    created = moment_of(found.get("created_at"))
    return {
        "id": number or digest_of({**found, **fields}),
        **({"number": int(number)} if number.isascii() and number.isdecimal() and len(number) < 16 else {}),
        "subject": found.get("subject", ""),
        "requester": {"email": found.get("requester_email", ""), "name": found.get("requester_name", "")},
        "assignee": {"email": found["assignee"]} if "@" in found.get("assignee", "") else {},
        "tags": [one for one in re.split(r"[,;]", found.get("tags", "")) if one.strip()],
        "fields": dict(fields),
        "created_at": created,
        "updated_at": moment_of(found.get("updated_at")),
        "solved_at": moment_of(found.get("solved_at")),
        "messages": [{"kind": "inbound", "text": found.get("body", ""), "at": created}],
        **{
            key: found[key] for key in ("account_name", "status", "priority", "type", "group") if key in found
        },
    }


_NEUTRAL = {"account": _account, "contact": _contact, "ticket": _ticket}
