"""Which texts belong into the index: the apps' ``search_index.py`` parts, and what is missing of them.

A part::

    class MessageTexts(SearchSource):
        key = "message"
        label = _("Messages")

        def rows(self): return Message.objects.all()
        def documents(self, ids): ...
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from core.models import SearchDocument, Setting
from core.registry import Label, Part, Registry
from core.search.backend import Document, backend
from core.search.documents import forget, put

# Grows when texts are cut into words in another way: everything is indexed again then.
FORM = 1
SLICE = 1_000
WORDS_SLICE = 5_000
STATE = "search.index"
COUNT_EVERY = timedelta(hours=1)


class SearchSource(Part):
    """Texts of one kind. ``key`` is the kind of their documents."""

    label: ClassVar[Label] = ""

    def rows(self) -> "QuerySet[Any]":
        """Return all rows whose text belongs into the index."""
        raise NotImplementedError

    def changed_since(self, moment: datetime) -> "QuerySet[Any]":
        """Return the rows that were changed at or after a moment."""
        return self.rows().filter(created_at__gte=moment)

    def documents(self, ids: Sequence[int]) -> Iterable[Document]:
        """Return the documents of some rows, in few queries; rows that are gone are left out."""
        raise NotImplementedError


search_sources: Registry[SearchSource] = Registry(SearchSource, "search_index")


@dataclass(frozen=True)
class Coverage:
    """How much of a kind is indexed."""

    key: str
    label: str
    total: int
    indexed: int
    missing: int


def missing_rows(source: SearchSource) -> "QuerySet[Any]":
    """Return the rows without a document."""
    document = SearchDocument.objects.filter(kind=source.key, object_id=OuterRef("pk"))
    return source.rows().filter(~Exists(document))


def coverage() -> list[Coverage]:
    """Count what is indexed. Reads both tables: for the operations page and the clock, not for every page."""
    found = []
    for source in search_sources:
        total = source.rows().count()
        missing = missing_rows(source).count()
        found.append(Coverage(source.key, str(source.label), total, total - missing, missing))
    return found


def index(source: SearchSource, ids: Sequence[int]) -> int:
    """Index some rows, whatever the index holds of them; returns how many have a document now."""
    done = 0
    for start in range(0, len(ids), SLICE):
        some = ids[start : start + SLICE]
        with transaction.atomic():
            written = put(source.documents(some))
            if written < len(some):
                _forget_gone(source, some)
        done += written
    return done


def _forget_gone(source: SearchSource, ids: Sequence[int]) -> None:
    present = set(source.rows().filter(pk__in=ids).values_list("pk", flat=True))
    gone = [one for one in ids if one not in present]
    if gone:
        forget(source.key, gone)


def reindex_slice(
    source: SearchSource, *, after: int, since: datetime | None = None, limit: int = SLICE
) -> tuple[int, int]:
    """Index the next rows in the order of their keys, with ``since`` only those changed at or after it.

    Returns the last key (``after`` at the end) and how many rows were looked at.
    """
    rows = source.rows() if since is None else source.changed_since(since)
    ids = list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:limit])
    index(source, ids)
    return (ids[-1] if ids else after), len(ids)


@dataclass
class IndexState:
    """How far the index is. ``walked`` are the keys up to which every row has been seen to be indexed; ``anew`` says that the
    walk indexes what has a document, too; ``counts`` are all rows and those without a document by kind, as last counted."""

    form: int = FORM
    walked: dict[str, int] = field(default_factory=dict)
    anew: bool = False
    learned: int = 0
    counts: dict[str, list[int]] = field(default_factory=dict)
    counted_at: str = ""

    @property
    def missing(self) -> dict[str, int]:
        """Rows without a document by kind, as last counted."""
        return {kind: missing for kind, (_total, missing) in self.counts.items()}


def index_state() -> IndexState:
    """Return the state as it was last written. An index of another form is walked from its start."""
    row = Setting.objects.filter(pk=STATE).first()
    if row is None:
        return IndexState()
    state = IndexState(**row.value)
    return state if state.form == FORM else IndexState(anew=True)


def index_missing(*, limit: int = 20_000) -> int:
    """Index what has no document yet, at most about ``limit`` rows, and learn new words; returns how many were indexed.

    Idle, it looks at the newest rows only and counts what is missing once an hour: rows that slipped by are found then.
    """
    state = index_state()
    before = asdict(state)
    done, finished = 0, True
    for source in search_sources:
        count, at_end = _walk(source, state, limit - done)
        done += count
        finished = finished and at_end
    if finished:
        state.anew = False
    _learn(state)
    _count(state, done)
    if asdict(state) != before:
        Setting.objects.update_or_create(key=STATE, defaults={"value": asdict(state)})
    return done


def _walk(source: SearchSource, state: IndexState, limit: int) -> tuple[int, bool]:
    """Index what lacks a document above the key reached so far; returns how many, and whether the end was reached."""
    done = 0
    while done < limit:
        rows = source.rows().filter(pk__gt=state.walked.get(source.key, 0)).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:SLICE])
        if not ids:
            return done, True
        lacking = missing_rows(source).filter(pk__in=ids).values_list("pk", flat=True)
        done += index(source, ids if state.anew else list(lacking))
        state.walked[source.key] = ids[-1]
    return done, False


def _learn(state: IndexState) -> None:
    newest = SearchDocument.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for _slice in range(20):
        if state.learned >= newest:
            break
        until = min(newest, state.learned + WORDS_SLICE)
        with transaction.atomic():
            backend().learn_words(state.learned, until)
        state.learned = until
    state.learned = min(state.learned, newest)


def _count(state: IndexState, done: int) -> None:
    last = datetime.fromisoformat(state.counted_at) if state.counted_at else None
    settled = last is not None and not done and not any(state.missing.values())
    if settled and last is not None and timezone.now() - last < COUNT_EVERY:
        return
    state.counts = {one.key: [one.total, one.missing] for one in coverage()}
    state.counted_at = timezone.now().isoformat()
    if not done:
        _walk_again(state)


def _walk_again(state: IndexState) -> None:
    """Start at the first row of each kind of which the count has found something missing."""
    state.walked = {kind: after for kind, after in state.walked.items() if not state.missing.get(kind)}


def count_again() -> IndexState:
    """Count what is missing now, for the next walk to find."""
    state = index_state()
    _count(state, done=1)
    _walk_again(state)
    Setting.objects.update_or_create(key=STATE, defaults={"value": asdict(state)})
    return state
