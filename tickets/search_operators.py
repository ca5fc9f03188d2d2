"""The operators of ticket search: ``status:open``, ``from:mette``, ``before:2026-03-01`` … Each becomes a clause."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.search.language import Operator, Query
from customers.models import Account, Contact
from people.models import Team, User
from people.viewer import Viewer
from tickets.category_tree import with_kinds
from tickets.models import (
    Attachment,
    Category,
    Inbox,
    Message,
    Status,
    Tag,
    Ticket,
    TicketTag,
    TicketType,
)

MOST_ROWS = 500
NONE = "none"

Clause = Callable[[str, Viewer], Q]
Label = str | Promise


class NotUnderstood(Exception):
    """An operator's value means nothing; the text is a hint for the person."""


@dataclass(frozen=True)
class SearchOperator:
    """An operator: its clause, what it does in a few words, and an example of its value."""

    clause: Clause
    label: Label
    example: str


def clauses_of(query: Query, viewer: Viewer) -> tuple[Q, list[str]]:
    """Return the operators of a query as one clause, and hints about those that could not be understood.

    What is not understood finds nothing: a slip of the pen must not widen a search.
    """
    hints = [
        _("There is no operator “%s:”; its text was searched for as words.") % name for name in query.unknown
    ]
    joined = Q()
    for operator in query.operators:
        try:
            clause = OPERATORS[operator.name].clause(operator.value, viewer)
        except NotUnderstood as unclear:
            hints.append(f"{_shown(operator)} — {unclear}")
            clause = Q(pk__in=[])
        joined &= ~clause if operator.negated else clause
    return joined, hints


def _shown(operator: Operator) -> str:
    value = f'"{operator.value}"' if " " in operator.value else operator.value
    return f"{operator.name}:{value}"


def _ids_named(model: Any, value: str, what: Label, *columns: str) -> list[Any]:
    """Return the rows with this name or, without one, with a part of it; at most 500. Raises NotUnderstood."""
    for lookup in ("iexact", "icontains"):
        asked = Q()
        for name in columns:
            asked |= Q(**{f"{name}__{lookup}": value})
        rows = model._default_manager.filter(asked).order_by("pk")
        ids = list(rows.values_list("pk", flat=True).distinct()[:MOST_ROWS])
        if ids:
            return ids
    raise NotUnderstood(_("there is no %(what)s of this name.") % {"what": what})


def _named(model: Any, column: str, what: Label, *columns: str) -> Clause:
    """Rows called by a name or a part of it; ``none`` where nothing is chosen."""

    def clause(value: str, viewer: Viewer) -> Q:
        if value.lower() == NONE:
            return Q(**{f"{column}__isnull": True})
        return Q(**{f"{column}__in": _ids_named(model, value, what, *columns)})

    return clause


_contact = _named(Contact, "contact_id", gettext_lazy("contact"), "name", "identities__value")
_person = _named(User, "assignee_id", gettext_lazy("colleague"), "name", "email")
_team = _named(Team, "team_id", gettext_lazy("team"), "name")


def _from(value: str, viewer: Viewer) -> Q:
    """Who opened the ticket or wrote on it."""
    ids = _ids_named(Contact, value, _("contact"), "name", "identities__value")
    return Q(contact_id__in=ids) | Q(pk__in=Message.objects.filter(contact_id__in=ids).values("ticket_id"))


def _assignee(value: str, viewer: Viewer) -> Q:
    if value.lower() == "me":
        return Q(assignee_id=viewer.user_id or 0)
    return _person(value, viewer)


def _its_team(value: str, viewer: Viewer) -> Q:
    return Q(team_id__in=viewer.team_ids) if value.lower() in {"mine", "my"} else _team(value, viewer)


def _category(value: str, viewer: Viewer) -> Q:
    if value.lower() == NONE:
        return Q(category_id__isnull=True)
    ids = _ids_named(Category, value, gettext_lazy("category"), "name")
    return Q(category_id__in=frozenset[int]().union(*map(with_kinds, ids)))


def _status(value: str, viewer: Viewer) -> Q:
    wanted = value.lower().replace(" ", "_")
    keys = [
        status.pk
        for status in Status.objects.all()
        if wanted in {status.pk, status.category, status.name.lower().replace(" ", "_")}
    ]
    if not keys:
        names = ", ".join(Status.objects.values_list("key", flat=True))
        raise NotUnderstood(_("choose one of: %s.") % names)
    return Q(status_id__in=keys)


def _one_of(column: str, choices: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> Clause:
    """One of some fixed words."""

    def clause(value: str, viewer: Viewer) -> Q:
        known = choices() if callable(choices) else choices
        if value.lower() not in known:
            raise NotUnderstood(_("choose one of: %s.") % ", ".join(known))
        return Q(**{column: known[value.lower()]})

    return clause


def _channels() -> dict[str, str]:
    known = {"email", "phone", "chat", "web", "api"}
    known |= set(Inbox.objects.order_by().values_list("channel", flat=True).distinct())
    return {key: key for key in sorted(known)}


def _tag(value: str, viewer: Viewer) -> Q:
    if value.lower() == NONE:
        return ~Q(Exists(TicketTag.objects.filter(ticket=OuterRef("pk"))))
    ids = list(Tag.objects.filter(name__iexact=value).values_list("pk", flat=True))
    ids = ids or list(Tag.objects.filter(name__icontains=value).values_list("pk", flat=True)[:MOST_ROWS])
    if not ids:
        raise NotUnderstood(_("there is no tag of this name."))
    return Q(Exists(TicketTag.objects.filter(ticket=OuterRef("pk"), tag_id__in=ids)))


def _number(value: str, viewer: Viewer) -> Q:
    plain = value.lstrip("#")
    wanted = Q(reference=plain.upper()[:12])
    if plain.isascii() and plain.isdecimal() and len(plain) < 19:
        wanted |= Q(number=int(plain))
    return wanted


def _has(value: str, viewer: Viewer) -> Q:
    files = Attachment.objects.filter(message__ticket=OuterRef("pk"), is_inline=False)
    messages = Message.objects.filter(ticket=OuterRef("pk"))
    known = {
        "attachment": files,
        "file": files,
        "note": messages.filter(kind=Message.Kind.NOTE),
        "answer": messages.filter(kind=Message.Kind.OUTBOUND),
        "tag": TicketTag.objects.filter(ticket=OuterRef("pk")),
    }
    if value.lower() not in known:
        raise NotUnderstood(_("choose one of: %s.") % ", ".join(known))
    return Q(Exists(known[value.lower()]))


_IS: dict[str, Q] = {
    "unread": Q(unread=True),
    "new": Q(status_category="new"),
    "open": Q(status_category__in=("new", "open")),
    "active": Q(status_category__in=Status.ACTIVE),
    "waiting": Q(status_category="waiting"),
    "resolved": Q(status_category="resolved"),
    "closed": Q(status_category="closed"),
    "snoozed": Q(snoozed_until__isnull=False),
    "escalated": Q(escalation_level__gt=0),
    "merged": Q(merged_into__isnull=False),
    "assigned": Q(assignee__isnull=False),
    "unassigned": Q(assignee=None),
    "reopened": Q(reopen_count__gt=0),
    "breached": Q(first_response_breached_at__isnull=False)
    | Q(next_response_breached_at__isnull=False)
    | Q(resolution_breached_at__isnull=False),
}


def _is(value: str, viewer: Viewer) -> Q:
    if value.lower() == "mine":
        return Q(assignee_id=viewer.user_id or 0)
    if value.lower() not in _IS:
        raise NotUnderstood(_("choose one of: %s.") % ", ".join([*_IS, "mine"]))
    return _IS[value.lower()]


def _before(value: str, viewer: Viewer) -> Q:
    return Q(created_at__lt=_day(value))


def _after(value: str, viewer: Viewer) -> Q:
    return Q(last_message_at__gte=_day(value))


_AGO = re.compile(r"([0-9]{1,4})([hdwmy])$")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}


def _day(value: str) -> datetime:
    """Return the moment of ``2026``, ``2026-03``, ``2026-03-31``, ``today``, ``yesterday`` or ``14d`` (ago)."""
    value = value.lower()
    now = timezone.now()
    ago = _AGO.match(value)
    if ago is not None:
        return now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    if value in {"today", "yesterday"}:
        return midnight - timedelta(days=value == "yesterday")
    parts = value.split("-")
    try:
        full = "-".join([parts[0], *(part.zfill(2) for part in [*parts[1:], "01", "01"][:2])])
        day = date.fromisoformat(full)
        moment = datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood(_("give a date like 2026-03-31, or 14d for two weeks ago.")) from None


_MOODS = {"negative": "negative", "neutral": "neutral", "positive": "positive"}
_PRIORITIES = {str(key): str(key) for key in Ticket.Priority.values}

OPERATORS: dict[str, SearchOperator] = {
    "from": SearchOperator(_from, gettext_lazy("opened it or wrote on it"), "mette"),
    "contact": SearchOperator(_contact, gettext_lazy("the customer's contact"), "mette"),
    "to": SearchOperator(_contact, gettext_lazy("the contact whom we answer"), "mette"),
    "account": SearchOperator(
        _named(Account, "account_id", gettext_lazy("customer"), "name", "domain"),
        gettext_lazy("customer, or none"),
        "halden",
    ),
    "assignee": SearchOperator(_assignee, gettext_lazy("who has it: a name, me or none"), "me"),
    "team": SearchOperator(_its_team, gettext_lazy("team, mine or none"), "billing"),
    "status": SearchOperator(_status, gettext_lazy("status or kind of status"), "waiting"),
    "is": SearchOperator(_is, format_lazy("{}, mine", ", ".join(_IS)), "unread"),
    "priority": SearchOperator(_one_of("priority", _PRIORITIES), ", ".join(_PRIORITIES), "urgent"),
    "tag": SearchOperator(_tag, gettext_lazy("tag, or none"), "refund"),
    "type": SearchOperator(
        _named(TicketType, "type_id", gettext_lazy("type"), "name"), gettext_lazy("type, or none"), "incident"
    ),
    "category": SearchOperator(
        _category,
        gettext_lazy("category, or none"),
        "billing",
    ),
    "channel": SearchOperator(
        _one_of("channel", _channels), gettext_lazy("email, phone, chat, web or api"), "email"
    ),
    "inbox": SearchOperator(
        _named(Inbox, "inbox_id", gettext_lazy("inbox"), "name", "address"), gettext_lazy("inbox"), "support"
    ),
    "mood": SearchOperator(
        _one_of("sentiment_label", _MOODS), gettext_lazy("negative, neutral or positive"), "negative"
    ),
    "has": SearchOperator(_has, gettext_lazy("attachment, note, answer or tag"), "attachment"),
    "before": SearchOperator(_before, gettext_lazy("opened before a day"), "2026-03-31"),
    "after": SearchOperator(_after, gettext_lazy("somebody wrote on or after a day"), "14d"),
    "number": SearchOperator(_number, gettext_lazy("number or reference; #4711 for short"), "4711"),
}
