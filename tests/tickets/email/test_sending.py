"""The mail server's answers: what is tried again, what is final, and that nothing leaves twice."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.models import Event, Outbound
from core.outbox import send_due
from people.viewer import Viewer
from tests.tickets.email.mails import mail_of, take
from tickets.models import Inbox, Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket

pytestmark = pytest.mark.django_db


class ScriptedServer:
    """Answers RCPT and DATA as told and keeps what it took."""

    def __init__(self) -> None:
        self.rcpt = "250 OK"
        self.data = "250 OK"
        self.taken: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.taken.append(envelope)
        return self.data


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedServer]:
    handler = ScriptedServer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield handler
    controller.stop()


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
    server.rcpt = server.data = "250 OK"
    Outbound.objects.update(not_before=message.created_at)
    send_due()
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
    Outbound.objects.update(not_before=message.created_at)
    send_due()
    assert state_of(message) == ("sent", "sent")


def test_a_crash_while_sending_by_smtp_is_left_to_a_person(message: Message, server: ScriptedServer) -> None:
    Outbound.objects.update(state=Outbound.State.SENDING, leased_until=None)
    send_due()
    assert state_of(message) == ("uncertain", "uncertain")
    assert server.taken == []
