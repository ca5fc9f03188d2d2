"""Everything about a person, handed out and erased, across the apps."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event
from customers.models import Contact, ContactErasure, ContactExport, ContactIdentity, UsageEvent
from customers.services.erase_contact import erase_contact
from customers.services.export_contact import delete_expired_exports, request_export
from customers.services.merge_contacts import merge_contacts
from customers.services.save_contact import add_identity, update_contact
from integrations.models import WebhookDelivery, WebhookEndpoint
from ml.models import AuditItem, GoldenCase, ModelVersion, Prediction, ShadowPrediction, SubjectVector
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Attachment, Draft, Inbox, MailLedger, Message, Ticket, TicketExport
from tickets.search import search_tickets
from tickets.services.add_note import add_note
from tickets.services.receive_message import Received, receive_message
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_draft import add_draft_file
from tickets.stored_files import read_file, store_file

SECRET = "My garden is full of zebras"


def write(
    text: str,
    inbox: Inbox,
    ticket: Ticket | None = None,
    sender: str = "mette@halden.example",
    subject: str = "Zebras",
    **more: Any,
) -> Received:
    """A customer's message."""
    incoming = IncomingMessage(channel="email", sender=sender, text=text, subject=subject, **more)
    return receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox, ticket=ticket)


@pytest.fixture
def case(inbox: Inbox, contact: Contact, agent: User) -> Ticket:
    """A ticket of the person with a file, a raw mail, an answer, a note; and a message on a colleague's ticket."""
    received = write(
        SECRET,
        inbox,
        external_id="<z1@halden.example>",
        files=[IncomingFile("zebra.txt", b"stripes", "text/plain")],
    )
    sha256, key = store_file(b"raw mail about zebras")
    MailLedger.objects.create(
        inbox=inbox,
        sha256=sha256,
        storage_key=key,
        size=21,
        received_at=timezone.now(),
        subject="Zebras",
        sender="mette@halden.example",
        ticket=received.ticket,
        message=received.message,
        state="ticket",
    )
    by = agent.as_viewer()
    reply_to_ticket(ticket=received.ticket, body="Dear Mette, zebras are fine", by=by)
    add_note(ticket=received.ticket, body="Mette again", by=by)
    other = write(
        "Something of mine",
        inbox,
        sender="jo@halden.example",
        subject="Mine",
        recipients={
            "cc": [{"name": "Mette Aas", "address": "mette@halden.example"}, {"address": "k@x.example"}]
        },
    )
    write("I am here too, with zebras", inbox, other.ticket)
    UsageEvent.objects.create(
        source="app",
        message_id="1",
        kind="track",
        account=contact.account,
        contact=contact,
        user_key="mette@halden.example",
        occurred_at=timezone.now(),
        received_at=timezone.now(),
        payload={"name": "Mette Aas"},
    )
    endpoint = WebhookEndpoint.objects.create(name="Warehouse", url="https://hooks.example.com/")
    for number, event in enumerate(Event.objects.filter(verb="tickets.message_received")):
        is_of_person = Message.objects.filter(pk=event.subject_id, contact=contact).exists()
        WebhookDelivery.objects.create(
            endpoint=endpoint,
            event=event,
            event_type=event.verb,
            message_id=f"evt_{number}",
            excerpt="stored: zebras of Mette Aas" if is_of_person else "",
        )
    ticket: Ticket = received.ticket
    return ticket


def test_an_export_holds_everything_and_only_its_requester_gets_it(
    case: Ticket, contact: Contact, admin: User, login: Any, lead_user: User
) -> None:
    browser = login(admin)
    assert browser.post(f"/contacts/{contact.pk}/exports/").status_code == 302
    export = ContactExport.objects.get()
    address = f"/contacts/{contact.pk}/exports/{export.pk}/"
    assert browser.get(address).status_code == 404
    assert "is being made" in browser.get(f"/contacts/{contact.pk}/").content.decode()
    run_jobs("batch")
    assert address in browser.get(f"/contacts/{contact.pk}/exports/rows/").content.decode()
    response = browser.get(address)
    assert response["Content-Disposition"] == f'attachment; filename="contact-{contact.pk}.zip"'
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    data = json.loads(archive.read("data.json"))
    assert data["contact"]["addresses"][0]["value"] == "mette@halden.example"
    texts = [one["body_text"] for one in data["tickets"]["messages"]]
    assert texts == [SECRET, "Dear Mette, zebras are fine", "I am here too, with zebras"]
    assert "Mette again" not in archive.read("data.json").decode()
    assert [archive.read(name) for name in archive.namelist() if name.startswith("files/")] == [b"stripes"]
    assert str(case.number) not in json.dumps(data["tickets"]["tickets"])
    second = User.objects.create_user("second@desk.example", "x", name="Second", role="admin")
    assert login(second).get(address).status_code == 404
    assert login(lead_user).get(address).status_code == 403
    ContactExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.get(address).status_code == 404
    export.refresh_from_db()
    assert delete_expired_exports() == 1
    assert not default_storage.exists(export.storage_key)


def test_erasing_leaves_numbers_and_nothing_else(
    case: Ticket, contact: Contact, admin: User, api: Any, login: Any
) -> None:
    before = Ticket.objects.values_list("status_id", "inbound_count", "outbound_count", "created_at").get(
        pk=case.pk
    )
    attachment = Attachment.objects.get()
    mail = MailLedger.objects.get()
    request_export(contact=contact, by=admin.as_viewer())
    where = '{"field": "subject", "is": "contains", "value": "zebra"}'
    wanted = {"filters": {"where": where}}
    asked = api("tickets:read").post("/api/v1/exports/", wanted, format="json", HTTP_IDEMPOTENCY_KEY="z-1")
    assert asked.status_code == 202
    address = f"{reverse('inbox-export', args=['csv'])}?{urlencode({'view': 'open', 'where': where})}"
    assert login(admin).post(address).status_code == 200
    run_jobs("batch")
    TicketExport.objects.update(name="list-about-zebras")  # as from the label of a view
    assert search_tickets(admin.as_viewer(), "zebras").tickets
    digests = dict(Event.objects.values_list("pk", "detail_digest"))
    erase_contact(contact=contact, confirmation="mette  aas", by=admin.as_viewer(), reason="asked by letter")
    run_jobs("batch")
    contact.refresh_from_db()
    assert (str(contact), contact.erased_at is not None) == ("Erased person", True)
    assert not ContactIdentity.objects.filter(contact=contact).exists()
    after = Ticket.objects.values_list("status_id", "inbound_count", "outbound_count", "created_at")
    assert after.get(pk=case.pk) == before
    assert not everything_about(("zebra", "mette", "Mette"))
    assert not search_tickets(admin.as_viewer(), "zebras").tickets
    for key in (
        attachment.storage_key,
        mail.storage_key,
        ContactExport.objects.get().storage_key or "exports/x",
    ):
        assert not default_storage.exists(key)
    assert Message.objects.filter(body_text="Something of mine").exists()
    assert Message.objects.get(body_text="Something of mine").recipients == {
        "cc": [{"address": "k@x.example"}]
    }
    certificate = ContactErasure.objects.get()
    assert certificate.finished_at is not None
    assert certificate.counts["tickets"]["messages"] == 4
    assert certificate.counts["ticket_exports"] == {"exports": 1, "answers": 1}
    assert certificate.counts["contact"]["addresses"] == 1
    now = dict(Event.objects.filter(pk__in=digests).values_list("pk", "detail_digest"))
    assert now == digests
    assert Event.objects.filter(verb="customers.contact_erased").count() == 1


def everything_about(words: tuple[str, ...]) -> list[str]:
    """Every stored row that still holds one of the words, whatever table it is in."""
    from django.apps import apps

    left = []
    for model in apps.get_models():
        for row in model._base_manager.all().values():
            text = str(row)
            left += [f"{model.__name__} {row}" for word in words if word in text]
    return left


def test_a_file_that_somebody_else_is_about_to_send_stays(
    case: Ticket, contact: Contact, inbox: Inbox, agent: User, admin: User
) -> None:
    other = write("Where is the guide?", inbox, sender="kai@gmail.com").ticket
    for ticket, content in ((other, b"stripes"), (case, b"spots")):
        add_draft_file(
            ticket=ticket, kind="reply", name="guide.txt", content_type="text/plain", content=content,
            by=agent.as_viewer(),
        )  # fmt: skip
    spots = Draft.objects.get(ticket=case).files[0]["storage_key"]
    erase_contact(contact=contact, confirmation="mette aas", by=admin.as_viewer(), reason="asked by letter")
    run_jobs("batch")
    [kept] = Draft.objects.get().files
    assert read_file(kept["storage_key"]) == b"stripes"
    assert not default_storage.exists(spots)


def test_what_models_keep_of_a_person_is_erased(case: Ticket, contact: Contact, admin: User) -> None:
    """Vectors, what predictions tell of their input, open audit items, golden cases and questions; labels stay."""
    other = Ticket.objects.exclude(pk=case.pk).first()
    assert other is not None
    version = ModelVersion.objects.create(task="routing", number=1, kind="k", digest="d")
    subjects = [("ticket", case.pk), ("message", case.messages.order_by("pk")[0].pk), ("ticket", other.pk)]
    for kind, pk in subjects:
        about = {"task": "routing", "subject_kind": kind, "subject_id": pk}
        Prediction.objects.update_or_create(
            **about,
            defaults={"source": "v", "label": "Billing", "probability": 0.9, "reasons": [["zebra", 1.0]],
                      "facts": {"words": 3}, "input_digest": "f" * 64},
        )  # fmt: skip
        ShadowPrediction.objects.create(**about, version=version, label="Billing", probability=0.9)
        AuditItem.objects.create(
            **about, version=version, predicted_label="Billing", stratum="sure", inclusion_probability=0.5,
            day=timezone.now().date(),
        )  # fmt: skip
        GoldenCase.objects.create(**about, text="zebra", label="Billing")
        SubjectVector.objects.update_or_create(
            subject_kind=kind, subject_id=pk, encoder="e", defaults={"vector": b"00", "text_digest": "f" * 64}
        )
    erase_contact(contact=contact, confirmation="Mette Aas", by=admin.as_viewer())
    run_jobs("batch")

    def told(kind: str, pk: int) -> tuple[Any, ...]:
        about = {"subject_kind": kind, "subject_id": pk}
        said = Prediction.objects.get(**about, task="routing")
        return (
            said.label, said.reasons, said.facts, said.input_digest,
            ShadowPrediction.objects.filter(**about).exists(), AuditItem.objects.get(**about).state,
            GoldenCase.objects.filter(**about).exists(),
        )  # fmt: skip

    for kind, pk in subjects[:2]:
        assert told(kind, pk) == ("Billing", [], {}, "", False, "erased", False)
    assert told(*subjects[2])[1:] == ([["zebra", 1.0]], {"words": 3}, "f" * 64, True, "open", True)
    # The person wrote in the other ticket, too: its vector is made anew of what is left.
    assert not SubjectVector.objects.filter(subject_kind="ticket", encoder="e").exists()


def test_a_merged_person_is_erased_with_the_contact_it_was_merged_into(
    case: Ticket, contact: Contact, admin: User
) -> None:
    jo = ContactIdentity.objects.get(value="jo@halden.example").contact
    merge_contacts(source=jo, target=contact, by=admin.as_viewer())
    with pytest.raises(ValidationError, match="was merged"):
        erase_contact(contact=jo, confirmation="jo@halden.example", by=admin.as_viewer())
    erase_contact(contact=contact, confirmation="Mette Aas", by=admin.as_viewer())
    run_jobs("batch")
    jo.refresh_from_db()
    assert jo.erased_at is not None
    assert not Message.objects.exclude(body_text="").exists()


def test_erasing_asks_for_the_name_and_the_right(
    contact: Contact, admin: User, viewer: Viewer, login: Any
) -> None:
    with pytest.raises(PermissionDenied):
        erase_contact(contact=contact, confirmation="Mette Aas", by=viewer)
    browser = login(admin)
    page = browser.post(f"/contacts/{contact.pk}/erase/", {"confirmation": "Mette"})
    assert (page.status_code, "exactly as it is shown" in page.content.decode()) == (422, True)
    assert not ContactErasure.objects.exists()
    assert browser.post(f"/contacts/{contact.pk}/erase/", {"confirmation": "Mette Aas"}).status_code == 302
    assert "is being erased" in browser.get(f"/contacts/{contact.pk}/").content.decode()
    run_jobs("batch")
    html = browser.get(f"/contacts/{contact.pk}/").content.decode()
    assert ("Erasure certificate" in html, "Mette" in html) == (True, False)
    assert (
        browser.post(f"/contacts/{contact.pk}/erase/", {"confirmation": "Erased person"}).status_code == 422
    )


def test_rest_exports_and_erases(case: Ticket, contact: Contact, api: Any) -> None:
    assert api("accounts:write").post(f"/api/v1/contacts/{contact.pk}/exports/").status_code == 403
    rest = api("accounts:erase")
    started = rest.post(f"/api/v1/contacts/{contact.pk}/exports/")
    file = f"/api/v1/contacts/{contact.pk}/exports/{started.json()['id']}/file/"
    assert (started.status_code, rest.get(file).status_code) == (202, 404)
    run_jobs("batch")
    assert rest.get(f"/api/v1/contacts/{contact.pk}/exports/").json()[0]["ready_at"]
    fetched = rest.get(file)
    assert zipfile.is_zipfile(io.BytesIO(b"".join(fetched.streaming_content)))
    assert api("accounts:erase").get(file).status_code == 404
    wrong = rest.post(f"/api/v1/contacts/{contact.pk}/erasures/", {"confirmation": "x"}, format="json")
    assert wrong.status_code == 400
    rest.post(f"/api/v1/contacts/{contact.pk}/erasures/", {"confirmation": "Mette Aas"}, format="json")
    run_jobs("batch")
    assert rest.get(f"/api/v1/contacts/{contact.pk}/erasures/").json()[0]["finished_at"]


def test_an_erased_person_stays_erased(case: Ticket, contact: Contact, admin: User, inbox: Inbox) -> None:
    by = admin.as_viewer()
    erase_contact(contact=contact, confirmation="Mette Aas", by=by)
    run_jobs("batch")
    jo = ContactIdentity.objects.get(value="jo@halden.example").contact
    for act in (
        lambda: update_contact(contact=contact, values={"name": "Mette"}, by=by),
        lambda: add_identity(contact=contact, kind="email", value="mette@halden.example", by=by),
        lambda: merge_contacts(source=contact, target=jo, by=by),
    ):
        with pytest.raises(ValidationError, match="erased"):
            act()
    again = write("I am back", inbox).ticket
    assert again.contact_id != contact.pk
