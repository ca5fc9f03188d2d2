"""The mail server's answers: what is tried again, what is final, and that nothing leaves twice."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from core.models import Event, Outbound
from core.outbox import send_due
from people.viewer import Viewer
from tests.tickets.email.mails import mail_of, take
from tests.tickets.email.smtp_server import ScriptedServer, smtp_server
from tickets.channels.email.smtp_session import pool
from tickets.models import Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedServer]:
    with smtp_server() as handler:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = handler.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield handler
        pool.close()


def send_later() -> None:
    """Send what is due when the row is."""
    with time_machine.travel(Outbound.objects.get().not_before + timedelta(seconds=1)):
        send_due()


@pytest.fixture
def message(inbox: Inbox, viewer: Viewer) -> Message:
    row = take(mail_of(Cc="ole@partner.example"), inbox)
    assert isinstance(row.ticket, Ticket)
    return reply_to_ticket(ticket=row.ticket, body="We have refunded it.", by=viewer)


def state_of(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return Outbound.objects.get().state, message.delivery


def test_delivered_with_exactly_the_intended_envelope(message: Message, server: ScriptedServer) -> None:
    send_due()
    [envelope] = server.taken
    assert envelope.mail_from == "support@desk.example"
    assert envelope.rcpt_tos == ["mette@halden.example", "ole@partner.example"]
    assert state_of(message) == ("sent", "sent")
    send_due()
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("rcpt", "data"), [("451 later", "250 OK"), ("250 OK", "421 closing"), ("250 OK", "452 full")]
)
def test_temporary_trouble_is_tried_again(
    message: Message, server: ScriptedServer, rcpt: str, data: str
) -> None:
    server.rcpt, server.data = rcpt, data
    send_due()
    assert state_of(message) == ("pending", "queued")
    assert message.delivery_detail
    assert message.next_try_at == Outbound.objects.get().not_before > timezone.now()
    server.rcpt = server.data = "250 OK"
    send_later()
    assert state_of(message) == ("sent", "sent")
    assert len(server.taken) == 1


@pytest.mark.parametrize(("rcpt", "data"), [("550 no such user", "250 OK"), ("250 OK", "554 refused")])
def test_a_final_no_tells_the_agent_why(
    message: Message, server: ScriptedServer, rcpt: str, data: str
) -> None:
    server.rcpt, server.data = rcpt, data
    send_due()
    assert state_of(message) == ("failed", "failed")
    assert "no such user" in message.delivery_detail or "refused" in message.delivery_detail
    assert Event.objects.filter(verb="tickets.answer_failed", ticket_id=message.ticket_id).count() == 1


def test_no_server_only_delays(message: Message, server: ScriptedServer, settings: Any) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    send_due()
    assert state_of(message) == ("pending", "queued")
    settings.EMAIL_PORT = port
    send_later()
    assert state_of(message) == ("sent", "sent")


def test_a_crash_while_sending_by_smtp_is_left_to_a_person(message: Message, server: ScriptedServer) -> None:
    Outbound.objects.update(state=Outbound.State.SENDING, leased_until=None)
    send_due()
    assert state_of(message) == ("uncertain", "uncertain")
    assert server.taken == []
