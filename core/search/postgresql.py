"""The PostgreSQL half: a tsvector column with a GIN index. The vectors are made of ``words_of``, no dictionary is asked."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from core.search.backend import Document, Hit, Wanted
from core.search.language import Term
from core.search.words import words_of

# Limits of the type: positions in a text, and positions of one word.
LAST_POSITION = 16_000
MOST_PLACES = 200
# Words between two parts of a text, so that no phrase reaches from one into the other.
GAP = 10
# Up to so many hits the index is read and sorted; beyond that the newest rows are read until enough have matched.
RARE = 10_000
WEIGHTS = "{0.1,0.25,0.5,1.0}"


class PostgresqlBackend:
    """See ``core.search.backend.Backend``."""

    def put(self, documents: Sequence[Document]) -> None:
        """Write the rows with one statement."""
        columns: list[list[Any]] = [
            [document.kind for document in documents],
            [document.object_id for document in documents],
            [document.stream_id for document in documents],
            [document.at for document in documents],
            [document.internal for document in documents],
            [vector_of(document) for document in documents],
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO core_searchdocument (kind, object_id, stream_id, at, internal, words)
                SELECT kind, object_id, stream_id, at, internal, words::tsvector
                FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::boolean[], %s::text[])
                     AS given (kind, object_id, stream_id, at, internal, words)
                ORDER BY kind, object_id
                ON CONFLICT (kind, object_id) DO UPDATE SET
                    stream_id = EXCLUDED.stream_id, at = EXCLUDED.at, internal = EXCLUDED.internal,
                    words = EXCLUDED.words
                """,
                columns,
            )

    def newest(self, wanted: Wanted) -> list[Hit]:
        """Read the index when few texts match, else the newest rows until enough have matched."""
        asked = expression(wanted.terms)
        where, params = _where(wanted)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM (SELECT 1 FROM core_searchdocument"
                " WHERE words @@ %s::tsquery AND kind = %s LIMIT %s) AS matching",
                [asked, wanted.kind, RARE + 1],
            )
            is_rare = cursor.fetchone()[0] <= RARE
            # A function instead of the operator cannot use the index: the rows are read in their order.
            match = "words @@ %s::tsquery" if is_rare else "ts_match_vq(words, %s::tsquery)"
            fence = "MATERIALIZED" if is_rare else "NOT MATERIALIZED"
            cursor.execute(
                f"""
                WITH matching AS {fence} (
                    SELECT kind, object_id, stream_id, at, id, words FROM core_searchdocument
                    WHERE {match} AND kind = %s
                ), newest AS MATERIALIZED (
                    SELECT * FROM matching WHERE {where} ORDER BY at DESC, id DESC LIMIT %s
                )
                SELECT kind, object_id, stream_id, at, ts_rank(%s, words, %s::tsquery) FROM newest
                """,  # noqa: S608 - the parts are constants and a query of the ORM
                [asked, wanted.kind, *params, wanted.limit, WEIGHTS, asked],
            )
            return [Hit(*row) for row in cursor.fetchall()]

    def streams_with(self, term: Term, stream_ids: Sequence[int]) -> set[int]:
        """Read the texts of the streams."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT stream_id FROM core_searchdocument"
                " WHERE stream_id = ANY(%s) AND ts_match_vq(words, %s::tsquery)",
                [list(stream_ids), expression([term])],
            )
            return {row[0] for row in cursor.fetchall()}

    def similar_words(self, word: str) -> list[tuple[str, int]]:
        """Ask by trigrams where the extension is installed, else by the first letters."""
        with connection.cursor() as cursor:
            if _has_trigrams():
                # Two swapped letters in a word of six leave a quarter of its trigrams.
                cursor.execute("SET pg_trgm.similarity_threshold = 0.2")
                cursor.execute(
                    "SELECT word, documents FROM core_searchword WHERE word %% %s"
                    " ORDER BY similarity(word, %s) DESC, documents DESC LIMIT 40",
                    [word, word],
                )
            else:
                cursor.execute(
                    "SELECT word, documents FROM core_searchword WHERE word LIKE %s"
                    " AND length(word) BETWEEN %s AND %s ORDER BY documents DESC LIMIT 500",
                    [f"{word[:2]}%", len(word) - 2, len(word) + 2],
                )
            return list(cursor.fetchall())

    def learn_words(self, after: int, until: int) -> None:
        """Count the words of a range of documents."""
        with connection.cursor() as cursor:
            cursor.execute(
                r"""
                INSERT INTO core_searchword (word, documents)
                SELECT word, ndoc FROM ts_stat(format(
                    'SELECT words FROM core_searchdocument WHERE id > %%s AND id <= %%s', %s::bigint, %s::bigint))
                WHERE length(word) BETWEEN 3 AND 32 AND word !~ '\d.*\d'
                ORDER BY word
                ON CONFLICT (word) DO UPDATE SET documents = core_searchword.documents + EXCLUDED.documents
                """,
                [after, until],
            )

    def forget_words(self, words: Sequence[str]) -> None:
        """Drop words without a document."""
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM core_searchword WHERE word = ANY(%s) AND NOT EXISTS (SELECT 1 FROM core_searchdocument"
                " WHERE words @@ ('''' || word || '''')::tsquery)",
                [list(words)],
            )

    def words_in(self, document_ids: Sequence[int]) -> list[str]:
        """Read the vectors."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT unnest(tsvector_to_array(words)) FROM core_searchdocument WHERE id = ANY(%s)",
                [list(document_ids)],
            )
            return [row[0] for row in cursor.fetchall()]


def vector_of(document: Document) -> str:
    """Return the vector as text: 'word':place+weight,… Words are letters and digits, so nothing needs quoting."""
    found: dict[str, list[str]] = {}
    position = 0
    for weight, text in (
        ("A", document.title),
        ("B", document.people),
        ("C", document.files),
        ("", document.body),
    ):
        for word in words_of(text):
            position += 1
            if position > LAST_POSITION:
                break
            known = found.setdefault(word, [])
            if len(known) < MOST_PLACES:
                known.append(f"{position}{weight}")
        position += GAP
    return " ".join(f"'{word}':{','.join(where)}" for word, where in found.items())


def expression(terms: Sequence[Term]) -> str:
    """Return the terms as a tsquery."""
    return " & ".join(_expression(term) for term in terms)


def _expression(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    if term.prefix:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})"


def _where(wanted: Wanted) -> tuple[str, Sequence[Any]]:
    if wanted.streams is None:
        return "TRUE", ()
    sql, params = wanted.streams.query.sql_with_params()
    return f"stream_id IN ({sql})", params


_trigrams: list[bool] = []


def _has_trigrams() -> bool:
    """Whether pg_trgm is installed in the database; asked once per process."""
    if not _trigrams:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm')")
            _trigrams.append(cursor.fetchone()[0])
    return _trigrams[0]
