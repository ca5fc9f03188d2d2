"""Write conversations of past mails: one ticket each, or more messages of the ticket that knows them already."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from imports.checks import Desk, moment
from imports.models import ImportRow
from imports.services.read_files import CONVERSATION
from imports.services.write_customers import Refs
from imports.services.write_tickets import Case, Said, TicketWriter
from tickets.channels.email.header_values import one_line
from tickets.channels.email.thread_evidence import is_colleague, recipient_addresses, takes_part
from tickets.models import Inbox, MailLedger, Message, MessageAlias, Ticket

Outcome = ImportRow.Outcome
_TAKEN = ("subject", "text", "html", "folds", "at", "automatic", "message_id", "files")
_ANSWERS = ("re:", "aw:", "fw:", "fwd:", "wg:", "antw:", "sv:", "r:")


def write_mails(rows: Sequence[tuple[ImportRow, dict[str, Any]]], desk: Desk, refs: Refs) -> list[int]:
    """Write whole conversations; returns the ids of the tickets that were touched."""
    own = own_addresses(desk)
    known = _already_here(rows, desk)
    threads: dict[str, list[tuple[ImportRow, dict[str, Any]]]] = defaultdict(list)
    for row, data in rows:
        if row.external_id in known:
            row.outcome, row.object_id = Outcome.SKIPPED, known[row.external_id]
        else:
            threads[row.parent].append((row, data))
    cases: list[Case] = []
    raws: dict[int, dict[str, Any]] = {}
    for number, mails in threads.items():
        mails.sort(key=lambda one: (one[0].line, one[0].pk))
        case = _case(number, mails, own, refs)
        cases.append(case)
        raws |= {id(said): data for said, (_row, data) in zip(case.said, mails, strict=True)}
    writer = TicketWriter(desk, refs)
    changed = writer.write(cases)
    _enter(cases, raws, desk)
    return changed


def own_addresses(desk: Desk) -> set[str]:
    """Addresses from which we write: those of the inboxes and of colleagues."""
    inboxes = Inbox.objects.exclude(address="").values_list("address", flat=True)
    return {one.lower() for one in inboxes} | set(desk.staff)


def _already_here(rows: Sequence[tuple[ImportRow, dict[str, Any]]], desk: Desk) -> dict[str, int | None]:
    """By digest the messages that mails have become before: by any channel of this inbox, or with the same Message-ID."""
    digests = [row.external_id for row, _data in rows]
    ledger = MailLedger.objects.filter(inbox=desk.inbox, sha256__in=digests, message__isnull=False)
    found: dict[str, int | None] = dict(ledger.values_list("sha256", "message_id"))
    ids = {data["message_id"]: row.external_id for row, data in rows if data.get("message_id")}
    messages = Message.objects.filter(channel="email", external_id__in=list(ids))
    found |= {ids[external]: pk for external, pk in messages.values_list("external_id", "pk")}
    return found


def _case(
    number: str, mails: Sequence[tuple[ImportRow, dict[str, Any]]], own: Collection[str], refs: Refs
) -> Case:
    said = [Said(f"mail:{row.external_id}"[:160], _said(data, own), row) for row, data in mails]
    ticket = _ticket_of(mails, own)
    if ticket is not None:
        return Case(f"thread:{number}", None, None, said, joins=ticket.pk)
    first = next((data for _row, data in mails if data["sender"]["email"].lower() not in own), mails[0][1])
    requester = dict(first["sender"])
    if requester["email"].lower() in own:
        others = [
            one for one in (*first.get("to", ()), *first.get("cc", ())) if one["address"].lower() not in own
        ]
        if others:
            requester = {"email": others[0]["address"], "name": others[0].get("name", "")}
    data = {
        "subject": _without_prefixes(mails[0][1].get("subject", "")),
        "status": CONVERSATION,
        "requester": requester,
        "created_at": mails[0][1]["at"],
        "updated_at": mails[-1][1]["at"],
    }
    return Case(f"thread:{number}", data, None, said)


def _said(data: dict[str, Any], own: Collection[str]) -> dict[str, Any]:
    """The mail as a message: what we wrote is an answer."""
    ours = data["sender"]["email"].lower() in own
    return {
        "kind": "outbound" if ours else "inbound",
        "author": data["sender"],
        **{
            key: data[key]
            for key in ("subject", "text", "html", "folds", "at", "automatic", "message_id", "files")
            if data.get(key)
        },
        "recipients": {"to": data.get("to", []), "cc": data.get("cc", [])},
    }


def _ticket_of(mails: Sequence[tuple[ImportRow, dict[str, Any]]], own: Collection[str]) -> Ticket | None:
    """The ticket that knows one of the ids, when the writer takes part in it: a header alone proves nothing."""
    ids = {one for _row, data in mails for one in (data.get("message_id"), *data.get("referred", ())) if one}
    aliases = MessageAlias.objects.filter(message_id__in=list(ids)[:500]).select_related("ticket__contact")
    for ticket in {one.ticket_id: one.ticket for one in aliases}.values():
        senders = {data["sender"]["email"].lower() for _row, data in mails}
        lists = Message.objects.filter(ticket=ticket).values_list("recipients", flat=True)
        written_to = {address for one in lists for address in recipient_addresses(one)}
        if any(
            one in own or one in written_to or takes_part(ticket, one) or is_colleague(ticket, one)
            for one in senders
        ):
            return ticket
    return None


def _without_prefixes(subject: str) -> str:
    text = subject.strip()
    while prefix := next((one for one in _ANSWERS if text.lower().startswith(one)), ""):
        text = text[len(prefix) :].strip()
    return text


def _enter(cases: Sequence[Case], raws: dict[int, dict[str, Any]], desk: Desk) -> None:
    """Enter the mails into the ledger, where their raw texts are shown."""
    if desk.inbox is None:
        return
    rows, aliases = [], []
    for case in cases:
        for place, said in enumerate(case.said):
            data = raws[id(said)]
            if said.message is None or said.message.pk is None:
                continue
            at: datetime = said.message.created_at
            state = MailLedger.State.TICKET if case.is_new and not place else MailLedger.State.APPENDED
            rows.append(
                MailLedger(
                    inbox=desk.inbox,
                    source=f"import {desk.run.pk}",
                    sha256=data["raw"]["sha256"],
                    storage_key=data["raw"]["key"],
                    size=data["raw"]["size"],
                    received_at=at,
                    state=state,
                    subject=one_line(data.get("subject", ""), 300),
                    sender=data["sender"]["email"][:254],
                    header_id=data.get("message_id", "")[:255],
                    ticket=case.ticket,
                    message=said.message,
                    processed_at=moment(data["at"]),
                )
            )
            aliases += [
                MessageAlias(ticket=case.ticket, message_id=one[:255])
                for one in data.get("referred", ())
                if one
            ]
    MailLedger.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    MessageAlias.objects.bulk_create(aliases, batch_size=500, ignore_conflicts=True)
