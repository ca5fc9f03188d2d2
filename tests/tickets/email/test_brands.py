"""Several brands: each inbox's answers have its own sender, frame and signature, seen in the mails themselves."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.mails import mail_of, take
from tickets.models import Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("minds")]


@pytest.fixture
def outbox(tmp_path: Path, settings: Any) -> Path:
    """Where mails are written."""
    settings.EMAIL_BACKEND = "tickets.channels.email.backends.FileOutboxBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


@pytest.fixture
def brand(admin: User) -> Inbox:
    """An inbox with a rule and a frame."""
    return save_inbox(
        name="Nordlys", default_team=None, by=admin.as_viewer(),
        settings={
            "address": "hei@nordlys.example", "from_name": "Nordlys", "signature": "Nordlys AS",
            "sender_rule": "agent_at_brand",
            "answer_header": "Hei {{contact.first_name|there}}, about {{ticket.reference}} <b>",
            "answer_footer": "{{team.name}}\nWrite to {{inbox.address}} & we answer.",
        },
    )  # fmt: skip


def answered(inbox: Inbox, viewer: Viewer, outbox: Path) -> tuple[Message, EmailMessage]:
    row = take(mail_of(), inbox)
    assert row.ticket is not None
    message = reply_to_ticket(ticket=row.ticket, body="It is **refunded**.", by=viewer)
    send_due()
    [path] = outbox.glob("*.eml")
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return message, mail


def test_an_answer_wears_the_frame_and_the_sender_of_its_brand(
    brand: Inbox, viewer: Viewer, agent: User, outbox: Path
) -> None:
    message, mail = answered(brand, viewer, outbox)
    assert mail["From"].addresses[0].display_name == f"{agent.name} at Nordlys"
    assert mail["From"].addresses[0].addr_spec == "hei@nordlys.example"
    text = mail.get_body(("plain",)).get_content()
    assert text.startswith(f"Hei Mette, about {message.ticket.reference} <b>\n\nIt is **refunded**.")
    assert text.rstrip().endswith("-- \nNordlys AS\n\n\nWrite to hei@nordlys.example & we answer.")
    html = mail.get_body(("html",)).get_content()
    assert "about " in html
    assert "&lt;b&gt;</p>" in html
    assert "<strong>refunded</strong>" in html
    assert "Write to hei@nordlys.example &amp; we answer." in html


def test_the_composer_shows_the_signature_of_the_inbox_that_the_mail_leaves_from(
    brand: Inbox, agent: User, login: Any
) -> None:
    form = Inbox.objects.create(name="Form", channel="web", signature="Never sent")
    row = take(mail_of(), brand)
    Ticket.objects.filter(pk=row.ticket_id).update(inbox=form)
    page = login(agent).get(f"/inbox/{row.ticket_id}/").content.decode()
    assert "Nordlys AS" in page
    assert "Never sent" not in page


def test_without_rule_and_frame_answers_come_from_the_brand_as_they_are(
    inbox: Inbox, viewer: Viewer, agent: User, outbox: Path
) -> None:
    _message, mail = answered(inbox, viewer, outbox)
    assert agent.name not in str(mail["From"])
    assert mail.get_body(("plain",)).get_content().startswith("It is **refunded**.")


def test_a_name_from_outside_forms_nothing_in_the_frame(
    brand: Inbox, viewer: Viewer, agent: User, outbox: Path
) -> None:
    row = take(mail_of(sender='"{{agent.name}} <i>" <mette@halden.example>'), brand)
    assert row.ticket is not None
    reply_to_ticket(ticket=row.ticket, body="Yes.", by=viewer)
    send_due()
    [path] = outbox.glob("*.eml")
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert "<i>" not in mail.get_body(("html",)).get_content()
    assert agent.name not in mail.get_body(("plain",)).get_content()


def test_a_variable_that_there_is_not_is_refused_beside_its_field(
    admin: User, login: Any, brand: Inbox
) -> None:
    with pytest.raises(ValidationError) as refused:
        save_inbox(
            name="Nordlys", default_team=None, by=admin.as_viewer(), inbox=brand,
            settings={"answer_footer": "{{contact.password}}"},
        )  # fmt: skip
    assert list(refused.value.error_dict) == ["answer_footer"]
    url = reverse("settings-inbox", args=[brand.pk])
    page = login(admin).post(url, {"name": "Nordlys", "is_active": "on", "answer_header": "{{nobody}}"})
    assert page.status_code == 422
    assert "There is no variable of this name: nobody" in page.content.decode()
