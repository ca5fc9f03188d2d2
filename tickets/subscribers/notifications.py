"""Tells people about tickets: who is told of what is decided here, how by ``core.services.notify_user``.

Told are the assignee, the followers, those named in a note, or the team of a ticket that nobody has (of a low rating its
leads, if it has any); never who did it, nor who may not see the ticket. An event tells a person once: being named comes
before everything else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import SYSTEM
from core.models import Event
from core.services.notify_user import Notice, notify_people
from core.subscription import Subscriber
from people.models import TeamMembership, User
from people.roles import Role
from tickets import events as verbs
from tickets import notification_kinds as kinds
from tickets.channels.email.events import ANSWER_FAILED, MESSAGE_BOUNCED
from tickets.mentions import sees
from tickets.message_text import PREVIEW_READS, one_line
from tickets.models import Follower, Message, Ticket
from tickets.rich_text import without_marks

# Who hears of something only days later (a worker stood still, history was imported) need not hear of it any more.
STALE = timedelta(days=3)
LONGEST_LINE = 140


@dataclass
class _Facts:
    """What the rules look at, read at once for a batch of events."""

    tickets: Mapping[int, Ticket] = field(default_factory=dict)
    messages: Mapping[int, Message] = field(default_factory=dict)
    followers: Mapping[int, set[int]] = field(default_factory=dict)
    members: Mapping[int, set[int]] = field(default_factory=dict)
    leads: Mapping[int, set[int]] = field(default_factory=dict)

    def owner(self, ticket: Ticket) -> set[int]:
        """The assignee, if there is one."""
        return set() if ticket.assignee_id is None else {ticket.assignee_id}

    def owner_or_team(self, ticket: Ticket) -> set[int]:
        """The assignee, or the team of a ticket that nobody has."""
        return self.owner(ticket) or self.members.get(ticket.team_id or 0, set())

    def owner_or_lead(self, ticket: Ticket) -> set[int]:
        """The assignee; of a ticket that nobody has the leads of its team, else its members, without a team every lead."""
        team = ticket.team_id or 0
        return self.owner(ticket) or self.leads.get(team) or self.members.get(team, set())


@dataclass(frozen=True)
class _Told:
    """Some people who are told of an event, as of which kind and in which words."""

    people: Iterable[int]
    kind: str
    text: str | Promise


_Rule = Callable[[Event, Ticket, _Facts], Iterable[_Told]]


def _assigned(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    to = _data(event).get("to")
    # Who has lost the ticket again is not told.
    if to is not None and ticket.assignee_id == to:
        yield _Told([to], kinds.ASSIGNED_KIND, _("You were given %s"))


def _came_to_team(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    if (
        ticket.assignee_id is None
        and ticket.team_id is not None
        and ticket.status_category in {"new", "open"}
    ):
        words = _("%(team)s has a new ticket: ") % {"team": _plain(str(ticket.team))}
        yield _Told(facts.members.get(ticket.team_id, set()), kinds.TEAM_KIND, words + "%s")


def _customer_wrote(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    message = facts.messages.get(event.subject_id)
    if message is None or message.is_automatic or message.kind != Message.Kind.INBOUND:
        return
    # The message that opened the ticket comes with the ticket itself.
    if message.created_at == ticket.created_at:
        return
    words = _("%(who)s wrote on %%s: %(text)s") % _said(message, message.contact)
    owner = facts.owner(ticket)
    yield _Told(owner, kinds.REPLY_KIND, words)
    yield _Told(facts.followers.get(ticket.pk, set()), kinds.FOLLOWED_REPLY_KIND, words)


def _colleague_answered(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    message = facts.messages.get(event.subject_id)
    if message is not None:
        words = _("%(who)s answered on %%s: %(text)s") % _said(message, message.author)
        yield _Told(facts.owner(ticket) | facts.followers.get(ticket.pk, set()), kinds.COLLEAGUE_KIND, words)


def _note_added(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    message = facts.messages.get(event.subject_id)
    if message is None:
        return
    said = _said(message, message.author)
    named = _data(event).get("mentions") or []
    yield _Told(named, kinds.MENTION_KIND, _("%(who)s mentions you on %%s: %(text)s") % said)
    others = facts.owner(ticket) | facts.followers.get(ticket.pk, set())
    yield _Told(others, kinds.COLLEAGUE_KIND, _("%(who)s noted on %%s: %(text)s") % said)


def _warned(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    data = _data(event)
    people = data.get("to") or facts.owner_or_team(ticket)
    if data.get("overdue"):
        yield _Told(people, kinds.BREACH_KIND, _("Overdue: %s"))
    else:
        yield _Told(people, kinds.WARNING_KIND, _("A deadline comes near: %s"))


def _breached(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    yield _Told(facts.owner_or_team(ticket), kinds.BREACH_KIND, _("A promise is broken on %s"))


def _escalated(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    data = _data(event)
    # The event says who is to know; a rule may want nobody told.
    people = data.get("to", [])
    reason = one_line(str(data.get("reason") or ""), 80)
    words = _("Escalated: %s")
    yield _Told(people, kinds.ESCALATION_KIND, f"{words} · {_plain(reason)}" if reason else words)


def _promise_due(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    words = _("Due soon, “%(promise)s”: %%s") % _promised(event)
    yield _Told(_data(event).get("to") or (), kinds.PROMISE_DUE_KIND, words)


def _promise_broken(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    words = _("Promised and not done, “%(promise)s”: %%s") % _promised(event)
    yield _Told(_data(event).get("to") or (), kinds.PROMISE_BROKEN_KIND, words)


def _promised(event: Event) -> dict[str, str]:
    return {"promise": _plain(one_line(str(_data(event).get("words") or ""), 80))}


def _rated(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    # A customer who is not content is somebody's business, also where nobody has the ticket.
    people = facts.owner_or_lead(ticket) if _data(event).get("low") else facts.owner(ticket)
    if ticket.satisfaction is None:
        yield _Told(people, kinds.RATING_KIND, _("The customer rated %s"))
    else:
        words = _("The customer gave %(rating)d of 5 on ") % {"rating": ticket.satisfaction}
        yield _Told(people, kinds.RATING_KIND, words + "%s")


def _woken(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    sleeper = _data(event).get("snoozed_by")
    if sleeper is not None and _data(event).get("reason") != "asked":
        yield _Told([sleeper], kinds.WOKEN_KIND, _("Back from being put aside: %s"))


def _not_delivered(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    message = facts.messages.get(event.subject_id)
    if message is not None and message.author_id is not None:
        yield _Told([message.author_id], kinds.FAILED_KIND, _("Your answer did not arrive: %s"))


def _incident_proposed(event: Event, ticket: Ticket, facts: _Facts) -> Iterable[_Told]:
    words = _("%(number)d tickets say the same as ") % {"number": _data(event).get("tickets", 0)}
    yield _Told(_data(event).get("to", []), kinds.INCIDENT_KIND, words + "%s")


_RULES: Mapping[str, _Rule] = {
    verbs.ASSIGNED.verb: _assigned,
    verbs.ROUTED.verb: _came_to_team,
    verbs.ROUTING_CORRECTED.verb: _came_to_team,
    verbs.MESSAGE_RECEIVED.verb: _customer_wrote,
    verbs.REPLIED.verb: _colleague_answered,
    verbs.NOTE_ADDED.verb: _note_added,
    verbs.SLA_WARNED.verb: _warned,
    verbs.FIRST_RESPONSE_BREACHED.verb: _breached,
    verbs.NEXT_RESPONSE_BREACHED.verb: _breached,
    verbs.RESOLUTION_BREACHED.verb: _breached,
    verbs.ESCALATED.verb: _escalated,
    verbs.INCIDENT_PROPOSED.verb: _incident_proposed,
    verbs.PROMISE_DUE.verb: _promise_due,
    verbs.PROMISE_BROKEN.verb: _promise_broken,
    verbs.TICKET_RATED.verb: _rated,
    verbs.WOKEN.verb: _woken,
    ANSWER_FAILED.verb: _not_delivered,
    MESSAGE_BOUNCED.verb: _not_delivered,
}


class TicketNotifications(Subscriber):
    """Tells whom an event is for; the number of queries does not grow with the batch, but for one event per line told."""

    # As it was called when it told of assignments only: another key would begin at the first event ever.
    key = "tickets.assignment_notifications"
    label = gettext_lazy("Notifications about tickets")
    verbs = frozenset(_RULES)
    replayable = False

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write the notifications that are still true."""
        since = timezone.now() - STALE
        fresh = [event for event in events if event.recorded_at > since and event.ticket_id is not None]
        facts = _facts_of(fresh)
        told: dict[tuple[int, int], Notice] = {}
        for event in fresh:
            ticket = facts.tickets.get(event.ticket_id or 0)
            if ticket is None:
                continue
            for one in _RULES[event.verb](event, ticket, facts):
                for user_id in one.people:
                    told.setdefault((event.pk, user_id), _notice(event, ticket, user_id, one))
        seeing = _who_sees([(notice.user_id, notice.cause) for notice in told.values()], facts)
        notices = [notice for place, notice in told.items() if place in seeing]
        notify_people(notices=notices, by=SYSTEM)


def _facts_of(events: Sequence[Event]) -> _Facts:
    """Read what the rules need: five queries at most, and two for the people of the messages."""
    ticket_ids = {event.ticket_id for event in events if event.ticket_id is not None}
    if not ticket_ids:
        return _Facts()
    message_ids = {event.subject_id for event in events if event.subject_kind == "message"}
    messages = Message.objects.select_related("author", "contact") if message_ids else Message.objects.none()
    tickets = Ticket.objects.select_related("team").in_bulk(ticket_ids)
    followers: dict[int, set[int]] = {}
    follows = Follower.objects.filter(Q(ticket_id__in=ticket_ids) | Q(ticket__merged_into_id__in=ticket_ids))
    for ticket_id, merged_into, user_id in follows.values_list(
        "ticket_id", "ticket__merged_into_id", "user_id"
    ):
        followers.setdefault(ticket_id, set()).add(user_id)
        followers.setdefault(merged_into or ticket_id, set()).add(user_id)
    members, leads = _teams_of([one for one in tickets.values() if one.assignee_id is None])
    return _Facts(tickets, messages.in_bulk(message_ids), followers, members, leads)


def _teams_of(unowned: Sequence[Ticket]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """The members and the leads of the teams of tickets that nobody has, by team; under 0 every lead, for those without one."""
    members: dict[int, set[int]] = {}
    leads: dict[int, set[int]] = {}
    team_ids = {one.team_id for one in unowned if one.team_id is not None}
    if team_ids:
        rows = TeamMembership.objects.filter(team_id__in=team_ids, user__is_active=True)
        for team_id, user_id, role in rows.values_list("team_id", "user_id", "user__role"):
            members.setdefault(team_id, set()).add(user_id)
            if role == Role.LEAD:
                leads.setdefault(team_id, set()).add(user_id)
    if any(one.team_id is None for one in unowned):
        everybody = User.objects.filter(role=Role.LEAD, is_active=True)
        leads[0] = set(everybody.values_list("pk", flat=True))
    return members, leads


def _who_sees(told: Sequence[tuple[int, Event | None]], facts: _Facts) -> set[tuple[int, int]]:
    """Those (event, person) who did not do it themselves and may see the ticket."""
    people = User.objects.filter(pk__in={user_id for user_id, _event in told}).prefetch_related("memberships")
    by_id = {user.pk: user for user in people} if told else {}
    seeing = set()
    for user_id, event in told:
        user = by_id.get(user_id)
        if user is None or event is None or (event.actor_kind == "staff" and event.actor_id == user_id):
            continue
        teams = {membership.team_id for membership in user.memberships.all()}
        if sees(user, teams, facts.tickets[event.ticket_id or 0]):
            seeing.add((event.pk, user_id))
    return seeing


def _notice(event: Event, ticket: Ticket, user_id: int, told: _Told) -> Notice:
    return Notice(
        user_id=user_id,
        kind=told.kind,
        text=str(told.text) % f"#{ticket.number} {one_line(ticket.subject, 80)}",
        verb=event.verb,
        url=f"/inbox/{ticket.pk}/",
        cause=event,
        group=f"ticket:{ticket.pk}",
    )


def _said(message: Message, who: object) -> dict[str, str]:
    """Who wrote, and how it begins; percent signs are doubled, because the ticket is put in later."""
    return {
        "who": _plain(str(who or _("Somebody"))),
        "text": _plain(one_line(without_marks(message.body_text[:PREVIEW_READS]), LONGEST_LINE)),
    }


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def _data(event: Event) -> Mapping[str, Any]:
    return event.detail.data or {}
