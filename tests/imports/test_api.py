"""Imports by REST: upload, mapping, dry run, run, errors by row, undo; repeated requests, and who may not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from core.models import IdempotencyRecord
from customers.models import Account
from imports.models import Import
from imports.models.run import new_reference
from imports.services.upload_import import upload_import
from people.models import User
from people.roles import SCOPES
from tests.conftest import make_user
from tickets.models import Inbox

IMPORTS = "/api/v1/imports/"
CUSTOMERS = (
    b"Id;Company;Plan;Mascot\r\na1;Northwind;enterprise;owl\r\na2;Lakeside;gold;\r\na3;Brightway;Starter;\r\n"
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def mover(api: Callable[..., APIClient]) -> APIClient:
    """The client of a program that moves another system's data here."""
    return api("imports:manage")


def send(
    mover: APIClient, content: bytes = CUSTOMERS, headers: dict[str, str] | None = None, **more: Any
) -> Any:
    """Upload a table of customers."""
    form = {
        "source": "csv",
        "table": "account",
        "uploads": SimpleUploadedFile("customers.csv", content),
        **more,
    }
    return mover.post(IMPORTS, form, format="multipart", headers=headers or {})


def test_from_the_upload_to_the_undo(mover: APIClient, work: Callable[[], None], csm: User) -> None:
    sent = send(mover)
    assert (sent.status_code, sent.data["state"], sent.data["busy"]) == (201, "uploaded", True)
    assert sent.data["files"] == [{"name": "customers.csv", "size": len(CUSTOMERS)}]
    here = f"{IMPORTS}{sent.data['id']}/"
    assert mover.get(f"{here}mapping/").data == {"sections": []}
    early = mover.post(f"{here}start/")
    assert (early.status_code, early.data["code"]) == (409, "conflict")
    work()
    read = mover.get(here).data
    assert (read["state"], read["busy"], read["found"]) == ("read", False, {"account": 3})
    [columns] = [one for one in mover.get(f"{here}mapping/").data["sections"] if one["key"] == "column"]
    assert {one["theirs"]: one["chosen"] for one in columns["choices"]} == {
        "Id": "external_id", "Company": "name", "Plan": "tier", "Mascot": "",
    }  # fmt: skip
    assert {"", "name", "tier", "external_id"} <= {one["value"] for one in columns["options"]}
    wrong = mover.put(f"{here}mapping/", {"mapping": {"column": {"Mascot": "nonsense"}}})
    assert (wrong.status_code, list(wrong.data["errors"])) == (400, ["column"])
    assert mover.put(f"{here}mapping/", {"mapping": {"column": {"Mascot": ""}}}).status_code == 200
    assert mover.post(f"{here}check/").status_code == 202
    work()
    assert mover.get(here).data["counts"] == {"account": {"waiting": 2, "refused": 1}}
    [problem] = mover.get(f"{here}rows/", {"problems": "true"}).data["results"]
    assert (problem["line"], problem["outcome"], problem["object_id"]) == (3, "", None)
    assert "gold" in problem["error"]
    assert problem["data"]["cells"]["Company"] == "Lakeside"
    assert not Account.objects.filter(external_id="a1").exists()
    started = mover.post(f"{here}start/")
    assert (started.status_code, started.data["state"]) == (202, "running")
    work()
    done = mover.get(here).data
    assert (done["state"], done["counts"]) == ("done", {"account": {"created": 2, "refused": 1}})
    created = mover.get(f"{here}rows/", {"outcome": "created"}).data["results"]
    assert {one["object_id"] for one in created} == set(Account.objects.values_list("pk", flat=True))
    Account.objects.filter(external_id="a3").update(name="Touched")
    assert mover.post(f"{here}undo/").status_code == 202
    work()
    undone = mover.get(here).data
    assert undone["state"] == "undone"
    left = set(Account.objects.values_list("pk", flat=True))
    assert {one["id"] for one in undone["left"]} == left
    assert mover.delete(here).status_code == 204
    assert mover.get(here).status_code == 404


def test_an_upload_that_is_repeated_is_one(mover: APIClient, work: Callable[[], None]) -> None:
    key = {"Idempotency-Key": "move-1"}
    first = send(mover, headers=key)
    again = send(mover, headers=key)
    assert (again.status_code, again.data["id"], again["Idempotent-Replayed"]) == (
        201,
        first.data["id"],
        "true",
    )
    other = send(mover, content=b"Id;Company\r\nb1;Other\r\n", headers=key)
    assert other.status_code == 409
    assert Import.objects.count() == 1


def stored_files() -> list[Path]:
    """What the storage holds of imports."""
    return [one for one in (Path(settings.MEDIA_ROOT) / "imports").rglob("*") if one.is_file()]


def test_an_upload_that_is_overtaken_leaves_no_files(
    mover: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken() -> str:
        # The other request was here between the claim of this one and its row.
        IdempotencyRecord.objects.update(body={"import": 1})
        return new_reference()

    monkeypatch.setattr("imports.services.upload_import.new_reference", overtaken)
    late = send(mover, headers={"Idempotency-Key": "move-1"})
    assert (late.status_code, Import.objects.count(), stored_files()) == (409, 0, [])
    monkeypatch.undo()
    assert send(mover).status_code == 201
    assert len(stored_files()) == 1


def test_an_upload_that_fails_halfway_leaves_no_files(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileSystemStorage.save

    def full(storage: FileSystemStorage, name: str, content: Any) -> str:
        store(storage, name, content)
        if name.endswith("/1"):
            raise OSError("no space left")
        return name

    monkeypatch.setattr(FileSystemStorage, "save", full)
    two = [SimpleUploadedFile("a.csv", CUSTOMERS), SimpleUploadedFile("b.csv", CUSTOMERS)]
    with pytest.raises(OSError, match="no space"):
        upload_import(source="csv", table="account", uploads=two, by=admin.as_viewer())
    assert (Import.objects.count(), stored_files()) == (0, [])


def test_it_is_stopped_and_goes_on(mover: APIClient, work: Callable[[], None]) -> None:
    here = f"{IMPORTS}{send(mover).data['id']}/"
    assert mover.delete(here).status_code == 409
    assert mover.post(f"{here}stop/").status_code == 202
    assert mover.post(f"{here}stop/").status_code == 409
    assert mover.get(here).data["stopped"] is True
    assert mover.post(f"{here}resume/").status_code == 202
    work()
    assert mover.get(here).data["state"] == "read"
    assert mover.post(f"{here}resume/").status_code == 409
    assert mover.post(f"{here}undo/").status_code == 409


def test_numbers_are_kept_unless_the_form_says_no(mover: APIClient, inbox: Inbox) -> None:
    send(mover, inbox=inbox.pk)
    send(mover, keep_numbers="false")
    told = [one.options for one in Import.objects.order_by("pk")]
    assert [(one["inbox"], one["keep_numbers"]) for one in told] == [(inbox.pk, True), (None, False)]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"source": "lotus"}, "source"),
        ({"table": "plants"}, "table"),
        ({"table": ""}, "table"),
        ({"source": "mail"}, "inbox"),
        ({"inbox": 99}, "inbox"),
        ({"uploads": ""}, "uploads"),
        ({"uploads": SimpleUploadedFile("empty.csv", b"")}, "uploads"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_uploads_that_are_none_are_refused(mover: APIClient, changed: dict[str, Any], field: str) -> None:
    answer = send(mover, **changed)
    assert (answer.status_code, list(answer.data["errors"])) == (400, [field]), answer.data
    assert not Import.objects.exists()


def test_only_who_may_import_sees_imports(
    mover: APIClient,
    admin: User,
    lead_user: User,
    login: Callable[[User], Client],
    api: Callable[..., APIClient],
) -> None:
    here = f"{IMPORTS}{send(mover).data['id']}/"
    assert login(admin).get(here).status_code == 200
    others = api(*(set(SCOPES) - {"imports:manage"}))
    for client in (others, login(lead_user), login(make_user("analyst", "Nell"))):
        assert client.get(IMPORTS).status_code == 403
        assert client.get(here).status_code == 403
        assert client.post(f"{here}undo/").status_code == 403
        assert client.post(IMPORTS, {}).status_code == 403
