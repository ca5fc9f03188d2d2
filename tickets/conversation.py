"""The conversation of a ticket: its messages and what happened in between, in one order."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    F,
    Model,
    OuterRef,
    Subquery,
    TextField,
    Value,
    When,
    prefetch_related_objects,
)
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from core.events import event_type
from core.models import Event, Outbound
from customers.models import Contact, ContactIdentity
from people.models import ApiKey, Team, User
from people.viewer import Viewer
from tickets import events
from tickets.call_lines import CALL_ICONS, words_of_call_event
from tickets.families import family_of
from tickets.message_text import new_text
from tickets.models import Attachment, Category, Message, Ticket
from tickets.promise_lines import PROMISE_ICONS, words_of_promise
from tickets.property_lines import PROPERTY_ICONS, words_of_property
from tickets.routing_lines import ROUTING_ICONS, words_of_routing
from tickets.satisfaction import words_of_rating
from tickets.selectors import messages_of, with_files
from tickets.status_rows import statuses
from tickets.structure_words import ICONS as STRUCTURE_ICONS
from tickets.structure_words import SILENT_IN_TARGET, SILENT_REASONS, words_of

_FAILED = frozenset({Message.Delivery.FAILED, Message.Delivery.UNCERTAIN})
# Their messages stand in the conversation themselves.
_MESSAGE_VERBS = frozenset({events.MESSAGE_RECEIVED.verb, events.REPLIED.verb, events.NOTE_ADDED.verb})
_ICONS = {
    "tickets.created": "plus",
    "tickets.assigned": "user-check",
    "tickets.unassigned": "user-x",
    "tickets.status_changed": "circle-check",
    "tickets.priority_changed": "flag",
    "tickets.first_response_breached": "alarm",
    "tickets.resolution_breached": "alarm",
    "tickets.message_bounced": "alert-triangle",
    "tickets.automatic_reply_received": "mail",
    "tickets.possible_reply_received": "link",
    "tickets.delivery_retried": "refresh",
    "tickets.attachment_blocked": "lock",
    "tickets.attachment_released": "check",
    "tickets.reply_undone": "arrow-back-up",
    "tickets.answer_scheduled": "clock",
    "tickets.answer_held": "player-pause",
    "tickets.scheduled_answer_cancelled": "x",
    **ROUTING_ICONS,
    **STRUCTURE_ICONS,
    **PROPERTY_ICONS,
    **PROMISE_ICONS,
    "tickets.chat_ended": "message-circle",
    "tickets.chat_answer_mailed": "mail",
    **CALL_ICONS,
    "tickets.survey_sent": "mood-smile",
    "tickets.rated": "mood-smile",
}
# Events whose reason, as the mail server or scanner gave it, completes the line.
_REASONED = frozenset(
    {
        "tickets.message_bounced",
        "tickets.answer_failed",
        "tickets.attachment_blocked",
        "tickets.attachment_released",
    }
)
_PRIORITIES = dict(zip(Ticket.Priority.values, Ticket.Priority.labels, strict=True))


@dataclass(frozen=True)
class MessageItem:
    """A message to show. ``text`` is what is new in it, ``quoted`` what was folded away (empty when nothing).

    ``html`` is what a colleague has written with its form; ``has_html`` says that a customer's message has some to be shown
    in a frame. Until ``leaves_at`` an answer can be taken back. ``kind`` is inbound, outbound or note.
    ``sender_unverified`` warns that the channel cannot vouch for the sender.
    ``can_repeat``: a person may have it sent again to those whom it did not reach.
    ``said`` are copies of its signals (``Message.said``). ``ticket_id`` is the ticket it is in and ``merged_number`` that
    one's number when it was merged into the ticket on display, else 0.
    """

    id: int
    ticket_id: int
    merged_number: int
    kind: str
    author: str
    is_mine: bool
    at: datetime
    channel: str
    text: str
    quoted: str
    has_html: bool
    html: str
    leaves_at: datetime | None
    next_try_at: datetime | None
    sentiment: str
    sentiment_probability: float | None
    said: tuple[Mapping[str, Any], ...]
    delivery: str
    delivery_label: str
    delivery_detail: str
    is_automatic: bool
    sender_unverified: bool
    to: tuple[str, ...]
    cc: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    can_repeat: bool = False


@dataclass(frozen=True)
class EventItem:
    """One line: who did what to what, for example "Priya Raman · assigned the ticket · to Tom Beck".

    ``merged_number`` is the number of the merged ticket that it happened on, 0 for the ticket on display.
    """

    id: int
    merged_number: int
    verb: str
    icon: str
    actor: str
    sentence: str
    object: str
    at: datetime


Item = MessageItem | EventItem


@dataclass(frozen=True)
class _Names:
    """Names of those whom the lines speak of, by id, read at once."""

    users: Mapping[int, str] = field(default_factory=dict)
    contacts: Mapping[int, str] = field(default_factory=dict)
    keys: Mapping[int, str] = field(default_factory=dict)
    teams: Mapping[int, str] = field(default_factory=dict)
    categories: Mapping[int, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)


def conversation(ticket: Ticket, viewer: Viewer) -> list[Item]:
    """Return the messages and event lines of a visible ticket and of visible tickets merged into it, oldest first.

    The number of queries is constant.
    """
    return read_conversation(ticket, viewer)[0]


def read_conversation(ticket: Ticket, viewer: Viewer) -> tuple[list[Item], list[Message]]:
    """Return what ``conversation`` returns, and the ticket's own messages behind it, oldest first, for who needs more of
    them than a display."""
    family = family_of(ticket, viewer)
    merged = {pk: number for pk, number in family.items() if pk != ticket.pk}
    found = _messages(ticket, merged)
    repeatable = _repeatable(found)
    messages: list[Item] = [
        _message_item(message, viewer, merged.get(message.ticket_id, 0), message.pk in repeatable)
        for message in found
    ]
    lines: list[Item] = [*_event_items(family, merged, _names_of(ticket, found))]
    own = [message for message in found if message.ticket_id == ticket.pk]
    return sorted(messages + lines, key=lambda item: item.at), own


def _messages(ticket: Ticket, merged: Collection[int]) -> list[Message]:
    """The messages with their contacts; addresses are read only of contacts without a name."""
    found = list(messages_of(ticket, merged).prefetch_related(None).prefetch_related(with_files()))
    nameless = []
    for message in found:
        if message.contact_id == ticket.contact_id:
            message.contact = ticket.contact
        elif message.contact is not None and not message.contact.name:
            nameless.append(message.contact)
    prefetch_related_objects(nameless, "identities")
    return found


def _repeatable(messages: Collection[Message]) -> set[int]:
    """The ids of the answers that have failed; of one that came back from some, its row says whether others are left."""
    failed = {one.pk for one in messages if one.delivery in _FAILED}
    bounced = {f"message:{one.pk}": one.pk for one in messages if one.delivery == Message.Delivery.BOUNCED}
    if bounced:
        rows = Outbound.objects.filter(
            idempotency_key__in=bounced, state__in=[Outbound.State.FAILED, Outbound.State.UNCERTAIN]
        )
        failed |= {bounced[key] for key in rows.values_list("idempotency_key", flat=True)}
    return failed


def _message_item(
    message: Message, viewer: Viewer, merged_number: int = 0, can_repeat: bool = False
) -> MessageItem:
    contact = message.contact
    return MessageItem(
        id=message.pk,
        ticket_id=message.ticket_id,
        merged_number=merged_number,
        kind=message.kind,
        author=str(message.author or contact or _("An integration")),
        is_mine=message.author_id is not None and message.author_id == viewer.user_id,
        at=message.created_at,
        channel=message.channel,
        text=_("This text was erased.")
        if contact is not None and contact.erased_at is not None and not message.body_text
        else new_text(message.body_text, message.quote_offsets),
        quoted=_quoted(message),
        has_html=bool(message.body_html) and message.kind == Message.Kind.INBOUND,
        html="" if message.kind == Message.Kind.INBOUND else message.body_html,
        leaves_at=message.leaves_at,
        next_try_at=message.next_try_at,
        sentiment=message.sentiment_label,
        sentiment_probability=message.sentiment_probability,
        said=tuple(message.said),
        delivery=message.delivery,
        delivery_label=message.get_delivery_display() if message.delivery else "",
        delivery_detail=message.delivery_detail,
        is_automatic=message.is_automatic,
        sender_unverified=contact is not None and not contact.is_verified,
        to=tuple(_addresses(message, "to")),
        cc=tuple(_addresses(message, "cc")),
        attachments=tuple(message.attachments.all()),
        facts=message.facts,
        can_repeat=can_repeat,
    )


def _quoted(message: Message) -> str:
    """The folded stretches, unless they are all there is."""
    folded = "\n".join(
        message.body_text[int(fold[0]) : int(fold[1])].strip() for fold in message.quote_offsets
    )
    return "" if folded.strip() == message.body_text.strip() else folded.strip()


def _addresses(message: Message, kind: str) -> Iterable[str]:
    for entry in message.recipients.get(kind) or ():
        yield entry if isinstance(entry, str) else str(entry.get("address", ""))


def _event_items(family: Collection[int], merged: Mapping[int, int], known: _Names) -> list[EventItem]:
    found = (
        Event.objects.filter(ticket_id__in=list(family))
        .exclude(verb__in=_MESSAGE_VERBS)
        .select_related("detail")
    )
    shown = []
    events_found = list(found.order_by("occurred_at", "pk"))
    # What happened to a whole chain of merged tickets is told once, by the ticket on display.
    told = {(event.verb, event.cause_id) for event in events_found if event.ticket_id not in merged}
    for event in events_found:
        kind = event_type(event.verb)
        if event.ticket_id in merged and (
            event.verb in SILENT_IN_TARGET or (event.cause_id and (event.verb, event.cause_id) in told)
        ):
            continue
        if (event.detail.data or {}).get("reason") in SILENT_REASONS:
            continue
        if kind is not None and kind.feed and kind.subject in {"ticket", "message", "mail", "call"}:
            shown.append((event, str(kind.sentence)))
    names = _names_in([event for event, _sentence in shown], known)
    return [
        EventItem(
            id=event.pk,
            merged_number=merged.get(event.ticket_id or 0, 0),
            verb=event.verb,
            icon=_ICONS.get(event.verb, "dots"),
            actor=_actor(event, names),
            sentence=sentence,
            object=_object(event.verb, event.detail.data or {}, names),
            at=event.occurred_at,
        )
        for event, sentence in shown
    ]


def _names_of(ticket: Ticket, messages: Iterable[Message]) -> _Names:
    """The names that are known without a look: of who wrote, and of what the ticket has now."""
    authors = [message.author for message in messages if message.author is not None]
    contacts = [message.contact for message in messages if message.contact is not None]
    users = [*authors, *([ticket.assignee] if ticket.assignee else [])]
    return _Names(
        users={user.pk: str(user) for user in users},
        contacts={contact.pk: str(contact) for contact in (*contacts, ticket.contact)},
        teams={ticket.team.pk: ticket.team.name} if ticket.team else {},
        categories={ticket.category.pk: ticket.category.name} if ticket.category else {},
    )


def _names_in(shown: list[Event], known: _Names) -> _Names:
    """The names that the events speak of; those not known yet are read in one query, whatever they belong to."""
    details = [event.detail.data or {} for event in shown]
    users = _actors(shown, "staff")
    for event, detail in zip(shown, details, strict=True):
        if event.verb in {events.ASSIGNED.verb, events.UNASSIGNED.verb}:
            users |= {pk for pk in (detail.get("from"), detail.get("to")) if pk}
    users |= {detail["agent"] for detail in details if detail.get("agent")}
    people = _actors(shown, "contact") | {detail["contact"] for detail in details if detail.get("contact")}
    wanted: dict[str, set[int]] = {
        "users": users - set(known.users),
        "contacts": people - set(known.contacts),
        "keys": _actors(shown, "api_key"),
        "teams": {detail["team"] for detail in details if detail.get("team")} - set(known.teams),
        "categories": {detail["category"] for detail in details if detail.get("category")}
        - set(known.categories),
    }
    read = _read_names(wanted)
    return _Names(
        users={**known.users, **read["users"]},
        contacts={**known.contacts, **read["contacts"]},
        keys=read["keys"],
        teams={**known.teams, **read["teams"]},
        categories={**known.categories, **read["categories"]},
        statuses={status.pk: status.name for status in statuses()},
    )


def _read_names(wanted: Mapping[str, Collection[int]]) -> dict[str, dict[int, str]]:
    """Names by table and id: one query for all tables, none when nothing is wanted."""
    address = (
        ContactIdentity.objects.filter(contact=OuterRef("pk"), kind="email").order_by("pk").values("value")
    )
    names: dict[str, tuple[type[Model], Any]] = {
        "users": (User, Case(When(name="", then=F("email")), default=F("name"))),
        "contacts": (
            Contact,
            Case(
                When(erased_at__isnull=False, then=Value(_("Erased person"))),
                When(name="", then=Subquery(address[:1])),
                default=F("name"),
            ),
        ),
        "keys": (ApiKey, F("name")),
        "teams": (Team, F("name")),
        "categories": (Category, F("name")),
    }
    parts = [
        model._default_manager.filter(pk__in=wanted[table])
        .order_by()
        .annotate(of_table=Value(table), shown_name=Cast(name, TextField()))
        .values_list("of_table", "pk", "shown_name")
        for table, (model, name) in names.items()
        if wanted[table]
    ]
    found: dict[str, dict[int, str]] = {table: {} for table in names}
    if parts:
        for table, pk, name in parts[0].union(*parts[1:], all=True):
            found[table][pk] = name or ""
    return found


def _actors(shown: list[Event], kind: str) -> set[int]:
    return {event.actor_id for event in shown if event.actor_kind == kind and event.actor_id is not None}


def _actor(event: Event, names: _Names) -> str:
    if event.actor_kind == "system" or event.actor_id is None:
        return "CS Ops"
    known = {"staff": names.users, "contact": names.contacts, "api_key": names.keys}.get(event.actor_kind, {})
    return known.get(event.actor_id, "") or _("Somebody who is no longer here")


def _object(verb: str, detail: Mapping[str, Any], names: _Names) -> str:
    """The thing done to, in words; empty when the sentence says it all."""
    of_structure = words_of(verb, detail, names.contacts)
    if of_structure is not None:
        return of_structure
    of_property = (
        words_of_routing(verb, detail, names.categories, names.teams)
        or words_of_property(verb, detail)
        or words_of_promise(verb, detail)
        or words_of_rating(verb, detail)
        or words_of_call_event(verb, detail, names.users)
    )
    if of_property is not None:
        return of_property
    if verb == events.ASSIGNED.verb:
        return pgettext("assigned the ticket", "to %s") % names.users.get(detail.get("to") or 0, "?")
    key = str(detail.get("to", ""))
    if verb == events.STATUS_CHANGED.verb:
        return pgettext("changed the status", "to %s") % names.statuses.get(key, key)
    if verb == events.PRIORITY_CHANGED.verb:
        return pgettext("changed the priority", "to %s") % _PRIORITIES.get(key, key)
    if verb == "tickets.possible_reply_received" and detail.get("number"):
        return f"#{detail['number']}"
    if verb in _REASONED:
        return str(detail.get("reason", ""))
    return ""
