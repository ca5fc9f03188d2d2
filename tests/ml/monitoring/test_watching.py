"""Audits, the guard, drift windows, shadows and what is forgotten, through their services."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from core.models import Event, Notification
from ml.artefacts import Artefact
from ml.classifiers import TextPrediction
from ml.models import (
    AliasChange,
    AuditItem,
    DriftWindow,
    Feedback,
    ModelAlias,
    ModelVersion,
    Prediction,
    RollbackEvent,
    ServedCall,
    ShadowPrediction,
)
from ml.registry import MLTask, ShownSubject, ml_tasks
from ml.services.answer_audit import answer_audit, skip_audit
from ml.services.answer_in_shadow import answer_in_shadow
from ml.services.draw_audit_sample import draw_audit_sample
from ml.services.end_stop import end_stop
from ml.services.forget_predictions import forget_old_predictions, forget_subjects
from ml.services.give_label import give_label
from ml.services.note_call import note_call
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.services.watch_drift import watch_drift
from ml.services.watch_service import expected_accuracy, read_guard, watch_service
from ml.serving import circuit, loading
from ml.serving.answers import Item, Served
from ml.serving.door import predict
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.ml.versions import put_into_service, version_of

pytestmark = pytest.mark.django_db
TASK = "test-colours"
BY = system_viewer("task")
TODAY = datetime.now(UTC).date()
HIDDEN = 999


class Colours:
    """Everything is red."""

    def predict(self, inputs: Sequence[str]) -> list[TextPrediction]:
        return [TextPrediction("red", 0.9, (("red", 0.9),)) for _ in inputs]


class ColoursTask(MLTask):
    """Subjects are numbers; ``HIDDEN`` may be seen by nobody but the product."""

    key = TASK
    audits_per_week = 70

    def load(self, artefact: Artefact) -> Colours:
        return Colours()

    def inputs(self, subject_ids: Sequence[int]) -> dict[int, str]:
        return dict.fromkeys(subject_ids, "text")

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> dict[int, ShownSubject]:
        return {
            pk: ShownSubject(f"No. {pk}", "text", f"/{pk}/")
            for pk in subject_ids
            if pk != HIDDEN or viewer.kind == "system"
        }

    def choices(self) -> Sequence[str]:
        return ("red", "blue")


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})
    circuit.reset()
    with ml_tasks.temporarily(ColoursTask):
        yield


@pytest.fixture
def version() -> ModelVersion:
    """A champion that promised 90 %."""
    return promoted()


def promoted(accuracy: float = 0.9) -> ModelVersion:
    return put_into_service(version_of(TASK, Artefact(metadata={"model": {}}), accuracy))


def store(version: ModelVersion | None, ids: Sequence[int], **fields: Any) -> None:
    """One prediction each; ``fields`` may be functions of the id."""
    served = Served("rules") if version is None else Served(version.label, version, "champion", 2.0)
    served = fields.pop("served", served)
    values = {"label": "red", "probability": 0.9} | fields
    record_predictions(
        task=TASK,
        subject_kind="ticket",
        predictions=[
            SubjectPrediction(
                pk, **{name: value(pk) if callable(value) else value for name, value in values.items()}
            )
            for pk in ids
        ],
        served=served,
    )


def audited(version: ModelVersion, right: int, wrong: int, first: int = 1) -> None:
    """Answered items, the wrong ones last."""
    AuditItem.objects.bulk_create(
        AuditItem(
            task=TASK, subject_kind="ticket", subject_id=first + number, version=version, predicted_label="red",
            stratum="sure", inclusion_probability=0.5, day=TODAY, state="answered", answered_at=timezone.now(),
            label="red" if number < right else "blue",
        )
        for number in range(right + wrong)
    )  # fmt: skip


def test_a_day_is_drawn_once_half_of_it_from_the_least_sure(version: ModelVersion) -> None:
    store(version, range(1, 301), probability=lambda pk: pk / 301)
    assert draw_audit_sample(task=TASK, day=TODAY) == 10
    assert draw_audit_sample(task=TASK, day=TODAY) == 0
    items = AuditItem.objects.filter(version=version, state="open", predicted_label="red")
    assert items.filter(stratum="unsure", subject_id__lte=100, inclusion_probability=0.05).count() == 5
    assert items.filter(stratum="sure", subject_id__gt=100, inclusion_probability=0.025).count() == 5
    assert draw_audit_sample(task=TASK, day=TODAY - timedelta(days=1)) == 0


def test_a_quiet_day_is_audited_whole(version: ModelVersion) -> None:
    store(version, [1, 2])
    assert draw_audit_sample(task=TASK, day=TODAY) == 2
    assert set(AuditItem.objects.values_list("inclusion_probability", flat=True)) == {1.0}


def test_an_answer_is_a_label_with_its_chance(version: ModelVersion, lead_user: User) -> None:
    store(version, [1])
    draw_audit_sample(task=TASK, day=TODAY)
    item = AuditItem.objects.get()
    with pytest.raises(ValidationError, match="Choose"):
        answer_audit(item=item, label="green", by=lead_user.as_viewer())
    answer_audit(item=item, label="blue", by=lead_user.as_viewer())
    label = Feedback.objects.get()
    assert (label.source, label.label, label.predicted_label) == ("blind_audit", "blue", "red")
    assert (label.inclusion_probability, label.version, label.user) == (1.0, version, lead_user)
    with pytest.raises(ValidationError, match="already"):
        skip_audit(item=item, by=lead_user.as_viewer())


def test_only_who_may_audit_and_see_the_subject_answers(
    version: ModelVersion, agent: User, lead_user: User
) -> None:
    store(version, [HIDDEN])
    draw_audit_sample(task=TASK, day=TODAY)
    item = AuditItem.objects.get()
    for who in (agent, lead_user):
        with pytest.raises(PermissionDenied):
            answer_audit(item=item, label="red", by=who.as_viewer())
    assert not Feedback.objects.exists()


def test_bad_audits_bring_the_former_champion_back_once_a_day(version: ModelVersion, admin: User) -> None:
    worse = promoted()
    audited(worse, right=40, wrong=3)
    assert watch_service(by=BY) == []
    audited(worse, right=0, wrong=20, first=100)
    [row] = watch_service(by=BY)
    assert (row.trigger, row.outcome, row.from_version, row.to_version) == (
        "accuracy",
        "rolled_back",
        worse,
        version,
    )
    assert row.evidence["alarmed_at"] <= 63
    assert ModelAlias.objects.get(task=TASK).version == version
    assert Event.objects.filter(verb="ml.version_rolled_back", subject_id=worse.pk).exists()
    assert AliasChange.objects.filter(task=TASK)[0].kind == "automatic_rollback"
    assert worse.label in Notification.objects.get(user=admin).text
    assert watch_service(by=BY) == []

    audited(version, right=0, wrong=40, first=500)
    [row] = watch_service(by=BY)
    assert (row.outcome, row.from_version, row.to_version) == ("frozen", version, None)
    assert ModelAlias.objects.get(task=TASK).version == version
    assert watch_service(by=BY) == []
    end_stop(stop=row, by=admin.as_viewer())
    with pytest.raises(ValidationError):
        end_stop(stop=row, by=admin.as_viewer())
    # What the person knew does not stop it again, what comes after does.
    assert watch_service(by=BY) == []
    audited(version, right=0, wrong=40, first=900)
    assert [row.outcome for row in watch_service(by=BY)] == ["frozen"]


def test_what_quality_assurance_confirmed_counts_for_the_guard_once_a_subject(
    version: ModelVersion, lead_user: User
) -> None:
    store(version, range(1, 31))
    for _ in range(2):
        for pk in range(1, 31):
            give_label(task=TASK, subject_id=pk, label="blue", source=Feedback.Source.QA, by=BY)
    reading = read_guard(ModelAlias.objects.get(task=TASK))
    assert reading is not None
    assert reading.labels == 30
    # A second opinion replaces the first, and an audit outweighs both.
    give_label(task=TASK, subject_id=1, label="red", source=Feedback.Source.QA, by=lead_user.as_viewer())
    audited(version, right=1, wrong=0, first=2)
    reading = read_guard(ModelAlias.objects.get(task=TASK))
    assert reading is not None
    assert reading.labels == 30
    [row] = watch_service(by=BY)
    assert (row.trigger, row.evidence["labels"]) == ("accuracy", 30)


def test_without_a_former_champion_rules_take_over(version: ModelVersion) -> None:
    audited(version, right=0, wrong=20)
    [row] = watch_service(by=BY)
    assert row.to_version is None
    assert not ModelAlias.objects.filter(task=TASK).exists()
    assert predict(TASK, [Item("x", 1)])[0].served.role == "baseline"


def test_a_stream_that_was_as_hard_for_the_former_champion_is_no_alarm(version: ModelVersion) -> None:
    audited(version, right=80, wrong=40)
    after = promoted(0.95)
    assert expected_accuracy(ModelAlias.objects.get(version=after)) == pytest.approx(2 / 3)
    audited(after, right=60, wrong=30, first=1_000)
    assert watch_service(by=BY) == []


def called(version: ModelVersion, times: int, why: str = "", *, answers: int = 1, ms: float = 2.0) -> None:
    """So many calls of a version, as the door notes them."""
    for _call in range(times):
        note_call(version=version, answers=answers, failure=why, latency_ms=ms)


def test_a_version_that_cannot_be_loaded_goes_after_twenty_answers(version: ModelVersion) -> None:
    worse = promoted()
    called(worse, 19, "load")
    assert watch_service(by=BY) == []
    called(worse, 1, "open")
    [row] = watch_service(by=BY)
    assert (row.trigger, row.to_version) == ("load", version)


def test_more_than_two_percent_of_errors_are_too_many(version: ModelVersion) -> None:
    worse = promoted()
    called(worse, 196)
    called(worse, 4, "error")
    assert watch_service(by=BY) == []
    called(worse, 1, "error")
    assert [row.trigger for row in watch_service(by=BY)] == ["errors"]


def test_one_call_about_many_subjects_says_little(version: ModelVersion) -> None:
    worse = promoted()
    called(worse, 1, answers=500)
    called(worse, 2, "error", answers=500)
    assert watch_service(by=BY) == []
    called(worse, 1, "error", answers=500)
    assert [row.trigger for row in watch_service(by=BY)] == ["errors"]


def test_a_version_three_times_as_slow_goes(version: ModelVersion) -> None:
    called(version, 200)
    slow = promoted()
    called(slow, 188, ms=50.0)
    called(slow, 12, "slow", ms=200.0)
    [row] = watch_service(by=BY)
    assert (row.trigger, row.evidence["p95_ms"]) == ("latency", 200.0)


def test_a_failing_canary_goes_and_the_champion_stays(version: ModelVersion) -> None:
    canary = version_of(TASK, Artefact(metadata={"model": {}}))
    ModelAlias.objects.create(task=TASK, name="canary", version=canary, share=10)
    called(version, 20)
    called(canary, 20, "error")
    [row] = watch_service(by=BY)
    assert (row.from_version, row.to_version) == (canary, None)
    assert ModelAlias.objects.get(task=TASK).version == version
    # A stopped canary does not keep a champion in service that fails on the same day.
    called(version, 20, "error")
    [row] = watch_service(by=BY)
    assert (row.outcome, row.from_version) == ("rolled_back", version)


def test_answers_that_nobody_stores_are_watched_and_questions_about_no_subject_are_not(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Colours, "predict", lambda *_inputs: 1 / 0)
    for _call in range(25):
        predict(TASK, [Item("anything")])
    assert watch_service(by=BY) == []
    for number in range(20):
        predict(TASK, [Item("text", number)])
    assert not Prediction.objects.exists()
    [row] = watch_service(by=BY)
    assert (row.trigger, row.from_version) == ("errors", version)


def test_drift_needs_two_windows_and_is_told_once(version: ModelVersion, admin: User) -> None:
    def mail(pk: int) -> dict[str, Any]:
        return {"channel": "chat" if pk % 2 else "email", "words": pk % 40}

    def chat(pk: int) -> dict[str, Any]:
        return {"channel": "chat" if pk % 10 else "email", "words": pk % 40}

    store(version, range(1_249), facts=mail)
    assert watch_drift(by=BY) == 2
    store(version, range(1_249, 1_250), facts=mail)
    assert watch_drift(by=BY) == 1
    assert not list(DriftWindow.objects.exclude(verdict="ok").values())
    store(version, range(1_250, 1_500), facts=chat)
    assert watch_drift(by=BY) == 1
    found = DriftWindow.objects.get(number=4, item="channel")
    assert (found.verdict, found.test, found.rows, found.reference_rows) == ("watch", "chi2", 250, 1_250)
    assert found.shown["after"]["chat"] == pytest.approx(0.9)
    assert len(found.examples) == 5
    assert not Event.objects.filter(verb="ml.drift_seen").exists()
    store(version, range(1_500, 2_000), facts=chat)
    assert watch_drift(by=BY) == 2
    alarms = DriftWindow.objects.filter(item="channel", verdict="alarm").values_list("number", flat=True)
    assert sorted(alarms) == [5, 6]
    # Windows that differ are no reference for later ones.
    assert DriftWindow.objects.get(number=6, item="channel").reference_rows == 1_250
    assert Event.objects.filter(verb="ml.drift_seen").count() == 1
    assert "channel" in Notification.objects.get(user=admin).text
    assert set(DriftWindow.objects.filter(item="words").values_list("verdict", flat=True)) == {"ok"}


def test_confidence_that_falls_for_two_windows_leaves_it_to_people(
    version: ModelVersion, admin: User
) -> None:
    store(version, range(500), probability=lambda pk: 0.8 + pk % 20 / 100)
    store(version, range(500, 1_000), probability=lambda pk: 0.6 + pk % 20 / 100)
    assert watch_drift(by=BY) == 2
    stop = RollbackEvent.objects.get()
    assert (stop.trigger, stop.outcome) == ("confidence", "paused")
    assert predict(TASK, [Item("x", 1)])[0].served.paused
    end_stop(stop=stop, by=admin.as_viewer())
    assert not predict(TASK, [Item("x", 1)])[0].served.paused


def test_a_shadow_answers_later_and_once(version: ModelVersion) -> None:
    shadow = version_of(TASK, Artefact(metadata={"model": {}}))
    ModelAlias.objects.create(task=TASK, name="shadow", version=shadow)
    store(version, [1, 2])
    assert answer_in_shadow() == 2
    assert answer_in_shadow() == 0
    assert ShadowPrediction.objects.filter(version=shadow, label="red").count() == 2
    ModelVersion.objects.filter(pk=shadow.pk).update(stage="retired")
    store(version, [3])
    assert answer_in_shadow() == 0


def test_what_an_erased_subject_wrote_is_forgotten_everywhere(version: ModelVersion) -> None:
    store(version, [1, 2], facts={"words": 3}, reasons=[["refund", 1.0]], input_text="secret")
    draw_audit_sample(task=TASK, day=TODAY)
    for pk in (1, 2):
        ShadowPrediction.objects.create(
            task=TASK, subject_kind="ticket", subject_id=pk, version=version, label="red", probability=1
        )
    assert forget_subjects(subjects={"ticket": [1]}) == 1
    gone, kept = Prediction.objects.order_by("subject_id")
    assert (gone.label, gone.reasons, gone.facts, gone.input_digest) == ("red", [], {}, "")
    assert kept.reasons == [["refund", 1.0]]
    assert list(ShadowPrediction.objects.values_list("subject_id", flat=True)) == [2]
    assert dict(AuditItem.objects.values_list("subject_id", "state")) == {1: "erased", 2: "open"}


def test_after_half_a_year_the_answer_is_left(version: ModelVersion) -> None:
    store(version, [1, 2], facts={"words": 3}, reasons=[["refund", 1.0]])
    called(version, 2)
    old = timezone.now() - timedelta(days=181)
    Prediction.objects.filter(subject_id=1).update(created_at=old)
    ServedCall.objects.filter(pk=ServedCall.objects.latest("pk").pk).update(created_at=old)
    assert forget_old_predictions() == 1
    assert forget_old_predictions() == 0
    assert ServedCall.objects.count() == 1
    assert list(Prediction.objects.order_by("subject_id").values_list("label", "facts")) == [
        ("red", {}),
        ("red", {"words": 3}),
    ]
