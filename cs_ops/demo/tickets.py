"""A year of tickets: who writes when, how each case goes, and the rows, stamps and events that are left of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import F

from core.calendars import OpeningHours
from core.services.record_history import PastEvent
from cs_ops.demo.companies import SYSTEM, Company, Customers, staff
from cs_ops.demo.conversations import VAGUE_SHARE, Line, Talk, draw_talk
from cs_ops.demo.latent import WEEKS, stream
from cs_ops.demo.staff import Desk
from customers.models import Contact
from people.models import User
from people.viewer import contact_viewer
from tickets.events import (
    ASSIGNED,
    FIRST_RESPONSE_BREACHED,
    MESSAGE_RECEIVED,
    NEXT_RESPONSE_BREACHED,
    NOTE_ADDED,
    REPLIED,
    RESOLUTION_BREACHED,
    ROUTED,
    STATUS_CHANGED,
    TICKET_CREATED,
)
from tickets.message_text import preview
from tickets.models import Message, Status, Ticket, TicketNumber
from tickets.services.apply_sla import next_due
from tickets.services.count_open_tickets import count_open_tickets
from tickets.sla import Promise, StatusChange, Waiting, run_clock

PRIORITIES = ("low", "normal", "high", "urgent")
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GRACE = timedelta(days=7)
OPEN_SHARE = 140 / 3000
OPEN_DAYS = 11.0  # the longer ago, the rarer: exp(-age / 11 working days)
STUCK = 0.09
FRESH_DAYS = 1.5
LATE_SECONDS = 54_000  # nobody leaves a broken promise lying for much longer than this much business time
ROLE_WEIGHT = {"sponsor": 0.3, "buyer": 0.4, "champion": 2.0, "admin": 2.2, "user": 1.4}
HOURS_OF_DAY = np.array(
    [1, 1, 1, 1, 1, 1, 3, 10, 30, 44, 46, 40, 26, 36, 42, 40, 32, 20, 10, 6, 5, 4, 2, 1], dtype=float
)
WEEKDAYS = np.array([1.25, 1.1, 1.0, 1.0, 0.9, 0.22, 0.15])


@dataclass
class Case:
    """One ticket on its way to the database."""

    ticket: Ticket
    talk: Talk
    company: Company | None
    promise: Promise
    messages: list[Message] = field(default_factory=list)
    changes: list[tuple[datetime, str, str, str]] = field(default_factory=list)  # (when, from, to, reason)
    routed_at: datetime | None = None
    # The line that seemed to be the solution, and after which the customer came back.
    too_early: int | None = None


@dataclass
class Writers:
    """Who wrote a ticket and what is needed to draw one."""

    company: Company | None
    contact: Contact
    zone: str


class TicketWorld:
    """Draws and writes the tickets. With ``keep_pending`` some of the newest wait for the product to route them."""

    def __init__(
        self, seed: int, desk: Desk, customers: Customers, now: datetime, *, keep_pending: bool = False
    ) -> None:
        self.keep_pending = keep_pending
        self.seed, self.desk, self.customers, self.now = seed, desk, customers, now
        self.cases: list[Case] = []
        self.statuses = {status.pk: status for status in Status.objects.all()}
        self.hours: dict[str, OpeningHours] = {
            name: policy.calendar.hours() for name, policy in desk.policies.items() if policy.calendar
        }
        self.targets = {
            (name, target.priority): target
            for name, policy in desk.policies.items()
            for target in policy.targets.all()
        }

    def build(self, count: int) -> list[PastEvent]:
        """Write ``count`` tickets and return their events; the newest ``OPEN_SHARE`` or so of them are still open."""
        moments = sorted(self._moments(count), key=lambda entry: entry[1])
        still_open = self._choose_open([moment for _writers, moment in moments])
        cases = [
            self._draw(number, writers, moment, is_open=number in still_open)
            for number, (writers, moment) in enumerate(moments)
        ]
        self._write(cases)
        self.cases = cases
        return [event for case in cases for event in self._events(case)]

    # --- when and who -------------------------------------------------------------------------------------------------

    def _moments(self, count: int) -> Iterator[tuple[Writers, datetime]]:
        """Yield who writes and when: more from large and unhappy accounts, fewer on weekends, growing over the year."""
        rng = stream(self.seed, "moments")
        companies = self.customers.companies
        weeks = WEEKS - 8
        rates = np.zeros((len(companies), weeks))
        growth = np.linspace(0.8, 1.2, weeks)
        growth[-2:] *= 1.5
        for row, company in enumerate(companies):
            size = company.account.seats**0.45
            mood = company.life.satisfaction[-weeks:]
            alive = [self._is_alive(company, week, weeks) for week in range(weeks)]
            rates[row] = size * np.exp(-0.38 * mood) * alive * growth
        private = int(count * 0.03)
        chosen = rng.choice(rates.size, size=count - private, p=(rates / rates.sum()).ravel())
        for place in chosen:
            company = companies[int(place) // weeks]
            moment = self._moment(int(place) % weeks, weeks, company.account.timezone, rng)
            yield Writers(company, self._writer(company, moment, rng), company.account.timezone), moment
        for _number in range(private):
            contact = self.customers.strangers[int(rng.integers(len(self.customers.strangers)))]
            yield (
                Writers(None, contact, "Europe/Berlin"),
                self._moment(int(rng.integers(weeks)), weeks, "Europe/Berlin", rng),
            )

    def _is_alive(self, company: Company, week: int, weeks: int) -> bool:
        day = (self.now - timedelta(days=7 * (weeks - week) - 3)).date()
        return company.since + timedelta(days=7) <= day and (company.ends_on is None or day < company.ends_on)

    def _moment(self, week: int, weeks: int, zone: str, rng: np.random.Generator) -> datetime:
        """Draw a moment within a week (0 the oldest), by local weekday and hour, never in the future."""
        local = ZoneInfo(zone)
        start = self.now - timedelta(days=7 * (weeks - week))
        for _attempt in range(50):
            day = start + timedelta(days=int(rng.integers(0, 7)))
            if rng.random() * WEEKDAYS.max() > WEEKDAYS[day.weekday()]:
                continue
            hour = int(rng.choice(24, p=HOURS_OF_DAY / HOURS_OF_DAY.sum()))
            moment = day.astimezone(local).replace(
                hour=hour, minute=int(rng.integers(60)), second=int(rng.integers(60)), microsecond=0
            )
            if moment < self.now - timedelta(minutes=4):
                return moment.astimezone(UTC)
        return start + timedelta(seconds=int(rng.integers(0, 6 * 86_400)))

    def _writer(self, company: Company, moment: datetime, rng: np.random.Generator) -> Contact:
        present = [
            one
            for one in company.contacts
            if one.created_at <= moment and (one.left_at is None or one.left_at > moment)
        ]
        people = present or company.contacts
        weights = np.array([ROLE_WEIGHT[one.role] for one in people])
        return people[int(rng.choice(len(people), p=weights / weights.sum()))]

    def _choose_open(self, moments: Sequence[datetime]) -> set[int]:
        """Choose which tickets are still open: the younger the likelier, none older than six weeks."""
        rng = stream(self.seed, "open")
        days = np.array([(self.now - moment).total_seconds() / 86_400 for moment in moments])
        ages = np.array(
            [
                self._working_days(moment) if age < 42 else 99.0
                for moment, age in zip(moments, days, strict=True)
            ]
        )
        weights = np.exp(-ages / OPEN_DAYS) * (days < 42)
        wanted = min(int((weights > 0).sum()), max(3, round(len(moments) * OPEN_SHARE)))
        chosen = rng.choice(len(moments), size=wanted, replace=False, p=weights / weights.sum())
        return {int(number) for number in chosen}

    def _working_days(self, moment: datetime) -> float:
        """Return how many working days of ten hours ago a moment lies."""
        return self.hours["Standard"].seconds_between(moment, self.now) / 36_000

    # --- one case -----------------------------------------------------------------------------------------------------

    def _draw(self, number: int, writers: Writers, moment: datetime, *, is_open: bool) -> Case:
        rng = stream(self.seed, "ticket", number)
        company = writers.company
        young = is_open and self._working_days(moment) < FRESH_DAYS
        fresh = young and self.keep_pending and rng.random() < 0.4
        satisfaction = (
            company.life.at(moment.date(), self.now.date()) if company else float(rng.normal(0.2, 0.8))
        )
        colleagues = [one.name for one in company.contacts] if company else ["my colleague"]
        account = company.account if company else None
        signature = f"{writers.contact.name}\n{account.name}" if account else writers.contact.name
        talk = draw_talk(
            satisfaction=satisfaction,
            language=writers.contact.language,
            people=colleagues,
            signature=signature,
            vague=0.4 if fresh else VAGUE_SHARE,
            rng=rng,
        )
        category = self.desk.categories[talk.topic.category]
        team = self.desk.teams[talk.topic.team]
        policy_name = "Enterprise" if account is not None and account.tier == "enterprise" else "Standard"
        priority = PRIORITIES[talk.level]
        members = self.desk.members[talk.topic.team]
        is_api = rng.random() < 0.12
        ticket = Ticket(
            number=4001 + number,
            reference="".join(rng.choice(list(LETTERS), 10)),
            subject=talk.subject,
            inbox=None if is_api else (self.desk.billing if team.name == "Billing" else self.desk.support),
            channel="api" if is_api else "email",
            account=account,
            contact=writers.contact,
            priority=priority,
            priority_rank=talk.level,
            category=category,
            team=team,
            assignee=members[int(rng.integers(len(members)))],
            assigned_reason="Most free capacity",
            routing_state=Ticket.Routing.MANUAL if rng.random() < 0.05 else Ticket.Routing.ROUTED,
            language=talk.language,
            sla_policy=self.desk.policies[policy_name],
            created_at=moment,
        )
        promise = self._promise(policy_name, priority)
        case = Case(
            ticket, talk, company, promise, routed_at=moment + timedelta(seconds=int(rng.integers(2, 7)))
        )
        if fresh:
            self._leave_pending(case)
        elif is_open:
            self._leave_open(case, rng)
        else:
            self._vary(case, number)
            self._time(talk.lines, case, rng)
            self._fit(talk.lines, moment, self.now - timedelta(minutes=int(rng.integers(5, 90))))
            self._tell(case, resolved=True)
        self._stamp(case)
        return case

    def _vary(self, case: Case, number: int) -> None:
        """Some tickets are solved by the first answer, some come back after what seemed to be the solution."""
        rng, lines = stream(self.seed, "way", number), case.talk.lines
        spoken = [place for place, line in enumerate(lines) if line.kind != "note"]
        if [lines[place].kind for place in spoken] == [
            "inbound",
            "outbound",
            "outbound",
        ] and rng.random() < 0.6:
            del lines[spoken[1]]
            return
        asked_again = [
            place
            for place, following in pairwise(spoken)
            if lines[place].kind == "outbound" and lines[following].kind == "inbound"
            and not lines[following].is_thanks
        ]  # fmt: skip
        if asked_again and rng.random() < 0.16:
            case.too_early = asked_again[-1]

    def _promise(self, policy: str, priority: str) -> Promise:
        """Return what a policy promises for a priority."""
        target = self.targets[policy, priority]
        return Promise(
            self.hours[policy],
            first_response_seconds=target.first_response_seconds,
            resolution_seconds=target.resolution_seconds,
            next_response_seconds=target.next_response_seconds,
        )

    def _time(self, lines: list[Line], case: Case, rng: np.random.Generator) -> None:
        """Give each line its moment: we answer within business hours, customers within their days."""
        pace = (case.promise.first_response_seconds or 0) * float(rng.lognormal(np.log(0.36), 0.75))
        moment = case.ticket.created_at
        previous = ""
        stuck = (
            (case.promise.resolution_seconds or 0) * float(rng.uniform(0.5, 1.5))
            if rng.random() < STUCK
            else 0.0
        )
        for place, line in enumerate(lines):
            if line.kind == "inbound" and previous:
                wait = float(rng.lognormal(np.log(4 * 3600), 1.1))
                moment = moment + timedelta(seconds=min(wait, 4 * 86_400))
            elif previous:
                ours = pace if previous == "inbound" else 600.0
                if place == len(lines) - 1:
                    ours += stuck
                moment = case.promise.hours.add_seconds(moment, ours * float(rng.uniform(0.6, 1.5)))
            line.at = moment.replace(microsecond=0)
            previous = line.kind

    def _fit(self, lines: list[Line], start: datetime, latest: datetime) -> None:
        """Press a conversation that would reach past ``latest`` into the time there is."""
        end = lines[-1].at or start
        if end <= latest:
            return
        factor = max(0.05, (latest - start) / (end - start))
        for line in lines:
            if line.at is not None:
                line.at = start + (line.at - start) * factor

    def _leave_open(self, case: Case, rng: np.random.Generator) -> None:
        """Cut the conversation where a ticket of its age may stand today."""
        ticket, lines = case.ticket, case.talk.lines
        age = self.now - ticket.created_at
        used = case.promise.hours.seconds_between(ticket.created_at, self.now)
        if used < (case.promise.first_response_seconds or 0):
            odds = {"new": 0.6, "open": 0.3, "waiting": 0.1}
        elif used < 0.8 * (case.promise.resolution_seconds or 0):
            odds = {"open": 0.76, "waiting": 0.2, "on_hold": 0.04}
        elif used < (case.promise.resolution_seconds or 0) + LATE_SECONDS:
            odds = {"open": 0.45, "waiting": 0.4, "on_hold": 0.15}
        else:
            odds = {"waiting": 0.7, "on_hold": 0.3}
        state = str(rng.choice(list(odds), p=np.array(list(odds.values())) / sum(odds.values())))
        self._time(lines, case, rng)
        del lines[-1]  # the solution
        if lines[-1].is_thanks:
            del lines[-1]
        if state == "new":
            del lines[1:]
        elif state == "open" and rng.random() < 0.75:
            while len(lines) > 2 and lines[-1].kind != "inbound":
                del lines[-1]
        else:
            while len(lines) > 2 and lines[-1].kind == "inbound":
                del lines[-1]
        late = self.now - min(age * 0.1, timedelta(hours=float(rng.uniform(0.2, 30))))
        self._fit(lines, ticket.created_at, late)
        self._tell(case, resolved=False, ends_as=state)

    def _leave_pending(self, case: Case) -> None:
        """A ticket that has just come in: routing and assignment are left to the product."""
        ticket = case.ticket
        del case.talk.lines[1:]
        case.talk.lines[0].at = ticket.created_at
        ticket.routing_state = Ticket.Routing.PENDING
        ticket.category = ticket.team = ticket.assignee = None
        ticket.assigned_reason = ""
        ticket.priority, ticket.priority_rank = Ticket.Priority.NORMAL, 1
        case.routed_at = None
        case.promise = self._promise(
            ticket.sla_policy.name if ticket.sla_policy else "Standard", ticket.priority
        )
        self._tell(case, resolved=False, ends_as="new")

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _tell(self, case: Case, *, resolved: bool, ends_as: str = "") -> None:
        """Turn lines into messages and status changes, and bring the ticket's columns to where they end."""
        ticket = case.ticket
        status = "new"
        last_text = case.talk.lines[0].text
        for place, line in enumerate(case.talk.lines):
            at = line.at or ticket.created_at
            text, folds = self._quoted(case, place) if line.quotes else (line.text, [])
            case.messages.append(self._message(case, line, text, folds, at))
            if line.kind == "note":
                continue
            last_text = line.text
            ticket.last_message_at, ticket.last_message_inbound = at, line.kind == "inbound"
            is_last = place in (len(case.talk.lines) - 1, case.too_early)
            after = self._status_after(line.kind, status, is_last=is_last, resolved=resolved, ends_as=ends_as)
            if line.kind == "outbound":
                ticket.first_responded_at = ticket.first_responded_at or at
                ticket.waiting_since = None
            else:
                ticket.waiting_since = ticket.waiting_since or at
            if after != status:
                case.changes.append(
                    (at, status, after, "reply" if line.kind == "outbound" else "customer_wrote")
                )
                status = after
        if resolved:
            ticket.resolved_at = case.changes[-1][0]
            if ticket.resolved_at + GRACE < self.now:
                ticket.closed_at = ticket.resolved_at + GRACE
                case.changes.append((ticket.closed_at, "resolved", "closed", "grace_over"))
                status = "closed"
        elif ends_as == "on_hold" and status != "on_hold":
            case.changes.append((ticket.last_message_at + timedelta(minutes=6), status, "on_hold", ""))
            status = "on_hold"
        ticket.status = self.statuses[status]
        ticket.status_category = ticket.status.category
        ticket.reopen_count = int(case.too_early is not None)
        ticket.inbound_count = sum(line.kind == "inbound" for line in case.talk.lines)
        ticket.outbound_count = sum(line.kind == "outbound" for line in case.talk.lines)
        ticket.last_message_preview = preview(last_text)
        ticket.unread = ticket.last_message_inbound and status in ("new", "open")
        ticket.version = 1 + len(case.messages) + len(case.changes)
        ticket.updated_at = max([ticket.last_message_at, *(change[0] for change in case.changes)])

    @staticmethod
    def _status_after(kind: str, status: str, *, is_last: bool, resolved: bool, ends_as: str) -> str:
        if kind == "inbound":
            return status if status in ("new", "open") else "open"
        if is_last and resolved:
            return "resolved"
        if is_last and ends_as == "open":
            return "open"
        return "waiting"

    def _message(self, case: Case, line: Line, text: str, folds: list[Any], at: datetime) -> Message:
        ticket = case.ticket
        inbound = line.kind == "inbound"
        author: User | None = None if inbound else ticket.assignee
        address = self.customers.addresses[ticket.contact.pk]
        domain = address.rpartition("@")[2]
        is_mail = ticket.channel == "email"
        return Message(
            ticket=ticket,
            kind=line.kind,
            channel=ticket.channel if inbound else "email",
            contact=ticket.contact if inbound else None,
            author=author,
            subject=ticket.subject if not inbound or is_mail else "",
            body_text=text,
            quote_offsets=folds,
            recipients={}
            if line.kind != "outbound"
            else {"to": [{"name": ticket.contact.name, "address": address}]},
            external_id=f"<{ticket.reference.lower()}.{len(case.messages)}@{domain}>"
            if inbound and is_mail
            else "",
            delivery="sent" if line.kind == "outbound" else "",
            delivered_at=at + timedelta(seconds=4) if line.kind == "outbound" else None,
            created_at=at,
        )

    def _quoted(self, case: Case, place: int) -> tuple[str, list[Any]]:
        """A customer's answer with the mail it answers below, as mail programs write it; the quote is folded."""
        line = case.talk.lines[place]
        answered = next((one for one in reversed(case.talk.lines[:place]) if one.kind == "outbound"), None)
        if answered is None or case.ticket.channel != "email":
            return line.text, []
        name = case.ticket.assignee.name if case.ticket.assignee else "Support"
        head = f"On {(answered.at or case.ticket.created_at):%d %b %Y at %H:%M}, {name} wrote:"
        quote = "\n".join([head, *(f"> {row}" for row in answered.text.split("\n"))])
        text = f"{line.text}\n\n{quote}"
        return text, [[len(line.text) + 2, len(text), "quote"]]

    def _stamp(self, case: Case) -> None:
        """Set the deadlines by the product's own clock, and the breaches that follow from them."""
        ticket = case.ticket
        changes = [StatusChange(at, to) for at, _from, to, _reason in case.changes]
        waiting = Waiting(ticket.waiting_since, ticket.first_responded_at is not None)
        clock = run_clock(opened_at=ticket.created_at, changes=changes, promise=case.promise, waiting=waiting)
        ticket.first_response_due_at = first_due = clock.first_response_due_at
        ticket.next_response_due_at = next_response = clock.next_response_due_at
        ticket.resolution_due_at = clock.resolution_due_at
        if first_due is not None and (ticket.first_responded_at or self.now) > first_due:
            ticket.first_response_breached_at = first_due
        if next_response is not None and next_response < self.now:
            ticket.next_response_breached_at = next_response
        due = clock.resolution_due_at
        if due is not None and due < (ticket.resolved_at or self.now):
            ticket.resolution_breached_at = due
        ticket.next_due_at = next_due(ticket)
        ticket.sla_policy_version = 1
        ticket.sla_step_at = self.now if ticket.status.category in Status.ACTIVE else None

    def _write(self, cases: list[Case]) -> None:
        Ticket.objects.bulk_create([case.ticket for case in cases], batch_size=500)
        messages = [message for case in cases for message in case.messages]
        Message.objects.bulk_create(messages, batch_size=500)
        # A message of the past was recorded when it came; the column otherwise takes the moment of this import.
        Message.objects.update(recorded_at=F("created_at"))
        TicketNumber.objects.filter(pk=1).update(last=4000 + len(cases))
        count_open_tickets(account_ids=[company.account.pk for company in self.customers.companies])
        seen: dict[int, Contact] = {}
        for case in cases:
            seen[case.ticket.contact.pk] = case.ticket.contact
            case.ticket.contact.last_seen_at = case.ticket.created_at
        Contact.objects.bulk_update(seen.values(), ["last_seen_at"], batch_size=500)

    # --- events -------------------------------------------------------------------------------------------------------

    def _events(self, case: Case) -> Iterator[PastEvent]:
        """Yield what the services would have recorded."""
        ticket = case.ticket
        ids: dict[str, Any] = {"ticket_id": ticket.pk, "account_id": ticket.account_id}
        customer = contact_viewer(ticket.contact_id, SYSTEM.source)
        detail = {"subject": ticket.subject, "channel": ticket.channel, "contact": ticket.contact_id}
        yield PastEvent(TICKET_CREATED, customer, ticket.pk, ticket.created_at, detail=detail, **ids)
        if case.routed_at is not None and case.routed_at < self.now:
            yield PastEvent(
                ROUTED, SYSTEM, ticket.pk, case.routed_at, **ids,
                detail={"category": ticket.category_id, "team": ticket.team_id,
                        "abstained": ticket.routing_state == Ticket.Routing.TRIAGE, "source": SYSTEM.source},
            )  # fmt: skip
            if ticket.assignee_id is not None:
                yield PastEvent(
                    ASSIGNED, SYSTEM, ticket.pk, case.routed_at, **ids,
                    detail={"from": None, "to": ticket.assignee_id, "reason": ticket.assigned_reason, "automatic": True},
                )  # fmt: skip
        for message in case.messages:
            yield self._message_event(message, customer, ids)
        for at, before, after, reason in case.changes:
            by = (
                customer
                if reason == "customer_wrote"
                else SYSTEM
                if reason == "grace_over"
                else staff(ticket.assignee_id)
            )
            yield PastEvent(
                STATUS_CHANGED, by, ticket.pk, at, **ids,
                detail={"from": before, "to": after, "from_category": self.statuses[before].category,
                        "to_category": self.statuses[after].category, "reason": reason},
            )  # fmt: skip
        for kind, due in (
            (FIRST_RESPONSE_BREACHED, ticket.first_response_breached_at),
            (NEXT_RESPONSE_BREACHED, ticket.next_response_breached_at),
            (RESOLUTION_BREACHED, ticket.resolution_breached_at),
        ):
            if due is not None:
                breach = {"due_at": due, "policy": ticket.sla_policy_id, "priority": ticket.priority}
                yield PastEvent(kind, SYSTEM, ticket.pk, due, detail=breach, **ids)

    @staticmethod
    def _message_event(message: Message, customer: Any, ids: dict[str, Any]) -> PastEvent:
        if message.kind == Message.Kind.INBOUND:
            detail = {"contact": message.contact_id, "channel": message.channel, "automatic": False}
            return PastEvent(MESSAGE_RECEIVED, customer, message.pk, message.created_at, detail=detail, **ids)
        kind = REPLIED if message.kind == Message.Kind.OUTBOUND else NOTE_ADDED
        return PastEvent(kind, staff(message.author_id), message.pk, message.created_at, **ids)
