"""The search index: the language of the field, cutting words, spelling, highlights, and the index that keeps itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import SearchDocument
from core.search.documents import Document, forget, put
from core.search.find import find
from core.search.highlights import pieces, snippet
from core.search.language import Operator, Query, Term, parse
from core.search.sources import index_missing
from core.search.spelling import corrected, distance
from core.search.words import LONGEST_WORD, composed, places, words_of

NAMES = ("from", "status", "number", "is")


def read(text: str, **options: Any) -> Query:
    return parse(text, operators=NAMES, **options)


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    query = read(text, live=True)
    assert all(term.words and all(term.words) for term in query.terms)
    assert all(operator.name in NAMES and operator.value for operator in query.operators)


@given(st.text(max_size=100) | st.text(alphabet='ab*"-: #1é', max_size=60))
def test_a_query_written_out_reads_as_itself(text: str) -> None:
    query = read(text)
    again = read(str(query))
    assert (again.terms, again.operators) == (query.terms, query.operators)


def test_the_language() -> None:
    query = read('Refund "credit note" -draft invo* from:mette -status:"on hold" #4711 colour:red')
    assert query.terms == (
        Term(("refund",)),
        Term(("credit", "note")),
        Term(("draft",), negated=True),
        Term(("invo",), prefix=True),
        Term(("colour", "red")),
    )
    assert query.operators == (
        Operator("from", "mette"),
        Operator("status", "on hold", negated=True),
        Operator("number", "4711"),
    )
    assert query.unknown == ("colour",)
    assert read("see https://halden.example/x").unknown == ()


def test_the_last_word_may_still_be_typed() -> None:
    assert read("late invo", live=True).terms[-1] == Term(("invo",), prefix=True)
    assert read("late invo ", live=True).terms[-1] == Term(("invo",))
    assert read('"late invo"', live=True).terms[-1] == Term(("late", "invo"))
    assert not read("in", live=True).terms[-1].prefix


@given(st.text(max_size=200))
def test_words_are_where_they_were_read(text: str) -> None:
    whole = composed(text)
    found = list(places(text))
    assert [place.word for place in found] == words_of(text)
    for place in found:
        assert 0 < len(place.word) <= LONGEST_WORD
        assert words_of(whole[place.start : place.end]) == [place.word]


def test_accents_and_case_do_not_matter_and_ideographs_stand_alone() -> None:
    assert words_of("Crème BRÛLÉE straße") == ["creme", "brulee", "strasse"]
    assert words_of("請求書 invoice") == ["請", "求", "書", "invoice"]
    assert words_of("cafe\u0301") == ["cafe"]


@given(st.text(max_size=300), st.text(max_size=40))
def test_highlights_lose_nothing(text: str, wanted: str) -> None:
    cut = pieces(text, read(wanted, live=True).wanted)
    assert "".join(piece.text for piece in cut) == composed(text)


def test_a_snippet_shows_the_place_of_the_match() -> None:
    text = "Hello, " + "many words before it " * 40 + "the Refund came late " + "and more after it " * 40
    cut = snippet(text, read("refunds refund").wanted)
    assert [piece.text for piece in cut if piece.marked] == ["Refund"]
    assert cut[0].text == "… "
    assert sum(len(piece.text) for piece in cut) < 240


@given(st.text(alphabet="abcd", max_size=8), st.text(alphabet="abcd", max_size=8))
def test_distance_is_symmetric_and_bounded(one: str, other: str) -> None:
    far = distance(one, other, at_most=20)
    assert far == distance(other, one, at_most=20)
    assert (far == 0) == (one == other)
    assert abs(len(one) - len(other)) <= far <= max(len(one), len(other))


def test_distance_counts_a_swap_once() -> None:
    assert distance("refnud", "refund") == 1


def document(number: int, body: str, *, stream: int = 0, **fields: Any) -> Document:
    at = datetime(2026, 3, 1, tzinfo=UTC).replace(day=1 + number % 27)
    return Document("text", number, stream or number, at, body=body, **fields)


def streams(text: str, **options: Any) -> list[int]:
    found = find(read(text, **options), streams=None, heads="head", bodies="text")
    return sorted({hit.stream_id for hit in found.hits})


@pytest.fixture
def texts(db: None) -> None:
    put(
        [
            document(1, "The refund for the credit note is late."),
            document(2, "Please note: my credit is used up. Invoicing stopped."),
            document(3, "Crème brûlée, nothing about money."),
            document(4, "A draft of the refund"),
            document(5, "first half", stream=50),
            document(6, "second half", stream=50),
            Document(
                "head", 50, 50, datetime(2026, 3, 3, tzinfo=UTC), title="Migration plan", people="Mette Aas"
            ),
        ]
    )


@pytest.mark.usefixtures("texts")
def test_finding_words_phrases_prefixes_and_without() -> None:
    assert streams("refund") == [1, 4]
    assert streams("refund -draft") == [1]
    assert streams("credit note") == [1, 2]
    assert streams('"credit note"') == [1]
    assert streams("invoic*") == [2]
    assert streams("invoic") == []
    assert streams("invoic", live=True) == [2]
    assert streams("creme BRULEE") == [3]
    assert streams("-refund") == []


@pytest.mark.usefixtures("texts")
def test_words_may_stand_in_different_texts_of_one_case() -> None:
    assert streams("mette second") == [50]
    assert streams("migration first second") == [50]
    assert streams("mette refund") == []


@pytest.mark.usefixtures("texts")
def test_a_phrase_does_not_reach_from_one_part_into_the_next() -> None:
    put([document(9, "note", files="credit")])
    assert 9 not in streams('"credit note"')


@pytest.mark.usefixtures("texts")
def test_a_text_is_replaced_and_forgotten() -> None:
    put([document(1, "Something else")])
    assert streams("refund") == [4]
    assert forget("text", [4, 1]) == 2
    assert streams("refund") == []
    assert SearchDocument.objects.filter(kind="text", object_id__in=[1, 4]).count() == 0


@pytest.mark.usefixtures("texts")
def test_misspelt_words_are_compared_with_the_words_of_the_index() -> None:
    index_missing()
    better = corrected(read("refnud"))
    assert better is not None
    assert better.terms == (Term(("refund",)),)
    assert corrected(read('"refnud now"')) is None
    forget("text", [1, 4])
    assert corrected(read("refnud")) is None


def test_very_long_texts_and_odd_words_are_stored(db: None) -> None:
    put([document(1, "x" * 5000 + " " + "word " * 30_000 + "'quoted\\' & | ! :* <-> ٣ 1e5 -7")])
    assert streams("word") == [1]
    assert streams("1e5") == [] or streams("1e5") == [1]  # beyond the last place that is kept
