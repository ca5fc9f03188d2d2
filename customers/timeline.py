"""The timeline of an account: events in words, only those the viewer may see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.events import event_types
from core.models import Event
from customers.models import Account, Contact
from customers.registry import timeline_subjects
from people.models import User
from people.viewer import Viewer

PAGE_SIZE = 40

_ICONS = {"tickets": "mail", "health": "activity", "success": "target", "customers": "building-community"}
_TOUCH_ICONS = {
    "call": "phone",
    "meeting": "users",
    "email": "mail",
    "note": "file-text",
}
_APP_LABELS: dict[str, str | Promise] = {
    "tickets": gettext_lazy("Tickets"),
    "health": gettext_lazy("Health"),
    "success": gettext_lazy("Success"),
    "customers": gettext_lazy("Account and people"),
}


@dataclass(frozen=True)
class TimelineItem:
    """One event: who, did what, when; ``about`` names what it was done to, ``detail`` is a quiet second line."""

    id: int
    at: datetime
    icon: str
    actor: str
    sentence: str
    about: str
    detail: str
    url: str

    @property
    def period(self) -> str:
        """The heading it belongs under: today, this week, earlier."""
        days = (timezone.localdate() - timezone.localtime(self.at).date()).days
        return _("Today") if days <= 0 else _("This week") if days < 7 else _("Earlier")


@dataclass(frozen=True)
class Timeline:
    """Items, newest first, and the cursor of the next page; empty on the last one."""

    items: tuple[TimelineItem, ...]
    next_cursor: str


def timeline_apps(viewer: Viewer, account: Account) -> dict[str, str]:
    """Return (app, label) of the kinds of events there are at an account and that the viewer may look at."""
    verbs = Event.objects.filter(account_id__in=_family(account), verb__in=_shown_verbs(viewer)).order_by()
    names = sorted({_app(verb) for verb in verbs.values_list("verb", flat=True).distinct()})
    return {name: str(_APP_LABELS.get(name, apps.get_app_config(name).verbose_name)) for name in names}


def account_timeline(
    viewer: Viewer, account: Account, *, app: str = "", after: str = "", size: int = PAGE_SIZE
) -> Timeline:
    """Return events of an account, those that happened last first, in a fixed number of queries.

    Events of a kind the viewer may not look at, about what is hidden from them, and those another event tells already are
    left out; so a page may hold fewer than ``size``. ``after`` is the ``next_cursor`` of the page before; an unreadable one
    starts anew.
    """
    verbs = [verb for verb in _shown_verbs(viewer) if app in ("", _app(verb))]
    events = Event.objects.filter(account_id__in=_family(account), verb__in=verbs).select_related("detail")
    events = events.order_by("-occurred_at", "-pk")
    moment, _comma, last_id = after.partition(",")
    start = parse_datetime(moment.replace(" ", "+")) if last_id.isascii() and last_id.isdigit() else None
    if start is not None and timezone.is_aware(start):
        events = events.filter(Q(occurred_at__lt=start) | Q(occurred_at=start, pk__lt=int(last_id[:18])))
    found = list(events[: size + 1])
    cursor = ""
    if len(found) > size:
        last = found[size - 1]
        cursor = f"{last.occurred_at.isoformat()},{last.pk}"
    return Timeline(tuple(_items(viewer, found[:size])), cursor)


def _family(account: Account) -> list[int]:
    """The account and those that were merged into it, also through others: their events are its events."""
    found, newest = [account.pk], [account.pk]
    while newest:
        newest = list(Account.objects.filter(merged_into__in=newest).values_list("pk", flat=True))
        found += newest
    return found


def _app(verb: str) -> str:
    return verb.partition(".")[0]


def _shown_verbs(viewer: Viewer) -> list[str]:
    return [known.verb for known in event_types() if known.feed and viewer.can(f"{_app(known.verb)}.view")]


def _names_of(viewer: Viewer, events: Collection[Event]) -> dict[tuple[str, int], tuple[str, str]]:
    """Return (name, address) of what the events are about, by kind and id; the app that owns the kind says who may see it."""
    ids: dict[str, set[int]] = {}
    for event in events:
        kind, subject_id = _about(event)
        ids.setdefault(kind, set()).add(subject_id)
    return {
        (part.key, subject_id): name
        for part in timeline_subjects
        if part.key in ids
        for subject_id, name in part.names(viewer, ids[part.key]).items()
    }


def _about(event: Event) -> tuple[str, int]:
    return (
        ("ticket", event.ticket_id) if event.ticket_id is not None else (event.subject_kind, event.subject_id)
    )


def _items(viewer: Viewer, events: Collection[Event]) -> list[TimelineItem]:
    about = _names_of(viewer, events)
    visible = [
        event for event in events if _about(event) in about or _about(event)[0] not in timeline_subjects
    ]
    details = {event.pk: _detail(event) for event in visible}
    rows = [event for event in visible if details[event.pk] is not None]
    staff = {event.actor_id or 0 for event in rows if event.actor_kind == "staff"}
    writers = {event.actor_id or 0 for event in rows if event.actor_kind == "contact"}
    names: dict[tuple[str, int | None], str] = {}
    names.update({("staff", user.pk): str(user) for user in User.objects.filter(pk__in=staff)})
    people = Contact.objects.filter(pk__in=writers).prefetch_related("identities") if writers else []
    names.update({("contact", contact.pk): str(contact) for contact in people})
    sentences = {known.verb: str(known.sentence) for known in event_types()}
    return [
        TimelineItem(
            id=event.pk,
            at=event.occurred_at,
            icon=_icon(event),
            actor=names.get((event.actor_kind, event.actor_id)) or _stranger(event.actor_kind),
            sentence=sentences.get(event.verb, event.verb),
            about=about.get(_about(event), ("", ""))[0],
            detail=details[event.pk] or "",
            url=about.get(_about(event), ("", ""))[1],
        )
        for event in rows
    ]


def _stranger(kind: str) -> str:
    """The name of an actor that is no person we know by name."""
    return {"api_key": _("An integration"), "contact": _("A contact"), "staff": _("A former colleague")}.get(
        kind, _("CS Ops")
    )


def _data(event: Event) -> dict[str, Any]:
    detail = getattr(event, "detail", None)
    return dict(detail.data or {}) if detail is not None else {}


def _icon(event: Event) -> str:
    kind = str(_data(event).get("kind", "")) if event.verb == "customers.touch_logged" else ""
    kind = {"account_note": "note", "meeting": "meeting"}.get(event.subject_kind, kind)
    return _TOUCH_ICONS.get(kind, "") or _ICONS.get(_app(event.verb), "activity")


def _detail(event: Event) -> str | None:
    """A second line: what the part of the subject makes of the detail, else the words written into it."""
    kind, _subject_id = _about(event)
    data = _data(event)
    if kind in timeline_subjects:
        return timeline_subjects.get(kind).detail(event.verb, data)
    words = (data.get(name) for name in ("reason", "note", "title", "subject", "text"))
    return next((word[:300] for word in words if isinstance(word, str) and word), "")
