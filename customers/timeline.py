"""The timeline of an account: events in words, only those the viewer may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.events import EventType, event_types
from core.live.subjects import live_subjects
from core.models import Event
from customers.models import Account, Contact
from customers.services.log_touch import TouchKind
from people.models import User
from people.viewer import Viewer

PAGE_SIZE = 40

_ICONS = {"tickets": "mail", "health": "activity", "success": "target", "customers": "building-community"}
_TOUCH_ICONS = {
    TouchKind.CALL: "phone",
    TouchKind.MEETING: "users",
    TouchKind.EMAIL: "mail",
    TouchKind.NOTE: "file-text",
}
_APP_LABELS: dict[str, str | Promise] = {
    "tickets": gettext_lazy("Tickets"),
    "health": gettext_lazy("Health"),
    "success": gettext_lazy("Success"),
    "customers": gettext_lazy("Account and people"),
}


@dataclass(frozen=True)
class TimelineItem:
    """One event: who, did what, when; ``detail`` is a quiet second line, ``url`` where it leads."""

    id: int
    at: datetime
    icon: str
    actor: str
    sentence: str
    detail: str
    url: str


@dataclass(frozen=True)
class Timeline:
    """Items, newest first, and the id before which the next page begins; 0 on the last one."""

    items: tuple[TimelineItem, ...]
    next_before: int


def timeline_apps(viewer: Viewer) -> dict[str, str]:
    """Return (app, label) of the kinds of events a viewer may filter by."""
    names = dict.fromkeys(_app(known.verb) for known in _shown_types(viewer))
    return {name: str(_APP_LABELS.get(name, apps.get_app_config(name).verbose_name)) for name in names}


def account_timeline(
    viewer: Viewer, account: Account, *, app: str = "", before: int = 0, size: int = PAGE_SIZE
) -> Timeline:
    """Return events of an account in a fixed number of queries.

    Events of a kind the viewer may not look at, and of tickets hidden from them, are left out.
    """
    verbs = [known.verb for known in _shown_types(viewer) if app in ("", _app(known.verb))]
    events = (
        Event.objects.filter(account_id=account.pk, verb__in=verbs).select_related("detail").order_by("-pk")
    )
    if before:
        events = events.filter(pk__lt=before)
    found = list(events[: size + 1])
    shown = _visible(viewer, found[:size])
    return Timeline(tuple(_items(shown)), found[size - 1].pk if len(found) > size else 0)


def _app(verb: str) -> str:
    return verb.partition(".")[0]


def _shown_types(viewer: Viewer) -> list[EventType]:
    return [known for known in event_types() if known.feed and viewer.can(f"{_app(known.verb)}.view")]


def _visible(viewer: Viewer, events: list[Event]) -> list[Event]:
    """Drop events of tickets the viewer may not see; the app that owns tickets says which those are."""
    tickets = {event.ticket_id for event in events if event.ticket_id is not None}
    if not tickets:
        return events
    allowed = live_subjects.get("ticket").visible_ids(viewer, tickets) if "ticket" in live_subjects else set()
    return [event for event in events if event.ticket_id is None or event.ticket_id in allowed]


def _items(events: Iterable[Event]) -> list[TimelineItem]:
    rows = list(events)
    staff = {event.actor_id for event in rows if event.actor_kind == "staff"}
    writers = {event.actor_id for event in rows if event.actor_kind == "contact"}
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
            detail=_detail(event),
            url=f"/inbox/{event.ticket_id}/" if event.ticket_id else "",
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
    return _TOUCH_ICONS.get(kind, "") or _ICONS.get(_app(event.verb), "activity")  # type: ignore[call-overload]


def _detail(event: Event) -> str:
    """A second line from the details everybody understands: words written down, names, fields that changed."""
    data = _data(event)
    changed = data.get("changed")
    if isinstance(changed, dict):
        return ", ".join(_change(name, pair) for name, pair in list(changed.items())[:4])
    for name in ("text", "reason", "note", "name", "subject", "product", "value"):
        value = data.get(name)
        if isinstance(value, str) and value:
            return value[:160]
    return ""


def _change(name: str, pair: Any) -> str:
    """One changed field of an account or a contact in words."""
    label = name.removesuffix("_id").replace("_", " ")
    for model in (Account, Contact):
        if any(field.name == name.removesuffix("_id") for field in model._meta.fields):
            label = str(getattr(model._meta.get_field(name.removesuffix("_id")), "verbose_name", label))
            break
    if name.endswith("_id") or not isinstance(pair, list) or len(pair) != 2:
        return label
    old, new = (value if value not in (None, "") else "–" for value in pair)
    return f"{label}: {old} → {new}"
