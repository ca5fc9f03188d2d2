"""Golden cases: kept from a subject or a text, changed, retired, and who may; what they say is erased with the subject."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from rest_framework.test import APIClient

from core.models import Event
from ml.models import GoldenCase
from ml.registry import ml_tasks
from people.models import User
from tests.ml.monitoring.test_watching import HIDDEN, ColoursTask

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
Login = Callable[[User], Client]
CASES = "/api/v1/ml/golden-cases/"


class GoldenColours(ColoursTask):
    """Reads texts."""

    key = "test-golden"
    title = "Colours"
    reads_text = True


@pytest.fixture(autouse=True)
def _task() -> Iterator[None]:
    with ml_tasks.temporarily(GoldenColours):
        yield


def body(**fields: object) -> dict[str, object]:
    return {"task": GoldenColours.key, "label": "red"} | fields


def test_a_subject_is_one_case_whose_text_is_copied_and_not_told(api: Api) -> None:
    client = api("ml:read", "ml:write")
    first = client.post(CASES, body(subject_id=4, reason="came twice"))
    again = client.post(CASES, body(subject_id=4, label="blue"))
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert (again.json()["label"], again.json()["text"]) == ("blue", "")
    case = GoldenCase.objects.get()
    assert (case.text, case.subject_kind, case.label) == ("text", "ticket", "blue")
    assert Event.objects.filter(verb="ml.golden_case_kept", subject_id=case.pk).count() == 2


def test_a_case_is_changed_and_retired_by_rest(api: Api) -> None:
    client = api("ml:read", "ml:write")
    number = client.post(CASES, body(text="A red thing")).json()["id"]
    assert client.patch(f"{CASES}{number}/", {"label": "blue"}).json()["label"] == "blue"
    assert client.patch(f"{CASES}{number}/", {"label": "green"}).status_code == 400
    assert client.post(f"{CASES}{number}/retire/").json()["retired_at"] is not None
    assert GoldenCase.objects.get().text == ""
    assert client.post(f"{CASES}{number}/retire/").status_code == 400
    assert client.patch(f"{CASES}{number}/", {"label": "red"}).status_code == 400
    assert not GoldenCase.objects.in_force(GoldenColours.key).exists()
    # What was retired may be kept anew.
    assert client.post(CASES, body(subject_id=4)).status_code == 201


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"text": "x", "subject_id": 1}, 400),
        ({"text": "x", "label": "green"}, 400),
        ({"text": "x", "task": "absent"}, 400),
        ({"subject_id": HIDDEN}, 403),
    ],
)
def test_cases_that_are_refused(api: Api, fields: dict[str, object], status: int) -> None:
    assert api("ml:write").post(CASES, body(**fields)).status_code == status
    assert api("ml:read").post(CASES, body(**fields)).status_code == 403
    assert not GoldenCase.objects.exists()


def test_the_page_keeps_changes_and_retires(login: Login, lead_user: User, analyst: User) -> None:
    address = f"/models/{GoldenColours.key}/golden/"
    browser = login(lead_user)
    assert browser.post(address, {"text": "A red thing", "label": "red"}).status_code == 302
    assert browser.post(address, {"text": "A red thing", "label": "green"}).status_code == 422
    case = GoldenCase.objects.get()
    page = browser.get(address).content.decode()
    assert "A red thing" in page
    assert "Retire" in page
    looking = login(analyst)
    assert "Retire" not in looking.get(address).content.decode()
    for path in ("", f"{case.pk}/", f"{case.pk}/retire/"):
        assert looking.post(address + path, {"text": "x", "label": "red"}).status_code == 403
    assert 'value="red"' in browser.get(f"{address}{case.pk}/").content.decode()
    browser.post(f"{address}{case.pk}/", {"label": "blue", "reason": "dyed"})
    case.refresh_from_db()
    assert (case.label, case.reason) == ("blue", "dyed")
    browser.post(f"{address}{case.pk}/retire/")
    assert "A red thing" not in browser.get(address).content.decode()
    assert browser.get(f"{address}{case.pk}/").status_code == 404


def test_the_page_shows_a_subject_to_who_may_see_it(login: Login, analyst: User) -> None:
    for subject in (4, HIDDEN):
        GoldenCase.objects.create(
            task=GoldenColours.key, subject_kind="ticket", subject_id=subject, text="secret", label="red"
        )
    page = login(analyst).get(f"/models/{GoldenColours.key}/golden/").content.decode()
    assert "No. 4" in page
    assert f"No. {HIDDEN}" not in page
    assert "secret" not in page
