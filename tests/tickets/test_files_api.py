"""Files over REST: they come in with a message, and go out as downloads to who may see the ticket."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from people.models import Team
from tickets.models import Attachment, Message, StoredFile, Ticket

Api = Callable[..., APIClient]
PDF = b"%PDF-1.4 invoice"


def part(name: str = "invoice.pdf", content: bytes = PDF) -> io.BytesIO:
    """A file as a client sends it."""
    file = io.BytesIO(content)
    file.name = name
    return file


@pytest.fixture
def rest(api: Api) -> APIClient:
    """A client that may read and write tickets."""
    return api("tickets:read", "tickets:write")


@pytest.mark.parametrize("kind", ["inbound", "outbound", "note"])
def test_a_message_brings_its_files(rest: APIClient, ticket: Ticket, kind: str) -> None:
    sent = {"kind": kind, "body": "See the files.", "files": [part(), part("notes.txt", b"hello")]}
    made = rest.post(f"/api/v1/tickets/{ticket.pk}/messages/", sent, format="multipart")
    assert made.status_code == 201, made.data
    names = [(one["name"], one["size"]) for one in made.data["attachments"]]
    assert names == [("invoice.pdf", len(PDF)), ("notes.txt", 5)]
    address = made.data["attachments"][0]["file"]
    answer = rest.get(address)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert rest.get(address.removesuffix("file/")).data["name"] == "invoice.pdf"


def test_a_ticket_is_opened_with_a_file(rest: APIClient, inbox: Any) -> None:
    sent = {
        "subject": "Charged twice", "body": "See the invoice.", "contact.email": "jo@acme.example",
        "contact.name": "Jo", "tags": ["billing", "refund"], "files": part(),
    }  # fmt: skip
    headers = {"Idempotency-Key": "one"}
    made = rest.post("/api/v1/tickets/", sent, format="multipart", headers=headers)
    assert (made.status_code, made.data["tags"]) == (201, ["billing", "refund"])
    again = rest.post("/api/v1/tickets/", sent | {"files": part()}, format="multipart", headers=headers)
    assert (again.status_code, again.data["id"], again["Idempotent-Replayed"]) == (
        201,
        made.data["id"],
        "true",
    )
    other = sent | {"files": part(content=b"another invoice!")}
    assert rest.post("/api/v1/tickets/", other, format="multipart", headers=headers).status_code == 409
    assert (Attachment.objects.count(), Ticket.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"files": part("virus.exe")}, "files"),
        ({"files": "text"}, "files"),
        ({"colour": "red"}, "colour"),
        ({"kind": ""}, "kind"),
    ],
)
def test_what_is_refused_is_named(rest: APIClient, ticket: Ticket, change: Any, field: str) -> None:
    sent = {"kind": "note", "body": "x", **change}
    answer = rest.post(f"/api/v1/tickets/{ticket.pk}/messages/", sent, format="multipart")
    assert (answer.status_code, list(answer.data["errors"])) == (400, [field])
    assert Message.objects.count() == 1


def test_files_are_for_who_sees_the_ticket(
    api: Api, rest: APIClient, login: Any, ticket: Ticket, agent: Any, private_team: Team
) -> None:
    sent = {"kind": "note", "body": "x", "files": part()}
    made = rest.post(f"/api/v1/tickets/{ticket.pk}/messages/", sent, format="multipart")
    address = made.data["attachments"][0]["file"]
    assert api("accounts:read").get(address).status_code == 403
    assert login(agent).get(address).status_code == 200
    Ticket.objects.update(team=private_team)
    assert login(agent).get(address).status_code == 404
    StoredFile.objects.update(scan="infected", signature="Eicar")
    held = rest.get(address, headers={"Accept": "application/pdf"})
    assert (held.status_code, "Eicar" in held.json()["detail"]) == (403, True)
