"""Drift of what people write: unknown words, languages, new terms and true labels; what is forgotten of them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Event
from ml.models import DriftWindow, Feedback, ModelVersion
from ml.monitoring.windows import weighted_counts
from ml.monitoring.words import new_terms, unknown_shares
from ml.registry import ml_tasks
from ml.services.forget_predictions import forget_old_predictions, forget_subjects
from ml.services.watch_drift import watch_drift
from people.models import User
from tests.ml.monitoring.test_watching import BY, TASK, ColoursTask, promoted, store

pytestmark = pytest.mark.django_db
_COMMON = [
    "please",
    "help",
    "with",
    "the",
    "invoice",
    "of",
    "our",
    "account",
    "this",
    "month",
    "because",
    "it",
    "looks",
    "wrong",
]


def written(pk: int) -> str:
    """A usual text; from subject 750 on, two of five are about something that nobody had."""
    usual = " ".join(_COMMON[(pk + step * (1 + pk % 3)) % len(_COMMON)] for step in range(8))
    return f"{usual} espresso machine leaks" if pk >= 750 and pk % 5 < 2 else usual


class Writing(ColoursTask):
    """Subjects have texts."""

    def inputs(self, subject_ids: Sequence[int]) -> dict[int, str]:
        return {pk: written(pk) for pk in subject_ids}


@pytest.fixture(autouse=True)
def _task() -> Iterator[None]:
    with ml_tasks.temporarily(Writing):
        yield


@pytest.fixture
def version() -> ModelVersion:
    """A champion."""
    return promoted()


def test_new_terms_are_those_of_many_texts_and_not_the_rare_or_the_usual() -> None:
    reference = [f"the parcel number {n} is late" for n in range(200)]
    window = dict.fromkeys(range(60), "the parcel is late, tracking page empty") | dict.fromkeys(
        range(60, 63), "the parcel is late, Mrs Quist"
    )
    found = {term.term: term for term in new_terms(reference, window)}
    assert any("tracking" in term for term in found)
    assert not any("quist" in term or "parcel" in term for term in found)
    best = next(iter(found.values()))
    assert (best.before, best.after, best.examples) == (0.0, pytest.approx(60 / 63, abs=1e-4), [0, 1, 2])
    assert new_terms(reference, dict(enumerate(reference))) == []


def test_a_text_is_asked_about_words_that_others_brought() -> None:
    assert unknown_shares(["red car"], ["red car", "red bike", "", "42"]) == [0.0, 0.5, 0.0, 0.0]


def test_labels_that_were_drawn_rarely_stand_for_many() -> None:
    counts = weighted_counts([("red", 0.1), ("blue", 1.0), ("blue", 1.0)])
    assert counts["red"] / sum(counts.values()) == pytest.approx(10 / 12)
    # Uneven weights are worth fewer rows.
    assert sum(counts.values()) == pytest.approx(144 / 102)
    assert weighted_counts([("red", 0.5)] * 4) == {"red": pytest.approx(4.0)}


def test_new_words_are_an_alarm_in_the_second_window_and_shown_with_examples(
    version: ModelVersion, analyst: User, login: Callable[[User], Client]
) -> None:
    store(version, range(750))
    assert watch_drift(by=BY) == 1
    calm = DriftWindow.objects.get(number=1, item="unknown_words")
    assert (calm.verdict, calm.test, calm.shown["terms"]) == ("ok", "ks", [])
    assert DriftWindow.objects.get(number=1, item="language").shown["after"] == {"en": 1.0}
    store(version, range(750, 1_250))
    assert watch_drift(by=BY) == 2
    verdicts = DriftWindow.objects.filter(item="unknown_words").order_by("number")
    assert list(verdicts.values_list("verdict", flat=True)) == ["ok", "watch", "alarm"]
    [event] = Event.objects.filter(verb="ml.drift_seen")
    assert event.subject_id == version.pk
    page = login(analyst).get(f"/models/{TASK}/watch/").content.decode()
    terms = [one["term"] for one in verdicts[2].shown["terms"]]
    assert "espresso machine" in terms or "espresso" in terms
    assert terms[0] in page
    first = verdicts[2].shown["terms"][0]["examples"][0]
    assert f'href="/{first}/"' in page

    # The words of a window go with the first of its subjects that is erased, all of them after half a year.
    forget_subjects(subjects={"ticket": [1_100]})
    kept = {window.number: bool(window.shown["terms"]) for window in verdicts.all()}
    assert kept == {1: False, 2: True, 3: False}
    DriftWindow.objects.update(ends_at=timezone.now() - timedelta(days=181))
    forget_old_predictions()
    assert not any(window.shown["terms"] for window in verdicts.all())


def label(words: Sequence[str]) -> None:
    Feedback.objects.bulk_create(
        Feedback(
            task=TASK, subject_kind="ticket", subject_id=number, label=word, source="blind_audit",
            inclusion_probability=0.5 if number % 2 else 0.1,
        )
        for number, word in enumerate(words)
    )  # fmt: skip


def test_a_change_of_the_true_labels_needs_two_windows_too(
    version: ModelVersion, analyst: User, login: Callable[[User], Client]
) -> None:
    label(["red", "blue", "red"] * 94)
    label(["red", "blue", "red"] * 46)
    assert watch_drift(by=BY) == 1
    store(version, range(100))
    label(["blue"] * 139)
    assert watch_drift(by=BY) == 0
    label(["blue"] * 141)
    assert watch_drift(by=BY) == 2
    windows = DriftWindow.objects.filter(item="true_label").order_by("number")
    assert [(one.number, one.verdict, one.rows) for one in windows] == [
        (1, "ok", 140),
        (2, "watch", 140),
        (3, "alarm", 140),
    ]
    assert Event.objects.filter(verb="ml.drift_seen").count() == 1
    assert "true label" in login(analyst).get(f"/models/{TASK}/watch/").content.decode()
