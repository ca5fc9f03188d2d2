"""Write tickets of an import with their messages, files and history, as if they had always been here.

The columns that services keep are computed; the past is recorded as history (``core.actors.HISTORY``), which no subscriber reads:
no rule, mail, webhook, routing, survey or promise follows. Episodes, search, counters and health are brought up to date here.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from core.actors import HISTORY
from core.services.record_history import PastEvent, record_history
from customers.models import Contact
from health.services.score_due import mark_score_due
from imports.checks import Desk, moment, tags_of
from imports.models import ImportRow
from imports.neutral import Unreadable, digest_of
from imports.services.write_customers import People, Refs, account_of
from people.models import User
from people.viewer import Viewer, contact_viewer, system_viewer
from tickets.channels.email.html_text import read_html
from tickets.custom_fields import stored_rows
from tickets.events import ASSIGNED, STATUS_CHANGED, TICKET_CREATED
from tickets.message_text import one_line, preview
from tickets.models import (
    Attachment,
    CarbonCopy,
    FieldValue,
    Message,
    MessageAlias,
    Status,
    Tag,
    Ticket,
    TicketNumber,
    TicketTag,
)
from tickets.services.build_episodes import build_episodes
from tickets.services.count_open_tickets import count_open_tickets, note_touches
from tickets.services.receive_message import NO_SUBJECT, reopen_days
from tickets.ticket_rows import RANKS

Outcome = ImportRow.Outcome
CHANNEL = "email"
LARGEST_NUMBER = 10**15


@dataclass
class Said:
    """A message on its way: its row (None when it stands inside its ticket), its data, and what becomes of it."""

    key: str
    data: dict[str, Any]
    row: ImportRow | None = None
    message: Message | None = None


@dataclass
class Case:
    """One ticket on its way. ``data`` is None when only messages are added to it; ``joins`` is then the ticket, where no
    reference tells."""

    number: str
    data: dict[str, Any] | None
    row: ImportRow | None
    said: list[Said]
    ticket: Ticket = field(default_factory=Ticket)
    joins: int | None = None
    is_new: bool = True
    notes: list[str] = field(default_factory=list)
    before: str = "new"
    digest: str = ""
    earlier: list[Message] = field(default_factory=list)


def staff_viewer(user_id: int) -> Viewer:
    """Return a colleague as the actor of the past."""
    return Viewer(kind="staff", user_id=user_id, source=HISTORY)


class TicketWriter:
    """Writes one batch of tickets, within the transaction of the caller."""

    def __init__(self, desk: Desk, refs: Refs) -> None:
        self.desk, self.refs = desk, refs
        self.people = People(desk, refs)
        self.events: list[PastEvent] = []

    def write(self, cases: Sequence[Case]) -> list[int]:
        """Write the cases; returns the ids of the tickets that were touched."""
        self._load(cases)
        changed = [case for case in cases if self._place(case)]
        for case in changed:
            self._fill(case)
        fresh = [case for case in changed if case.is_new]
        self._number(fresh)
        Ticket.objects.bulk_create([case.ticket for case in fresh], batch_size=200)
        for case in changed:
            if not case.is_new:
                case.ticket.version += 1
                case.ticket.save()
        self._write_messages(changed)
        self._write_properties(changed)
        for case in changed:
            self._tell(case)
        self._remember(changed)
        record_history(events=self.events)
        ids = [case.ticket.pk for case in changed]
        build_episodes(ticket_ids=ids)
        self._count(changed)
        return ids

    # --- reading ------------------------------------------------------------------------------------------------------

    def _load(self, cases: Sequence[Case]) -> None:
        """Read who and what is named: a fixed number of queries for the batch."""
        self.refs.load("ticket", [case.number for case in cases])
        self.refs.load("message", [said.key for case in cases for said in case.said])
        names = [
            case.data[who]
            for case in cases
            if case.data
            for who in ("requester", "assignee")
            if case.data.get(who)
        ]
        names += [said.data["author"] for case in cases for said in case.said if said.data.get("author")]
        names += [{"email": one} for case in cases if case.data for one in case.data.get("cc", ())]
        self.people.load(names)
        self.refs.load("account", [case.data.get("account", "") for case in cases if case.data])
        known = {ref.object_id: case for case in cases if (ref := self.refs.get("ticket", case.number))}
        known |= {case.joins: case for case in cases if case.joins is not None}
        earlier: dict[int, list[Message]] = defaultdict(list)
        for message in Message.objects.filter(ticket_id__in=known).order_by("created_at", "pk"):
            earlier[message.ticket_id].append(message)
        for ticket in (
            Ticket.objects.select_for_update(of=("self",))
            .filter(pk__in=known)
            .select_related("contact", "status")
        ):
            case = known[ticket.pk]
            case.ticket, case.is_new, case.earlier = ticket, False, earlier[ticket.pk]
            case.before = str(ticket.status_id)

    def _place(self, case: Case) -> bool:
        """Decide what there is to do; returns whether anything is."""
        if any(not said.data.get("fallback") for said in case.said):
            case.said = [said for said in case.said if not said.data.get("fallback")]
        case.digest = digest_of({**case.data, "messages": []}) if case.data else ""
        ref = self.refs.get("ticket", case.number)
        for said in case.said:
            known = self.refs.get("message", said.key)
            if known is not None and said.row is not None:
                said.row.outcome, said.row.object_id = Outcome.SKIPPED, known.object_id
        case.said = [said for said in case.said if self.refs.get("message", said.key) is None]
        if case.is_new and ref is not None:
            self._leave(case, Outcome.SKIPPED, note="it was removed here")
            return False
        if case.is_new or ref is None:
            return True
        if ref.stamp and ref.stamp != case.ticket.version:
            # Somebody works on it here: what is new is added, nothing else is touched.
            case.data = None
        elif case.data is not None and ref.digest == case.digest:
            case.data = None
        if case.data is None and not case.said:
            self._leave(case, Outcome.SKIPPED)
            return False
        return True

    def _leave(self, case: Case, outcome: Outcome, note: str = "") -> None:
        for row in (case.row, *(said.row for said in case.said)):
            if row is not None:
                row.outcome, row.object_id, row.error = outcome, case.ticket.pk, note

    # --- columns ------------------------------------------------------------------------------------------------------

    def _fill(self, case: Case) -> None:
        """Set every column of the ticket from its data and all of its messages."""
        ticket, data = case.ticket, case.data
        if data is not None:
            self._properties(case, data)
        for said in case.said:
            said.message = self._message(case, said)
        talk = [*case.earlier, *(said.message for said in case.said if said.message is not None)]
        talk.sort(key=lambda message: message.created_at)
        if data is not None:
            self._dates(case, data, talk)
        self._spoken(ticket, talk)

    def _properties(self, case: Case, data: dict[str, Any]) -> None:
        ticket = case.ticket
        contact = self.people.contact(data["requester"], data)
        ticket.contact = contact
        ticket.account_id = account_of(data, self.refs, "") or contact.account_id
        ticket.subject = one_line(data.get("subject", ""), 300) or NO_SUBJECT
        ticket.status = self.desk.status_of(data)
        ticket.priority = self.desk.priority_of(data)
        ticket.priority_rank = RANKS[Ticket.Priority(ticket.priority)]
        ticket.type = self.desk.types.get(self.desk.mapping.get("type", {}).get(data.get("type", ""), ""))
        ticket.team = self.desk.teams.get(self.desk.mapping.get("group", {}).get(data.get("group", ""), ""))
        ticket.assignee = self._assignee(data.get("assignee") or {})
        ticket.inbox, ticket.channel = self.desk.inbox, CHANNEL
        ticket.language = contact.language
        ticket.routing_state = Ticket.Routing.MANUAL
        ticket.value_at_risk = float(contact.account.value_at_risk or 0) if contact.account else 0.0
        ticket.sla_off, ticket.sla_policy, ticket.sla_step_at = True, None, None

    def _assignee(self, name: dict[str, str]) -> User | None:
        if not (name.get("id") or name.get("email")):
            return None
        return self.people.staff(name) or self.people.author(name)

    def _dates(self, case: Case, data: dict[str, Any], talk: Sequence[Message]) -> None:
        ticket = case.ticket
        first = talk[0].created_at if talk else None
        ticket.created_at = moment(data.get("created_at")) or first or timezone.now()
        if first is not None:
            ticket.created_at = min(ticket.created_at, first)
        last = talk[-1].created_at if talk else ticket.created_at
        ticket.updated_at = max(moment(data.get("updated_at")) or last, ticket.created_at)
        category = ticket.status.category
        ticket.resolved_at = ticket.closed_at = None
        if category in (Status.Category.RESOLVED, Status.Category.CLOSED):
            solved = (
                moment(data.get("solved_at")) or moment(data.get("closed_at")) or max(ticket.updated_at, last)
            )
            ticket.resolved_at = max(solved, ticket.created_at)
            grace = ticket.resolved_at + timedelta(days=reopen_days())
            if category == Status.Category.RESOLVED and grace < timezone.now():
                # What no answer can reopen any more is closed, as it would be here.
                ticket.status = self.desk.statuses["closed"]
                ticket.closed_at = grace
            elif category == Status.Category.CLOSED:
                ticket.closed_at = max(
                    moment(data.get("closed_at")) or ticket.resolved_at, ticket.resolved_at
                )
        ticket.status_category = ticket.status.category

    @staticmethod
    def _spoken(ticket: Ticket, talk: Sequence[Message]) -> None:
        """Set what lists show of the conversation."""
        said = [message for message in talk if message.kind != Message.Kind.NOTE]
        ticket.inbound_count = sum(message.kind == Message.Kind.INBOUND for message in said)
        ticket.outbound_count = len(said) - ticket.inbound_count
        answers = [message.created_at for message in said if message.kind == Message.Kind.OUTBOUND]
        ticket.first_responded_at = answers[0] if answers else None
        last = said[-1] if said else None
        ticket.last_message_at = last.created_at if last else ticket.created_at
        ticket.last_message_preview = preview(last.body_text, last.quote_offsets) if last else ""
        ticket.last_message_inbound = last is None or last.kind == Message.Kind.INBOUND
        living = ticket.status_category in Status.ACTIVE
        inbound = [one for one in said if one.kind == Message.Kind.INBOUND and not one.is_automatic]
        waiting = [one.created_at for one in inbound if not answers or one.created_at > answers[-1]]
        ticket.waiting_since = waiting[0] if living and waiting else None
        ticket.unread = living and ticket.last_message_inbound

    def _message(self, case: Case, said: Said) -> Message:
        data, ticket = said.data, case.ticket
        kind, name = data.get("kind", "said"), data.get("author") or {}
        is_requester = (
            bool(name.get("id")) and case.data is not None and name["id"] == case.data["requester"].get("id")
        )
        if kind == "said":
            kind = "inbound" if is_requester or self.people.staff(name) is None else "outbound"
        text = data.get("text") or (read_html(data["html"]).text if data.get("html") else "")
        at = moment(data.get("at")) or ticket.created_at
        message = Message(
            ticket=ticket,
            kind=kind,
            channel=CHANNEL,
            subject=one_line(data.get("subject", ""), 300),
            body_text=text,
            body_html=data.get("html", ""),
            quote_offsets=data.get("folds", []),
            recipients=data.get("recipients", {}),
            external_id=(data.get("message_id") or f"{self.desk.run.system}:{said.key}")[:255],
            is_automatic=bool(data.get("automatic")),
            created_at=at,
        )
        if kind == "inbound":
            known = self.people.known_contact(name)
            message.contact = known or (
                self.people.contact(name, {}) if any(name.values()) else ticket.contact
            )
        else:
            message.author = self.people.author(name) if any(name.values()) else None
        if kind == "outbound":
            message.delivery, message.delivered_at = Message.Delivery.SENT, at
        return message

    # --- writing ------------------------------------------------------------------------------------------------------

    def _number(self, fresh: Sequence[Case]) -> None:
        """Give numbers: the old ones where they are free and wanted, else the next ones."""
        if not fresh:
            return
        counter = TicketNumber.objects.select_for_update().get(pk=1)
        wanted = {}
        if self.desk.run.options.get("keep_numbers"):
            for case in fresh:
                number = (case.data or {}).get("number", 0)
                if 0 < number < LARGEST_NUMBER and number not in wanted:
                    wanted[number] = case
        taken = set(Ticket.objects.filter(number__in=list(wanted)).values_list("number", flat=True))
        for number, case in wanted.items():
            if number not in taken:
                case.ticket.number = number
        last = max([counter.last, *(number for number in wanted if number not in taken)])
        for case in fresh:
            if not case.ticket.number:
                last += 1
                case.ticket.number = last
        if last != counter.last:
            TicketNumber.objects.filter(pk=1).update(last=last)

    def _write_messages(self, changed: Sequence[Case]) -> None:
        said = [one for case in changed for one in case.said if one.message is not None]
        self._free_ids([one.message for one in said if one.message is not None])
        messages = [one.message for one in said if one.message is not None]
        for message in messages:
            message.ticket_id = message.ticket.pk
        Message.objects.bulk_create(messages, batch_size=500)
        # What is known of the past was known then.
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(
            recorded_at=F("created_at")
        )
        files, aliases = [], []
        for case in changed:
            for one in case.said:
                if one.message is None:
                    continue
                files += self._files(one, case)
                if one.data.get("message_id"):
                    aliases.append(
                        MessageAlias(ticket_id=case.ticket.pk, message_id=one.data["message_id"][:255])
                    )
        Attachment.objects.bulk_create(files, batch_size=500)
        MessageAlias.objects.bulk_create(aliases, batch_size=500, ignore_conflicts=True)

    @staticmethod
    def _free_ids(messages: Sequence[Message]) -> None:
        """An id that another message has already is given up: a copy of a mail is a message of its own."""
        wanted = [message.external_id for message in messages]
        taken = set(
            Message.objects.filter(channel=CHANNEL, external_id__in=wanted).values_list(
                "external_id", flat=True
            )
        )
        for message in messages:
            if message.external_id in taken:
                message.external_id = ""
            taken.add(message.external_id)

    @staticmethod
    def _files(said: Said, case: Case) -> list[Attachment]:
        rows = []
        for file in said.data.get("files", ()):
            if "key" not in file:
                note = f"{file.get('name', '')}: {file.get('missing', '')}"
                if said.row is not None:
                    said.row.error = note[:500]
                else:
                    case.notes.append(note)
                continue
            rows.append(
                Attachment(
                    message=said.message,
                    name=file["name"] or "attachment",
                    content_type=file.get("content_type", ""),
                    content_id=file.get("content_id", "")[:255],
                    is_inline=bool(file.get("inline")),
                    size=file["size"],
                    sha256=file["sha256"],
                    storage_key=file["key"],
                )
            )
        return rows

    def _write_properties(self, changed: Sequence[Case]) -> None:
        """Tags, custom fields, people in copy; of a ticket that was here, in place of what it had."""
        cases = [case for case in changed if case.data is not None]
        again = [case.ticket.pk for case in cases if not case.is_new]
        if again:
            TicketTag.objects.filter(ticket_id__in=again).delete()
            FieldValue.objects.filter(ticket_id__in=again).delete()
        names = {case.ticket.pk: tags_of(case.data or {}, case.notes) for case in cases}
        tags = self._tags({one for some in names.values() for one in some})
        TicketTag.objects.bulk_create(
            [TicketTag(ticket_id=pk, tag=tags[one]) for pk, some in names.items() for one in some],
            batch_size=500,
        )
        values = [
            row
            for case in cases
            for ours, value in self.desk.values_of(case.data or {}, case.notes)
            for row in stored_rows(ours, case.ticket, value)
        ]
        FieldValue.objects.bulk_create(values, batch_size=500, ignore_conflicts=True)
        copies = []
        for case in cases:
            for address in dict.fromkeys((case.data or {}).get("cc", ())):
                if "@" in address and len(address) <= 254:
                    contact = self.people.contact({"email": address.lower()}, {})
                    copies.append(CarbonCopy(ticket=case.ticket, contact=contact))
        CarbonCopy.objects.bulk_create(copies, batch_size=500, ignore_conflicts=True)

    @staticmethod
    def _tags(names: Collection[str]) -> dict[str, Tag]:
        Tag.objects.bulk_create([Tag(name=name) for name in sorted(names)], ignore_conflicts=True)
        return {tag.name: tag for tag in Tag.objects.filter(name__in=names)}

    def _tell(self, case: Case) -> None:
        """Record the past of a ticket."""
        ticket = case.ticket
        ids: dict[str, Any] = {"ticket_id": ticket.pk, "account_id": ticket.account_id}
        by = contact_viewer(ticket.contact_id, HISTORY)
        if case.is_new:
            detail = {"channel": ticket.channel, "follows": None}
            self.events.append(
                PastEvent(TICKET_CREATED, by, ticket.pk, ticket.created_at, detail=detail, **ids)
            )
            if ticket.assignee_id is not None:
                given = {"from": None, "to": ticket.assignee_id, "reason": "", "automatic": True}
                self.events.append(
                    PastEvent(
                        ASSIGNED, system_viewer(HISTORY), ticket.pk, ticket.created_at, detail=given, **ids
                    )
                )
        before = case.before
        for at, after, actor in self._changes(ticket):
            if after != before and at is not None:
                self.events.append(
                    PastEvent(STATUS_CHANGED, actor, ticket.pk, at, detail=self._moved(before, after), **ids)
                )
                before = after

    def _changes(self, ticket: Ticket) -> list[tuple[datetime | None, str, Viewer]]:
        """The status changes that led to where the ticket is."""
        present = str(ticket.status_id)
        assignee = staff_viewer(ticket.assignee_id) if ticket.assignee_id else system_viewer(HISTORY)
        if ticket.status_category == Status.Category.CLOSED and ticket.resolved_at != ticket.closed_at:
            system = system_viewer(HISTORY)
            return [(ticket.resolved_at, "resolved", assignee), (ticket.closed_at, present, system)]
        if ticket.status_category in (Status.Category.RESOLVED, Status.Category.CLOSED):
            return [(ticket.resolved_at, present, assignee)]
        return [(max(ticket.last_message_at, ticket.created_at), present, assignee)]

    def _moved(self, before: str, after: str) -> dict[str, str]:
        kinds = {key: str(status.category) for key, status in self.desk.statuses.items()}
        return {
            "from": before, "to": after, "from_category": kinds[before], "to_category": kinds[after], "reason": "imported",
        }  # fmt: skip

    def _remember(self, changed: Sequence[Case]) -> None:
        """Write the references and the outcome of each row."""
        made, messages = [], []
        for case in changed:
            ticket = case.ticket
            if case.is_new:
                made.append((case.number, ticket.pk, case.digest, ticket.version))
            elif case.data is not None or case.said:
                ref = self.refs.get("ticket", case.number)
                if ref is not None:
                    untouched = ref.stamp == ticket.version - 1
                    self.refs.put(
                        "ticket", case.number, ticket.pk,
                        digest=case.digest if case.data is not None else ref.digest,
                        stamp=ticket.version if untouched else ref.stamp,
                    )  # fmt: skip
            if case.row is not None:
                done = Outcome.CREATED if case.is_new else Outcome.UPDATED
                case.row.outcome, case.row.object_id = done, ticket.pk
                case.row.error = "; ".join(case.notes)[:500]
            for said in case.said:
                if said.message is not None:
                    messages.append((said.key, said.message.pk, "", 0))
                    if said.row is not None:
                        said.row.outcome, said.row.object_id = Outcome.CREATED, said.message.pk
        self.refs.put_many("ticket", made)
        self.refs.put_many("message", messages)

    def _count(self, changed: Sequence[Case]) -> None:
        """Bring the columns of accounts up to date, and ask for their health."""
        touched: dict[int, datetime] = {}
        for case in changed:
            if case.ticket.account_id is not None and case.ticket.inbound_count + case.ticket.outbound_count:
                latest = touched.get(case.ticket.account_id, case.ticket.last_message_at)
                touched[case.ticket.account_id] = max(latest, case.ticket.last_message_at)
        accounts = {case.ticket.account_id for case in changed if case.ticket.account_id is not None}
        count_open_tickets(account_ids=accounts)
        note_touches(touched=touched)
        mark_score_due(account_ids=accounts, reason="import")
        seen: dict[int, datetime] = {}
        for case in changed:
            pk, at = case.ticket.contact_id, case.ticket.last_message_at
            seen[pk] = max(seen.get(pk, at), at)
        for contact in Contact.objects.filter(pk__in=seen).only("pk", "last_seen_at"):
            if contact.last_seen_at is None or contact.last_seen_at < seen[contact.pk]:
                Contact.objects.filter(pk=contact.pk).update(last_seen_at=seen[contact.pk])


def refuse(row: ImportRow, error: Unreadable | Exception) -> None:
    """Say why a row is not taken."""
    row.outcome, row.error = Outcome.REFUSED, str(error)[:500]
