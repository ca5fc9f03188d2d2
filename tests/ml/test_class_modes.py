"""What a version may do by itself with each class: measured, obeyed by the door, changed by people, stepped down by labels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Event, Notification
from ml import tasks
from ml.artefacts import Artefact
from ml.classifiers import TextPrediction
from ml.classifiers.text import TextClassifier
from ml.evaluation.class_precision import Bars, Judged, measure_classes
from ml.models import AuditItem, ClassMode, Feedback, ModelAlias, ModelVersion, Prediction
from ml.registry import TextTask, ml_tasks
from ml.services.set_class_mode import set_class_mode
from ml.serving.answers import Fallback, Item
from ml.serving.door import predict
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tests.ml.fakes import ticket_texts
from tests.ml.versions import put_into_service, version_of

BY = system_viewer("task")
Login = Callable[[User], Client]


def judged(*rows: tuple[str, str, float, int], abstained: bool = False) -> Judged:
    """Each row ``(truth, said, probability, how often)``."""
    spread = [(truth, said, p) for truth, said, p, count in rows for _ in range(count)]
    return Judged(
        [row[0] for row in spread],
        [row[1] for row in spread],
        np.array([row[2] for row in spread], dtype=float),
        np.full(len(spread), abstained),
    )


def measured(
    *rows: tuple[str, str, float, int], held: Judged | None = None, **options: Any
) -> dict[str, Any]:
    told: dict[str, Any] = measure_classes(judged(*rows), held or judged(), least=0.5, **options)["classes"]
    return told


def test_the_lower_bound_decides_not_the_share() -> None:
    classes = measured(("a", "a", 0.7, 60), ("b", "b", 0.7, 12), ("c", "c", 0.7, 4), ("d", "b", 0.7, 1))
    assert {label: row["mode"] for label, row in classes.items()} == {
        "a": "automatic", "b": "suggest", "c": "off", "d": "off",
    }  # fmt: skip
    assert (classes["b"]["precision"]["said"], classes["b"]["precision"]["right"]) == (13, 12)
    assert classes["d"]["precision"]["said"] == 0
    assert classes["d"]["rows"] == 1


def test_a_threshold_is_raised_as_little_as_reaches_the_bar() -> None:
    rows = (("a", "a", 0.97, 40), ("a", "a", 0.85, 40), ("b", "a", 0.55, 30))
    found = measured(*rows)["a"]
    assert (found["mode"], found["threshold"], found["at_threshold"]["said"]) == ("automatic", 0.6, 80)
    assert found["precision"]["said"] == 110
    strict = measured(*rows, ("b", "a", 0.85, 6), bars=Bars(automatic=0.92))["a"]
    assert strict["threshold"] == 0.9


def test_what_the_model_abstains_from_is_no_answer() -> None:
    told = measure_classes(judged(("a", "a", 0.9, 60), abstained=True), judged(), least=0.5)
    assert told["classes"]["a"]["precision"]["said"] == 0


def test_newest_rows_that_contradict_take_the_mode_away() -> None:
    rows = (("a", "a", 0.9, 100),)
    assert measured(*rows, held=judged(("a", "a", 0.9, 3), ("b", "a", 0.9, 1)))["a"]["mode"] == "automatic"
    assert measured(*rows, held=judged(("a", "a", 0.9, 20), ("b", "a", 0.9, 12)))["a"]["mode"] == "suggest"
    assert measured(*rows, held=judged(("b", "a", 0.9, 12)))["a"]["mode"] == "off"


def test_the_classifier_tells_what_it_said_about_rows_it_had_not_seen() -> None:
    classifier = TextClassifier(None).fit(*ticket_texts())
    assert classifier.judged is not None
    right = np.array(classifier.judged.truth) == np.array(classifier.judged.predicted)
    assert right.mean() == classifier.out_of_fold["accuracy"]


class Topics(TextTask):
    """Three classes; the text is the answer."""

    key = "test-classes"
    title = "Topics"

    def load(self, artefact: Artefact) -> Any:
        return _Says()

    def warm_up(self, model: Any) -> None:
        pass

    def fallback(self, inputs: Sequence[str], *, failure: str = "") -> Fallback:
        return Fallback("by hand", [replace(said, probability=0.4) for said in _Says().predict(inputs)])


class _Says:
    def predict(self, texts: Sequence[str]) -> list[TextPrediction]:
        """ "billing 0.8" is about billing with this probability; less than 0.5 it leaves to a person."""
        pairs = [text.split() for text in texts]
        return [
            TextPrediction(label, float(p), ((label, float(p)),), abstained=float(p) < 0.5)
            for label, p in pairs
        ]


@pytest.fixture
def version(db: None) -> Iterator[ModelVersion]:
    """In service: billing is applied from 0.7 on, access suggested, delivery off."""
    with ml_tasks.temporarily(Topics):
        row = version_of(Topics.key, Artefact(metadata={"model": {}}))
        rows = (
            ("billing", "billing", 0.9, 80), ("access", "billing", 0.6, 20), ("access", "access", 0.9, 30),
            ("billing", "access", 0.9, 6), ("delivery", "delivery", 0.9, 3),
        )  # fmt: skip
        row.metrics |= {"class_modes": measure_classes(judged(*rows), judged(), least=0.5)}
        row.save()
        yield put_into_service(row)


def answered(*texts: str) -> list[tuple[str, str, str]]:
    """Label, what answered, and what may be done with it."""
    return [
        (answer.value.label if answer.value else "", answer.served.source, answer.mode)
        for answer in predict(Topics.key, [Item(text) for text in texts])
    ]


def test_the_door_keeps_to_the_modes(version: ModelVersion) -> None:
    assert answered(
        "billing 0.9", "billing 0.65", "access 0.9", "billing 0.3", "delivery 0.9", "new 0.9"
    ) == [
        ("billing", version.label, "automatic"),
        ("billing", version.label, "suggest"),
        ("access", version.label, "suggest"),
        ("billing", version.label, "suggest"),
        ("delivery", "by hand", "automatic"),
        ("new", version.label, "automatic"),
    ]


def test_who_switches_a_class_off_means_the_rules_too(version: ModelVersion) -> None:
    set_class_mode(version=version, label="billing", mode="off", reason="a new price list", by=BY)
    assert answered("billing 0.9") == [("", "by hand", "automatic")]
    [event] = Event.objects.filter(verb="ml.class_mode_set", subject_id=version.pk)
    assert (event.detail.data["from"], event.detail.data["to"]) == ("automatic", "off")


def who(role: str) -> Viewer:
    return make_user(role, "Nia Sol").as_viewer()


def test_less_caution_than_measured_takes_the_right_to_approve(version: ModelVersion) -> None:
    manager = replace(who("analyst"), permissions=frozenset({"ml.view", "ml.manage"}))
    set_class_mode(version=version, label="billing", mode="suggest", reason="careful", by=manager)
    set_class_mode(version=version, label="billing", mode="automatic", reason="as measured", by=manager)
    with pytest.raises(PermissionDenied):
        set_class_mode(version=version, label="access", mode="automatic", reason="go on", by=manager)
    with pytest.raises(PermissionDenied):
        set_class_mode(version=version, label="access", mode="off", reason="no", by=who("agent"))
    approver = replace(manager, permissions=frozenset({"ml.view", "ml.approve"}))
    set_class_mode(version=version, label="access", mode="automatic", reason="go on", by=approver)
    assert answered("access 0.9") == [("access", version.label, "automatic")]


@pytest.mark.parametrize(
    ("label", "mode", "reason"),
    [("other", "off", "why"), ("billing", "never", "why"), ("billing", "off", " ")],
)
def test_changes_that_say_nothing_are_refused(
    version: ModelVersion, label: str, mode: str, reason: str
) -> None:
    with pytest.raises(ValidationError):
        set_class_mode(version=version, label=label, mode=mode, reason=reason, by=BY)
    version.stage = ModelVersion.Stage.RETIRED
    version.save()
    with pytest.raises(ValidationError):
        set_class_mode(version=version, label="billing", mode="off", reason="why", by=BY)


def say(version: ModelVersion, label: str, mode: str, count: int, wrong: int, first: int = 1) -> None:
    """``count`` answers in service, of which people corrected ``wrong``."""
    for number in range(count):
        answer = Prediction.objects.create(
            task=version.task, subject_kind="ticket", subject_id=first + number, version=version, source="x",
            label=label, probability=0.9, mode=mode,
        )  # fmt: skip
        if number < wrong:
            Feedback.objects.create(
                task=version.task, subject_kind="ticket", subject_id=first + number, prediction=answer,
                version=version, predicted_label=label, label="other", source="correction",
            )  # fmt: skip


def test_corrections_step_a_class_down_once_and_never_up(version: ModelVersion) -> None:
    manager = make_user("admin", "Ada Boss")
    say(version, "billing", "automatic", 40, wrong=3)
    tasks.watch_classes()
    assert not ClassMode.objects.exists()
    say(version, "billing", "automatic", 40, wrong=20, first=100)
    tasks.watch_classes()
    tasks.watch_classes()
    [change] = ClassMode.objects.all()
    assert (change.mode, change.source, change.evidence["corrected"]) == ("suggest", "live", 23)
    assert answered("billing 0.9") == [("billing", version.label, "suggest")]
    assert Event.objects.filter(verb="ml.class_stepped_down", subject_id=version.pk).count() == 1
    assert Notification.objects.filter(user=manager, verb="ml.class_stepped_down").count() == 1
    say(version, "billing", "suggest", 60, wrong=0, first=500)
    tasks.watch_classes()
    assert ClassMode.objects.count() == 1
    approver = replace(BY, permissions=frozenset({"ml.manage"}))
    with pytest.raises(PermissionDenied):
        set_class_mode(version=version, label="billing", mode="automatic", reason="again", by=approver)


def test_audits_step_down_and_few_labels_do_not(version: ModelVersion) -> None:
    ModelAlias.objects.update(changed_at=timezone.now() - timedelta(days=9))
    say(version, "access", "suggest", 12, wrong=0)
    for number in range(1, 13):
        AuditItem.objects.create(
            task=version.task, subject_kind="ticket", subject_id=number, version=version, predicted_label="access",
            stratum="sure", inclusion_probability=0.5, day="2026-01-01", state="answered", label="billing",
            answered_at=timezone.now(),
        )  # fmt: skip
        if number == 9:
            tasks.watch_classes()
            assert not ClassMode.objects.exists()
    tasks.watch_classes()
    [change] = ClassMode.objects.all()
    assert (change.label, change.mode, change.evidence["audits"]) == ("access", "off", 12)


def test_the_page_shows_the_classes_and_takes_a_change(version: ModelVersion, login: Login) -> None:
    say(version, "billing", "automatic", 11, wrong=1)
    client = login(make_user("admin", "Ada Boss"))
    address = f"/models/{version.task}/versions/{version.number}/"
    body = client.get(address).content.decode()
    assert "1 of 11 corrected" in body
    sent = client.post(f"{address}class/", {"label": "billing", "mode": "suggest", "reason": "year end"})
    assert sent.status_code in (302, 204)
    assert "year end" in client.get(address).content.decode()
    looker = login(make_user("agent", "Nia Sol"))
    assert (
        looker.post(f"{address}class/", {"label": "billing", "mode": "off", "reason": "x"}).status_code == 403
    )


def test_rest_reads_and_changes_classes(version: ModelVersion, api: Callable[..., APIClient]) -> None:
    client = api("ml:read", "ml:write")
    address = f"/api/v1/ml/versions/{version.pk}/classes/"
    rows = {row["label"]: row for row in client.get(address).json()}
    assert (rows["billing"]["mode"], rows["billing"]["threshold"], rows["billing"]["live"]["said"]) == (
        "automatic", 0.7, 0,
    )  # fmt: skip
    changed = client.post(address, {"label": "billing", "mode": "off", "reason": "stop"}, format="json")
    assert changed.status_code == 200
    row = next(row for row in changed.json() if row["label"] == "billing")
    assert (row["mode"], row["measured"], row["changed_by"]) == ("off", "automatic", "person")
    refused = client.post(address, {"label": "access", "mode": "automatic", "reason": "go"}, format="json")
    assert refused.status_code == 403
    assert api("ml:read").post(address, {"label": "access", "mode": "off", "reason": "x"}).status_code == 403
