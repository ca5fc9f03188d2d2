"""Questions to models by REST: stored by the web process, answered by a worker, read by who asked, forgotten in a day."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from ml import tasks
from ml.models import ModelVersion, PredictionRequest
from ml.registry import ml_tasks
from ml.services.ask_model import RATE
from ml.serving import circuit, loading
from tests.ml.monitoring.test_watching import HIDDEN, TASK, ColoursTask, promoted

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
ASK = f"/api/v1/ml/predict/{TASK}/"


class ReadingTask(ColoursTask):
    """The same about texts."""

    reads_text = True


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})
    circuit.reset()
    with ml_tasks.temporarily(ReadingTask):
        yield


@pytest.fixture
def version() -> ModelVersion:
    """A champion that says red."""
    return promoted()


def test_a_question_is_answered_by_a_worker_and_its_text_is_forgotten(
    version: ModelVersion, api: Api
) -> None:
    client = api("ml:read")
    asked = client.post(ASK, {"text": "Where is my parcel?"})
    assert (asked.status_code, asked.json()["state"], asked.json()["label"]) == (202, "waiting", "")
    tasks.answer_requests()
    told = client.get(f"/api/v1/ml/prediction-requests/{asked.json()['id']}/").json()
    assert (told["state"], told["label"], told["probability"]) == ("answered", "red", 0.9)
    assert (told["answered_by"], told["version_id"]) == (version.label, version.pk)
    assert not PredictionRequest.objects.exclude(text="").exists()
    PredictionRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    tasks.forget_old_predictions()
    assert not PredictionRequest.objects.exists()


def test_without_a_model_the_rules_answer_and_may_know_nothing(api: Api) -> None:
    client = api("ml:read")
    number = client.post(ASK, {"text": "Where is my parcel?"}).json()["id"]
    tasks.answer_requests()
    told = client.get(f"/api/v1/ml/prediction-requests/{number}/").json()
    assert (told["state"], told["label"], told["abstained"], told["version_id"]) == (
        "answered",
        "",
        True,
        None,
    )


def test_a_stored_subject_is_asked_about_by_who_may_see_it(version: ModelVersion, api: Api) -> None:
    client = api("ml:read")
    assert client.post(ASK, {"subject_id": 3}).status_code == 202
    assert client.post(ASK, {"subject_id": HIDDEN}).status_code == 403
    tasks.answer_requests()
    assert PredictionRequest.objects.get().label == "red"


def test_nobody_reads_the_question_of_somebody_else(version: ModelVersion, api: Api) -> None:
    number = api("ml:read").post(ASK, {"text": "mine"}).json()["id"]
    assert api("ml:read").get(f"/api/v1/ml/prediction-requests/{number}/").status_code == 404
    assert api("tickets:read").post(ASK, {"text": "x"}).status_code == 403


def test_a_question_has_one_content_and_a_known_task(api: Api) -> None:
    client = api("ml:read")
    assert client.post(ASK, {}).status_code == 400
    assert client.post(ASK, {"text": "x", "subject_id": 1}).status_code == 400
    assert client.post("/api/v1/ml/predict/absent/", {"text": "x"}).status_code == 404
    with ml_tasks.temporarily(Blind):
        refused = client.post(f"/api/v1/ml/predict/{Blind.key}/", {"text": "x"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["text"])


def test_each_asker_has_so_many_questions_a_minute(api: Api) -> None:
    client = api("ml:read")
    client.post(ASK, {"text": "x"})
    first = PredictionRequest.objects.get()
    PredictionRequest.objects.bulk_create(
        PredictionRequest(task=TASK, text="x", api_key_id=first.api_key_id) for _ in range(RATE - 1)
    )
    refused = client.post(ASK, {"text": "x"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert api("ml:read").post(ASK, {"text": "x"}).status_code == 202
    PredictionRequest.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert client.post(ASK, {"text": "x"}).status_code == 202


class Blind(ColoursTask):
    """Reads no text."""

    key = "test-blind"
