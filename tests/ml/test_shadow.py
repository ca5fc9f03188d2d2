"""The shadow beside the one in service: the same subjects, blind labels alone decide, subjects stay private."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from rest_framework.test import APIClient

from ml.artefacts import Artefact
from ml.models import Feedback, ModelAlias, ModelVersion, ShadowPrediction
from ml.registry import ml_tasks
from people.models import User
from tests.ml.monitoring.test_watching import HIDDEN, TASK, ColoursTask, promoted, store
from tests.ml.versions import version_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _task() -> Iterator[None]:
    with ml_tasks.temporarily(ColoursTask):
        yield


def tried() -> ModelVersion:
    shadow = version_of(TASK, Artefact(metadata={"model": {}}))
    ModelAlias.objects.create(task=TASK, name="shadow", version=shadow)
    return shadow


def told(shadow: ModelVersion, answers: dict[int, str]) -> None:
    ShadowPrediction.objects.bulk_create(
        ShadowPrediction(
            task=TASK, subject_kind="ticket", subject_id=pk, version=shadow, label=label, probability=0.7
        )
        for pk, label in answers.items()
    )


def labelled(source: str, answers: dict[int, str]) -> None:
    Feedback.objects.bulk_create(
        Feedback(task=TASK, subject_kind="ticket", subject_id=pk, label=label, source=source)
        for pk, label in answers.items()
    )


def test_both_are_compared_on_the_same_subjects_by_blind_labels(api: Callable[..., APIClient]) -> None:
    client, address = api("ml:read"), f"/api/v1/ml/tasks/{TASK}/shadow/"
    assert client.get(address).status_code == 404
    former = promoted()
    store(former, [1_000])
    live = promoted()
    shadow = tried()
    assert client.get(address).json()["p_value"] is None
    store(live, range(1, 41))
    told(shadow, {pk: "blue" if pk <= 10 else "red" for pk in range(1, 51)} | {1_000: "blue"})
    labelled("correction", {9: "red", 10: "red"})
    labelled("blind_audit", dict.fromkeys(range(1, 7), "blue") | {7: "red", 20: "red"})
    labelled("qa", {7: "blue"})
    found = client.get(address).json()
    assert (found["shadow"], found["live"]) == (shadow.label, live.label)
    assert (found["rows"], found["agree"], found["agreement"]) == (40, 30, 0.75)
    assert (found["labelled"], found["won"], found["lost"]) == (8, 7, 0)
    assert found["p_value"] < 0.05
    assert [row["subject_id"] for row in found["disagreements"]] == list(range(10, 0, -1))
    assert found["disagreements"][3]["truth"] == "blue"
    assert api("tickets:read").get(address).status_code == 403


def test_the_page_shows_disagreements_to_who_may_see_their_subjects(
    analyst: User,
    agent: User,
    login: Callable[[User], Client],
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    address, browser = f"/models/{TASK}/shadow/", login(analyst)
    assert "Nothing is tried" in browser.get(address).content.decode()
    live, shadow = promoted(), tried()
    store(live, [1, 2, HIDDEN])
    told(shadow, {1: "blue", 2: "red", HIDDEN: "blue"})
    with django_assert_max_num_queries(20):
        page = browser.get(address).content.decode()
    assert "33.3" in page
    assert "No. 1" in page
    assert f"No. {HIDDEN}" not in page
    assert "1 more that you may not see" in page
    assert address in browser.get(f"/models/{TASK}/").content.decode()
    assert login(agent).get(address).status_code == 403
