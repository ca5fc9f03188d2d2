"""Search by cosine over stored vectors, and the command that measures retrieval."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml.models import SubjectVector
from ml.retrieval import VectorIndex
from ml.retrieval import index as index_module
from ml.services.forget_vectors import forget_vectors
from ml.services.store_vectors import EncodedText, encode_texts, encoder_digest, store_vectors
from tests.ml.fakes import WordEncoder

KIND = "note"


def learn(texts: dict[int, str]) -> int:
    return store_vectors(KIND, encode_texts(texts))


def index(**options: Any) -> VectorIndex:
    found = VectorIndex(KIND, encoder_digest(), 512, **options)
    found.refresh()
    return found


def ask(searched: VectorIndex, text: str, count: int = 5) -> list[int]:
    found = searched.search(WordEncoder().encode([text]), count)[0]
    return [one.subject_id for one in found if one.cosine > 0.05]


@pytest.mark.django_db
def test_the_nearest_comes_first_and_what_shares_nothing_last() -> None:
    learn({1: "the printer is jammed", 2: "printer jammed again today", 3: "please refund my invoice"})
    found = index().search(WordEncoder().encode(["the printer is jammed"]), 2)[0]
    assert [one.subject_id for one in found] == [1, 2]
    assert found[0].cosine == pytest.approx(1.0, abs=2e-3)
    assert found[1].cosine < 0.8


@pytest.mark.django_db
def test_new_changed_and_deleted_texts_are_known_without_reading_all_again(
    django_assert_max_num_queries: Any,
) -> None:
    learn({1: "the printer is jammed", 2: "please refund my invoice"})
    searched = index()
    assert learn({1: "the printer is jammed", 2: "the lift is stuck", 3: "printer printer"}) == 2
    forget_vectors(KIND, [1])
    with django_assert_max_num_queries(2):
        searched.refresh()
    assert ask(searched, "printer is") == [3, 2]
    assert ask(searched, "refund invoice") == []


@pytest.mark.django_db
def test_rows_that_were_committed_late_or_are_gone_are_found_when_numbers_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn({1: "the printer is jammed", 2: "please refund my invoice", 3: "the lift is stuck"})
    late = SubjectVector.objects.get(subject_id=1)
    SubjectVector.objects.filter(subject_id=1).delete()
    searched = index()
    late.save(force_insert=True)
    forget_vectors(KIND, [3])
    monkeypatch.setattr(index_module, "COMPARE_SECONDS", -1)
    searched.refresh()
    assert ask(searched, "the printer is jammed") == [1]
    assert len(searched) == searched.total == 2


@pytest.mark.django_db
def test_above_the_limit_the_newest_are_searched_and_the_index_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index_module, "BLOCK", 4)
    learn({number: f"printer number{number}" for number in range(20)})
    searched = index(most=10)
    assert searched.total == 20
    assert set(ask(searched, "printer", 30)) == set(range(10, 20))
    learn({number: f"printer number{number}" for number in range(20, 30)})
    searched.refresh()
    held = set(ask(searched, "printer", 40))
    assert set(range(20, 30)) <= held
    assert len(held) < 10 + 2 * 4


@pytest.mark.django_db
def test_other_kinds_and_an_empty_text_are_near_to_nothing() -> None:
    learn({1: "  ", 2: "the printer is jammed"})
    store_vectors("other", encode_texts({7: "the printer is jammed"}))
    assert ask(index(), "the printer is jammed") == [2]
    assert not np.frombuffer(SubjectVector.objects.get(subject_id=1).vector, dtype="<f2").any()


@pytest.mark.django_db
def test_the_search_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BLOCK", 64)
    monkeypatch.setattr(index_module, "CONVERTED", 24)
    draw = np.random.default_rng(1)
    rows = draw.standard_normal((300, 512)).astype(np.float32)
    rows[5, :400] *= 1e-6
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store_vectors(KIND, {number: EncodedText(row, str(number)) for number, row in enumerate(rows)})
    questions = rows[:7] + 0.05 * draw.standard_normal((7, 512)).astype(np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    cosines = questions @ rows.astype(np.float16).astype(np.float32).T
    for found, expected in zip(index().search(questions, 9), cosines, strict=True):
        assert [one.subject_id for one in found] == np.argsort(-expected)[:9].tolist()
        assert [one.cosine for one in found] == pytest.approx(np.sort(expected)[::-1][:9].tolist(), abs=1e-5)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr("ml.management.commands.evaluate_retrieval.sentence_encoder", WordEncoder)
    topics = ["printer", "invoice", "password", "parcel", "licence", "backup"]
    corpus = tmp_path / "corpus.json"
    corpus.write_text(
        json.dumps(
            [
                {"id": number, "question": f"what about the {topic}", "answers": [f"{topic} help", "ask"]}
                for number, topic in enumerate(topics)
            ]
        )
    )
    queries = tmp_path / "queries.csv"
    lines = [
        f"{n},my {topic} {word}" for n, topic in enumerate(topics) for word in ("broke", "again", "is late")
    ]
    queries.write_text("faq_id,query\n" + "\n".join(lines) + "\n")
    return queries, corpus


def test_every_method_is_measured_with_intervals(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("evaluate_retrieval", queries=files[0], corpus=files[1], json=True)
    figures = json.loads(capsys.readouterr().out.rstrip().rsplit("\n", 1)[-1])
    methods = {"words_bm25", "words_tfidf", "title_vector", "whole_vector", "mix", "mix_chosen"}
    assert (figures["questions"], figures["entries"], set(figures["methods"])) == (18, 6, methods)
    for found in figures["methods"].values():
        assert found["p_at_1"]["low"] <= found["p_at_1"]["value"] <= found["p_at_1"]["high"]
        assert found["mrr"]["value"] >= found["p_at_1"]["value"]
    assert figures["methods"]["mix"]["p_at_1"]["value"] == 1.0


@pytest.mark.parametrize(
    ("corpus", "queries", "said"),
    [
        ("[]", "faq_id,query\n1,hello\n", "holds no list of entries"),
        ('[{"id": 1}]', "faq_id,query\n1,hello\n", 'entry 1 has no "id" or no "question"'),
        ("{", "faq_id,query\n1,hello\n", "cannot be read"),
        ('[{"id": 1, "question": "a"}, {"id": 1, "question": "b"}]', "faq_id,query\n1,x\n", "two entries"),
        ('[{"id": 1, "question": "a"}]', "faq_id,query\n2,hello\n", 'the corpus has no entry "2"'),
        ('[{"id": 1, "question": "a"}]', "faq_id,text\n1,hello\n", 'no column "query"'),
    ],
)
def test_a_bad_file_is_one_clear_sentence(tmp_path: Path, corpus: str, queries: str, said: str) -> None:
    (tmp_path / "c.json").write_text(corpus)
    (tmp_path / "q.csv").write_text(queries)
    with pytest.raises(CommandError, match=said):
        call_command("evaluate_retrieval", queries=tmp_path / "q.csv", corpus=tmp_path / "c.json")
