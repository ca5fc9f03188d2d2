"""What a database must be able to do for the search index, and the choice of its half."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from django.db import connection
from django.db.models import QuerySet

from core.search.language import Term


@dataclass(frozen=True, slots=True)
class Document:
    """A text to be indexed, heaviest part first: ``title`` (number, subject), ``people`` (with tags), ``files``, ``body``."""

    kind: str
    object_id: int
    stream_id: int
    at: datetime
    title: str = ""
    people: str = ""
    files: str = ""
    body: str = ""
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """An indexed text that was found. ``rank`` grows with the weight of what matched; it compares within one search only."""

    kind: str
    object_id: int
    stream_id: int
    at: datetime
    rank: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a half looks for: all of ``terms``, in texts of one kind, within ``streams``.

    ``streams`` is a query for one column of stream ids, None for all of them.
    """

    terms: Sequence[Term]
    limit: int
    kind: str
    streams: QuerySet | None = None  # type: ignore[type-arg]


class Backend(Protocol):
    """The half of one database. All run in the caller's transaction."""

    def put(self, documents: Sequence[Document]) -> None:
        """Write rows, in place of earlier ones of the same objects. At most some thousands at once."""

    def newest(self, wanted: Wanted) -> list[Hit]:
        """Return the newest hits with their ranks."""

    def streams_with(self, term: Term, stream_ids: Sequence[int]) -> set[int]:
        """Return those of some streams in which a text holds the term."""

    def similar_words(self, word: str) -> list[tuple[str, int]]:
        """Return words of the index that look like ``word``, with the number of texts they are in."""

    def learn_words(self, after: int, until: int) -> None:
        """Take the words of the documents with ids in (after, until] into what misspelt words are compared with."""

    def forget_words(self, words: Sequence[str]) -> None:
        """Drop those of ``words`` that are in no document any more."""

    def words_in(self, document_ids: Sequence[int]) -> list[str]:
        """Return the distinct words of some documents."""


@cache
def backend() -> Backend:
    """Return the half of the database in use."""
    if connection.vendor == "postgresql":
        from core.search.postgresql import PostgresqlBackend

        return PostgresqlBackend()
    from core.search.sqlite import SqliteBackend

    return SqliteBackend()
