"""The watch over REST: audits stay blind, subjects stay private, what is stopped goes on by a person's word."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from ml.artefacts import Artefact
from ml.models import AuditItem, DriftWindow, ModelVersion, RollbackEvent
from ml.registry import ml_tasks
from ml.services.record_feedback import record_feedback
from people.viewer import system_viewer
from tests.ml.monitoring.test_watching import HIDDEN, TASK, ColoursTask, promoted, store
from tests.ml.versions import version_of

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def _task() -> Iterator[None]:
    with ml_tasks.temporarily(ColoursTask):
        yield


def drawn(subject_id: int) -> AuditItem:
    return AuditItem.objects.create(
        task=TASK, subject_kind="ticket", subject_id=subject_id, predicted_label="red", stratum="sure",
        inclusion_probability=0.25, day=datetime.now(UTC).date(),
    )  # fmt: skip


def test_an_audit_is_blind_until_it_is_answered_and_counts_in_its_week(api: Api) -> None:
    store(promoted(), [1])
    item = drawn(1)
    client = api("ml:read", "ml:write")
    [listed] = client.get("/api/v1/ml/audit-items/", {"task": TASK, "state": "open"}).json()["results"]
    assert (listed["id"], listed["predicted_label"]) == (item.pk, None)
    shown = client.get(f"/api/v1/ml/audit-items/{item.pk}/").json()
    assert (shown["text"], shown["choices"], shown["item"]["predicted_label"]) == (
        "text",
        ["red", "blue"],
        None,
    )
    wrong = client.post(f"/api/v1/ml/audit-items/{item.pk}/answer/", {"label": "green"})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["label"])
    answered = client.post(f"/api/v1/ml/audit-items/{item.pk}/answer/", {"label": "blue"}).json()
    assert (answered["state"], answered["predicted_label"]) == ("answered", "red")
    [label] = client.get("/api/v1/ml/feedback/", {"source": "blind_audit"}).json()["results"]
    assert (label["label"], label["inclusion_probability"]) == ("blue", 0.25)
    store(None, [7], probability=0.2)
    quality = client.get(f"/api/v1/ml/tasks/{TASK}/quality/").json()
    assert [(week["accuracy"], week["labels"]) for week in quality["weeks"]] == [(0.0, 1)]
    assert quality["confusions"] == [{"predicted": "red", "label": "blue", "count": 1}]
    assert [row["subject_id"] for row in quality["to_label"]] == [7]


def test_a_subject_that_a_key_may_not_see_is_not_shown_or_judged(api: Api) -> None:
    item = drawn(HIDDEN)
    client = api("ml:read", "ml:write")
    assert client.get(f"/api/v1/ml/audit-items/{item.pk}/").status_code == 404
    assert client.post(f"/api/v1/ml/audit-items/{item.pk}/answer/", {"label": "red"}).status_code == 403
    item.refresh_from_db()
    assert item.state == "open"


def test_an_audit_without_a_label_is_skipped(api: Api) -> None:
    item = drawn(1)
    client = api("ml:write")
    assert client.post(f"/api/v1/ml/audit-items/{item.pk}/answer/", {}).json()["state"] == "skipped"


def test_reading_needs_its_scope_and_answering_the_other(api: Api) -> None:
    item = drawn(1)
    for path in ("audit-items", "drift-windows", "feedback", "rollbacks", f"tasks/{TASK}/quality"):
        assert api("tickets:read").get(f"/api/v1/ml/{path}/").status_code == 403
        assert api("ml:read").get(f"/api/v1/ml/{path}/").status_code == 200
    assert (
        api("ml:read").post(f"/api/v1/ml/audit-items/{item.pk}/answer/", {"label": "red"}).status_code == 403
    )
    assert api("ml:read").get("/api/v1/ml/tasks/absent/quality/").status_code == 404


@pytest.fixture
def version() -> ModelVersion:
    """A stored version."""
    return version_of(TASK, Artefact(metadata={"model": {}}))


def test_a_freeze_ends_once_by_a_word(api: Api, version: ModelVersion) -> None:
    stop = RollbackEvent.objects.create(task=TASK, trigger="accuracy", outcome="frozen", from_version=version)
    client = api("ml:read", "ml:write")
    [listed] = client.get("/api/v1/ml/rollbacks/", {"outcome": "frozen"}).json()["results"]
    assert (listed["id"], listed["ended_at"]) == (stop.pk, None)
    assert client.post(f"/api/v1/ml/rollbacks/{stop.pk}/end/").json()["ended_at"] is not None
    assert client.post(f"/api/v1/ml/rollbacks/{stop.pk}/end/").status_code == 400


def test_drift_is_listed_by_verdict(api: Api, version: ModelVersion) -> None:
    now = datetime.now(UTC)
    for item, verdict in (("channel", "alarm"), ("words", "ok")):
        DriftWindow.objects.create(
            task=TASK, version=version, number=1, item=item, test="chi2", rows=250, reference_rows=500, statistic=1,
            effect=0.3, p_value=0.001, p_adjusted=0.002, verdict=verdict, first_prediction=1, last_prediction=250,
            starts_at=now, ends_at=now, examples=[4, 5],
        )  # fmt: skip
    [found] = api("ml:read").get("/api/v1/ml/drift-windows/", {"verdict": "alarm"}).json()["results"]
    assert (found["item"], found["examples"]) == ("channel", [4, 5])


def test_labels_are_listed_newest_first(api: Api) -> None:
    store(None, [1, 2])
    for pk in (1, 2):
        record_feedback(
            task=TASK,
            subject_kind="ticket",
            subject_id=pk,
            label="red",
            source="qa",
            by=system_viewer("task"),
        )  # type: ignore[arg-type]
    rows = api("ml:read").get("/api/v1/ml/feedback/", {"task": TASK}).json()["results"]
    assert [row["subject_id"] for row in rows] == [2, 1]


def test_a_label_from_outside_is_stored_once(api: Api, version: ModelVersion) -> None:
    store(version, [1])
    client, body = api("ml:write"), {"task": TASK, "subject_id": 1, "label": "blue", "source": "qa"}
    first, again = (client.post("/api/v1/ml/feedback/", body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["predicted_label"], first.json()["version"]) == ("red", version.pk)
    changed = client.post("/api/v1/ml/feedback/", body | {"label": "red"})
    assert changed.status_code == 201


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"label": "green"}, 400),
        ({"source": "blind_audit"}, 400),
        ({"task": "absent"}, 400),
        ({"user": 3}, 400),
        ({"subject_id": HIDDEN}, 403),
    ],
)
def test_labels_that_are_refused(api: Api, changed: dict[str, object], status: int) -> None:
    body = {"task": TASK, "subject_id": 1, "label": "blue", "source": "correction"} | changed
    assert api("ml:write").post("/api/v1/ml/feedback/", body).status_code == status
    assert api("ml:read").post("/api/v1/ml/feedback/", body).status_code == 403
