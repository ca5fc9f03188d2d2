"""Models by REST and by the clock: cards, lineage, the steps of a life, what is due, and damaged files."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.models import Notification
from ml import tasks
from ml.lineage import lineage_of_prediction
from ml.models import (
    DatasetSnapshot,
    DriftWindow,
    Feedback,
    GateResult,
    ModelAlias,
    ModelVersion,
    Prediction,
    TrainingRun,
)
from ml.registry import Example, TextTask, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import promote_version
from ml.services.start_training import start_training
from people.models import User
from people.viewer import system_viewer
from tests.conftest import PASSWORD
from tests.ml.fakes import text_examples

pytestmark = pytest.mark.django_db
BY = system_viewer("command")
State = TrainingRun.State


class Topics(TextTask):
    """Invented tickets."""

    key = "test-api"
    title = "Topics"
    purpose = "Names the topic."
    limits = "Knows three."

    def rows(self) -> Iterable[Example]:
        return text_examples()


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: None)
    with ml_tasks.temporarily(Topics):
        yield


@pytest.fixture
def version() -> ModelVersion:
    """A first version in service."""
    run = start_training(task=Topics.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    carry_out_run(run_id=run.pk, by=BY)
    version = ModelVersion.objects.get(run=run)
    promote_version(version=version, by=BY, reason="first")
    return version


def candidate(number: int, **fields: Any) -> ModelVersion:
    version = ModelVersion.objects.create(
        task=Topics.key, number=number, kind="k", digest=f"d{number}", **fields
    )
    GateResult.objects.create(version=version, gate="golden", state="skipped")
    return version


def at_the_desk(user: User) -> Client:
    client = Client()
    assert client.login(username=user.email, password=PASSWORD)
    return client


def post(client: Any, address: str, **body: Any) -> Any:
    return client.post(f"/api/v1/ml/{address}", body, content_type="application/json")


def test_an_answer_is_followed_back_in_two_queries(
    version: ModelVersion, django_assert_num_queries: Any, api: Callable[..., APIClient]
) -> None:
    prediction = Prediction.objects.create(
        task=Topics.key, subject_kind="ticket", subject_id=3, version=version, source=version.label,
        label="billing", probability=0.9,
    )  # fmt: skip
    with django_assert_num_queries(2):
        found = lineage_of_prediction(prediction.pk, BY)
        assert found.run is not None
        assert found.snapshot is not None
        assert (found.version, found.snapshot.rows, len(found.run.code_digest)) == (version, 120, 64)
    assert (found.service and found.service.kind, found.approval) == ("first", None)
    told = api("ml:read").get(f"/api/v1/ml/lineage/predictions/{prediction.pk}/").json()
    assert (told["version"]["name"], told["snapshot"]["digest"]) == (version.label, found.snapshot.digest)
    assert told["service"]["kind"] == "first"
    rules = Prediction.objects.create(
        task=Topics.key, subject_kind="ticket", subject_id=4, source="cold-start", label="x", probability=0.5
    )
    assert api("ml:read").get(f"/api/v1/ml/lineage/predictions/{rules.pk}/").json()["version"] is None
    assert api("ml:read").get("/api/v1/ml/lineage/predictions/999999/").status_code == 404


def test_the_card_says_what_the_rows_say(version: ModelVersion, api: Callable[..., APIClient]) -> None:
    DatasetSnapshot.objects.update(erased_rows=2)
    card = api("ml:read").get(f"/api/v1/ml/versions/{version.pk}/card/").json()["markdown"]
    for line in (
        f"# Topics: {version.label}",
        "Limits: Knows three.",
        "access 40, billing 40, delivery 40",
        "Trained on 2 rows that have been erased since.",
        f"| accuracy | {version.metrics['accuracy']:.4f} | {version.baseline_metrics['accuracy']:.4f} |",
        "| channel email |",
        "| better_than_baseline | passed |",
        "as the first version, without a second person",
    ):
        assert line in card
    assert not any(example.text in card for example in text_examples())


def test_the_lists_of_a_life(version: ModelVersion, api: Callable[..., APIClient], agent: User) -> None:
    client = api("ml:read")
    [task] = [one for one in client.get("/api/v1/ml/tasks/").json() if one["key"] == Topics.key]
    assert task["aliases"][0]["version"] == version.label
    for name, key in (
        ("runs", "task"),
        ("versions", "task"),
        ("snapshots", "task"),
        ("alias-changes", "task"),
    ):
        [row] = client.get(f"/api/v1/ml/{name}/?{key}={Topics.key}").json()["results"]
        assert row["task"] == Topics.key
        assert client.get(f"/api/v1/ml/{name}/?task=other").json()["results"] == []
    assert client.get("/api/v1/ml/versions/?stage=nonsense").status_code == 400
    assert (
        client.get(f"/api/v1/ml/versions/{version.pk}/").json()["gates"][0]["gate"] == "better_than_baseline"
    )
    assert client.get(f"/api/v1/ml/runs/{version.run_id}/").json()["version_id"] == version.pk
    assert at_the_desk(agent).get("/api/v1/ml/versions/").status_code == 403


def test_training_is_asked_for_and_repeated(version: ModelVersion, api: Callable[..., APIClient]) -> None:
    client = api("ml:write")
    answer = client.post("/api/v1/ml/runs/", {"task": Topics.key}, format="json")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert client.post("/api/v1/ml/runs/", {"task": "absent"}, format="json").json()["errors"]["task"]
    assert api("ml:read").post("/api/v1/ml/runs/", {"task": Topics.key}, format="json").status_code == 403
    TrainingRun.objects.filter(state=State.QUEUED).update(state=State.CANCELLED)
    answer = client.post(f"/api/v1/ml/runs/{version.run_id}/repeat/")
    assert (answer.status_code, answer.json()["repeats_id"]) == (202, version.run_id)


def test_two_people_let_a_version_serve_and_one_takes_it_back(
    version: ModelVersion, admin: User, lead_user: User, api: Callable[..., APIClient]
) -> None:
    second = candidate(2)
    boss, lead = at_the_desk(admin), at_the_desk(lead_user)
    here = f"versions/{second.pk}"
    assert post(boss, f"{here}/promote/").status_code == 400
    assert "reason" in post(boss, f"{here}/propose/").json()["errors"]
    assert post(boss, f"{here}/propose/", reason="newer tickets", checklist=["slices"]).status_code == 201
    assert post(boss, f"{here}/approve/").status_code == 403  # one's own
    key = api("ml:write", "ml:read")
    assert key.post(f"/api/v1/ml/{here}/approve/", {}, format="json").status_code in {401, 403}
    assert post(lead, f"{here}/approve/", comment="fine").json()["stage"] == "approved"
    assert post(lead, f"{here}/promote/").status_code == 403  # approving is not promoting
    assert key.post(f"/api/v1/ml/{here}/promote/", {}, format="json").json()["version"] == second.label
    change = post(boss, f"tasks/{Topics.key}/rollback/", reason="wrong teams").json()
    assert (change["from_version"], change["to_version"]) == (second.label, version.label)
    assert post(boss, "tasks/absent/rollback/", reason="x").status_code == 404
    assert post(boss, f"{here}/retire/", reason="learned from spam").json()["stage"] == "retired"
    assert post(boss, f"{here}/promote/").status_code == 400
    third = candidate(3)
    assert post(boss, f"versions/{third.pk}/propose/", reason="again").status_code == 201
    assert post(lead, f"versions/{third.pk}/reject/", comment="no").json()["stage"] == "rejected"


def test_a_trial_by_rest(admin: User) -> None:
    boss, version = at_the_desk(admin), candidate(1)
    assert post(boss, f"versions/{version.pk}/trial/", name="canary").status_code == 400
    assert post(boss, f"versions/{version.pk}/trial/", name="shadow", share=100).json()["share"] == 100
    assert boss.delete(f"/api/v1/ml/tasks/{Topics.key}/trials/shadow/").status_code == 204
    assert boss.delete(f"/api/v1/ml/tasks/{Topics.key}/trials/shadow/").status_code == 404


def test_trainings_start_when_due(version: ModelVersion) -> None:
    def due() -> list[str]:
        before = set(TrainingRun.objects.values_list("pk", flat=True))
        tasks.start_due_trainings()
        found = TrainingRun.objects.exclude(pk__in=before)
        triggers = [run.trigger for run in found]
        found.update(state=State.REFUSED)
        return triggers

    def later(**age: int) -> None:
        TrainingRun.objects.update(created_at=timezone.now() - timedelta(**age))

    assert due() == []
    later(days=29)
    assert due() == []
    Feedback.objects.bulk_create(
        Feedback(task=Topics.key, subject_kind="ticket", subject_id=n, label="a", source="correction")
        for n in range(500)
    )
    assert due() == ["labels"]
    assert due() == []  # the refused one is of today
    later(days=2)
    assert due() == ["labels"]
    Feedback.objects.all().delete()
    later(days=31)
    assert due() == ["schedule"]
    TrainingRun.objects.filter(version=None).delete()
    TrainingRun.objects.update(state=State.REFUSED)
    assert due() == []  # the first training is for people to start


@pytest.mark.parametrize("cause", ["drift", "gone", "new"])
def test_drift_and_other_classes_start_a_training_once_a_week(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch, cause: str, api: Callable[..., APIClient]
) -> None:
    def later(**age: int) -> None:
        TrainingRun.objects.update(created_at=timezone.now() - timedelta(**age))

    classes = {"gone": ("access", "billing"), "new": ("access", "billing", "delivery", "returns")}
    usual = ("access", "billing", "delivery")
    monkeypatch.setattr(Topics, "choices", lambda _task: classes.get(cause, usual))
    later(days=2)
    now = timezone.now()
    if cause == "drift":
        window = DriftWindow.objects.create(
            task=Topics.key, version=version, number=1, item="words", test="ks", rows=250, reference_rows=500,
            statistic=1, effect=1, p_value=0, p_adjusted=0, verdict="watch", first_prediction=1, last_prediction=2,
            starts_at=now, ends_at=now,
        )  # fmt: skip
        tasks.start_due_trainings()
        assert TrainingRun.objects.count() == 1
        DriftWindow.objects.filter(pk=window.pk).update(verdict="alarm")
    if cause == "new":
        Feedback.objects.bulk_create(
            Feedback(
                task=Topics.key, subject_kind="ticket", subject_id=n, label="returns", source="correction"
            )
            for n in range(29)
        )
        tasks.start_due_trainings()
        assert TrainingRun.objects.count() == 1
        told = api("ml:read").get(f"/api/v1/ml/tasks/{Topics.key}/quality/").json()
        assert told["classes_to_label"] == [{"label": "returns", "rows": 29, "needed": 30}]
        Feedback.objects.create(
            task=Topics.key, subject_kind="ticket", subject_id=99, label="returns", source="correction"
        )
    tasks.start_due_trainings()
    run = TrainingRun.objects.exclude(version=version).get()
    assert run.trigger == ("drift" if cause == "drift" else "label_set")
    TrainingRun.objects.filter(pk=run.pk).update(
        state=State.FAILED, created_at=timezone.now() - timedelta(days=2)
    )
    tasks.start_due_trainings()
    assert TrainingRun.objects.count() == 2
    later(days=8)
    tasks.start_due_trainings()
    assert TrainingRun.objects.count() == 3


def test_damaged_files_are_found_and_told_of_once(version: ModelVersion, admin: User, agent: User) -> None:
    folder = Path(settings.MODEL_DIR)
    tasks.verify_artefacts()
    version.refresh_from_db()
    assert (version.defect, version.verified_at is not None) == ("", True)
    (folder / version.path / "metadata.json").write_text("{}")
    for _day in range(2):
        tasks.verify_artefacts()
    version.refresh_from_db()
    assert "metadata.json was changed" in version.defect
    told = Notification.objects.get()
    assert (told.user, version.label in told.text) == (admin, True)
    assert ModelAlias.objects.filter(version=version).exists()
