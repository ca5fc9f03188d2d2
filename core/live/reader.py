"""Database half of the live feed: sessions, the place in the order, and what each listener may hear."""

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from core.actors import HISTORY
from core.live.subjects import live_subjects
from core.models import Event
from core.sequencing import last_seq

P = ParamSpec("P")
R = TypeVar("R")

MOST_MISSED = 1000


@dataclass(frozen=True)
class Listener:
    """Who listens (session, viewer) to which topics. ``viewer`` is the person's own view of the product."""

    session_key: str
    user_id: int
    viewer: Any
    topics: frozenset[str]


@dataclass(frozen=True)
class Change:
    """One message of the feed: place, verb and the stream that changed (``ticket:12``)."""

    seq: int
    verb: str
    subject: str


def releasing(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that its thread's database connection is closed (returned to the pool) afterwards."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return wrapped


def identify(session_key: str, topics: frozenset[str]) -> Listener | None:
    """Return the listener behind a session, or None when nobody is logged in."""
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if not user.is_authenticated or not user.is_active or user.pk is None:
        return None
    return Listener(session_key, user.pk, user.as_viewer(), topics)


def alive(listeners: Collection[Listener]) -> set[Listener]:
    """Return the listeners whose session still exists and whose rights are what they were at the start."""
    keys = {listener.session_key for listener in listeners}
    present = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()).values_list(
            "session_key", flat=True
        )
    )
    kept = set()
    for listener in listeners:
        if listener.session_key in present:
            again = identify(listener.session_key, listener.topics)
            if again is not None and again.viewer == listener.viewer:
                kept.add(listener)
    return kept


def head() -> int:
    """Return the last ``seq``."""
    return last_seq()


def read(after: int, listeners: Collection[Listener]) -> tuple[int, dict[Listener, list[Change]]]:
    """Return the new head and, per listener, the changes since ``after`` that it asked for and may see."""
    newest = last_seq()
    if newest <= after:
        return after, {}
    events = _events(after, newest)
    return newest, _visible(events, listeners)


def missed(after: int, newest: int, listener: Listener) -> list[Change] | None:
    """Return what a resuming listener has missed, or None when that is more than MOST_MISSED events."""
    if newest - after > MOST_MISSED:
        return None
    return _visible(_events(after, newest), [listener]).get(listener, [])


def _events(after: int, newest: int) -> list[Event]:
    rows = Event.objects.filter(position__seq__gt=after, position__seq__lte=newest).exclude(source=HISTORY)
    return list(rows.annotate(seq=F("position__seq")).order_by("position__seq"))


def _topics_of(event: Event) -> set[str]:
    """Return the topics an event belongs to: its app, its own subject, its ticket and its account."""
    topics = {event.verb.partition(".")[0], f"{event.subject_kind}:{event.subject_id}"}
    if event.ticket_id is not None:
        topics.add(f"ticket:{event.ticket_id}")
    if event.account_id is not None:
        topics.add(f"account:{event.account_id}")
    return topics


def _visible(events: Iterable[Event], listeners: Iterable[Listener]) -> dict[Listener, list[Change]]:
    """Filter by topic, then by the rule of the stream's kind, with one query per kind and viewer."""
    wanted: dict[Listener, list[tuple[Event, str, int]]] = defaultdict(list)
    ids: dict[tuple[Any, str], set[int]] = defaultdict(set)
    for event in events:
        kind, _colon, number = event.stream.partition(":")
        topics = _topics_of(event)
        for listener in listeners:
            if topics & listener.topics and kind in live_subjects:
                wanted[listener].append((event, kind, int(number)))
                ids[listener.viewer, kind].add(int(number))
    allowed = {
        (viewer, kind): live_subjects.get(kind).visible_ids(viewer, numbers)
        for (viewer, kind), numbers in ids.items()
    }
    return {
        listener: [
            Change(event.seq, event.verb, event.stream)  # type: ignore[attr-defined]
            for event, kind, number in entries
            if number in allowed[listener.viewer, kind]
        ]
        for listener, entries in wanted.items()
    }
