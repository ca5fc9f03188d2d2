"""The SQLite half: an FTS5 table beside the documents, under the same ids."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django.db import connection

from core.search.backend import Document, Hit, Wanted
from core.search.language import Term
from core.search.words import words_of

MOST_WORDS = 16_000
WEIGHTS = "10.0, 5.0, 2.5, 1.0"


class SqliteBackend:
    """See ``core.search.backend.Backend``."""

    def put(self, documents: Sequence[Document]) -> None:
        """Write the rows one by one: a database in the same process has no round trips."""
        with connection.cursor() as cursor:
            for document in documents:
                cursor.execute(
                    "INSERT INTO core_searchdocument (kind, object_id, stream_id, at, internal)"
                    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (kind, object_id) DO UPDATE SET"
                    " stream_id = excluded.stream_id, at = excluded.at, internal = excluded.internal RETURNING id",
                    [
                        document.kind,
                        document.object_id,
                        document.stream_id,
                        connection.ops.adapt_datetimefield_value(document.at),
                        document.internal,
                    ],
                )
                (rowid,) = cursor.fetchone()
                cursor.execute(
                    "INSERT OR REPLACE INTO core_searchtext (rowid, title, people, files, body)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    [
                        rowid,
                        _plain(document.title),
                        _plain(document.people),
                        _plain(document.files),
                        _plain(document.body),
                    ],
                )

    def newest(self, wanted: Wanted) -> list[Hit]:
        """Match, then sort. CROSS JOIN keeps that order: the other way round every document asks for all matches anew."""
        where, params = _where(wanted)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT kind, object_id, stream_id, at, -bm25(core_searchtext, {WEIGHTS})
                FROM core_searchtext CROSS JOIN core_searchdocument ON core_searchdocument.id = core_searchtext.rowid
                WHERE core_searchtext MATCH %s AND kind = %s AND {where}
                ORDER BY at DESC, core_searchdocument.id DESC LIMIT %s
                """,  # noqa: S608 - the parts are constants and a query of the ORM
                [expression(wanted.terms), wanted.kind, *params, wanted.limit],
            )
            return [
                Hit(kind, object_id, stream_id, at.replace(tzinfo=UTC), rank)
                for kind, object_id, stream_id, at, rank in cursor.fetchall()
            ]

    def streams_with(self, term: Term, stream_ids: Sequence[int]) -> set[int]:
        """Match within the streams."""
        found: set[int] = set()
        with connection.cursor() as cursor:
            for start in range(0, len(stream_ids), 500):
                some = list(stream_ids[start : start + 500])
                marks = ", ".join(["%s"] * len(some))
                cursor.execute(
                    f"SELECT DISTINCT stream_id FROM core_searchtext CROSS JOIN core_searchdocument"  # noqa: S608
                    f" ON core_searchdocument.id = core_searchtext.rowid"
                    f" WHERE core_searchtext MATCH %s AND stream_id IN ({marks})",
                    [expression([term]), *some],
                )
                found |= {row[0] for row in cursor.fetchall()}
        return found

    def similar_words(self, word: str) -> list[tuple[str, int]]:
        """Read the vocabulary that FTS5 keeps, where the length fits."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT term, doc FROM core_searchvocabulary WHERE length(term) BETWEEN %s AND %s",
                [len(word) - 2, len(word) + 2],
            )
            return list(cursor.fetchall())

    def learn_words(self, after: int, until: int) -> None:
        """FTS5 knows its words."""

    def forget_words(self, words: Sequence[str]) -> None:
        """FTS5 forgets a word with its last text."""

    def words_in(self, document_ids: Sequence[int]) -> list[str]:
        """No list of words is kept apart from the texts."""
        return []


def expression(terms: Sequence[Term]) -> str:
    """Return the terms as an FTS5 expression; words are letters and digits, so nothing needs escaping."""
    return " AND ".join(f'"{" ".join(term.words)}"' + ("*" if term.prefix else "") for term in terms)


def _plain(text: str) -> str:
    return " ".join(words_of(text)[:MOST_WORDS])


def _where(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    if wanted.streams is None:
        return "1", ()
    sql, params = wanted.streams.query.sql_with_params()
    return f"stream_id IN ({sql})", params
