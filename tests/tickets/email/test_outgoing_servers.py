"""Outgoing mail: servers of inboxes, connections that are kept, what waits for a server that is away, at most one copy."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Event, Notification, Outbound
from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.mails import bounce_of, mail_of, take
from tests.tickets.email.smtp_server import ScriptedServer, smtp_server
from tickets.channels.email.services.save_outgoing import remove_outgoing, save_outgoing, try_outgoing
from tickets.channels.email.smtp_session import pool
from tickets.models import Inbox, Message, OutgoingServer, SendingPause
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.retry_delivery import retry_delivery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("minds")]
HOST = "127.0.0.1"
Save = Callable[..., OutgoingServer]
Answer = Callable[..., Message]


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedServer]:
    """A server that wants a login, on this machine, which the operator has allowed."""
    settings.GUARDED_MAIL_ALLOW = [HOST]
    with smtp_server(with_login=True) as handler:
        handler.users = {"desk": "pass wörd"}
        yield handler
        pool.close()


@pytest.fixture
def save(inbox: Inbox, admin: User, request: pytest.FixtureRequest) -> Save:
    """Give the inbox a server: ``save(port=…)``."""

    def make(**words: Any) -> OutgoingServer:
        values = {
            "inbox": inbox,
            "host": HOST,
            "port": words.get("port") or request.getfixturevalue("server").port,
            "security": "none",
            "username": "desk",
            "password": "pass wörd",
            "by": admin.as_viewer(),
        }
        return save_outgoing(**{**values, **words})

    return make


@pytest.fixture
def answer(inbox: Inbox, viewer: Viewer) -> Answer:
    """Write an answer to a new customer."""

    def make(sender: str = "mette@halden.example", **headers: str) -> Message:
        row = take(mail_of(sender=sender, subject=f"From {sender}", **headers), inbox)
        assert row.ticket is not None
        return reply_to_ticket(ticket=row.ticket, body="We have refunded it.", by=viewer)

    return make


def outbound_of(message: Message) -> Outbound:
    return Outbound.objects.get(idempotency_key=f"message:{message.pk}")


def states(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return outbound_of(message).state, message.delivery


def send_at(moment: datetime) -> None:
    with time_machine.travel(moment):
        send_due()


# --- by the inbox's own server ----------------------------------------------------------------------------------------


def test_answers_leave_by_the_server_of_their_inbox_over_one_connection(
    server: ScriptedServer, save: Save, answer: Answer
) -> None:
    outgoing = save()
    messages = [answer(f"person{number}@halden.example") for number in range(6)]
    send_due()
    assert [states(one) for one in messages] == [("sent", "sent")] * 6
    assert len(server.taken) == 6
    assert server.connections == 1
    outgoing.refresh_from_db()
    assert (outgoing.state, outgoing.error, SendingPause.objects.count()) == ("ok", "", 0)
    assert outgoing.last_sent_at is not None


def test_other_inboxes_go_on_by_the_common_server(
    save: Save, answer: Answer, settings: Any, server: Any
) -> None:
    outgoing = save()
    message = answer()
    OutgoingServer.objects.filter(pk=outgoing.pk).delete()
    send_due()
    assert states(message) == ("sent", "sent")
    assert server.taken == []


def test_a_connection_that_died_between_two_mails_is_no_failure(
    server: ScriptedServer, save: Save, answer: Answer
) -> None:
    save()
    first = answer()
    send_due()
    [session] = [one for kept in pool._kept.values() for one in kept]
    session._smtp.wire.shutdown(socket.SHUT_RDWR)
    second = answer("ole@partner.example")
    send_due()
    assert (states(first), states(second)) == (("sent", "sent"), ("sent", "sent"))
    assert outbound_of(second).attempts == 1
    assert server.connections == 2


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_broken_off_before_the_end_of_the_mail_nothing_has_left(
    server: ScriptedServer, save: Save, answer: Answer, step: str
) -> None:
    save()
    message = answer()
    server.dies = step
    send_due()
    assert states(message) == ("pending", "queued")
    server.dies = ""
    send_at(outbound_of(message).not_before)
    assert (states(message), len(server.taken)) == (("sent", "sent"), 1)


def test_accepted_then_died_is_left_to_a_person_and_never_sent_twice(
    server: ScriptedServer, save: Save, answer: Answer, viewer: Viewer
) -> None:
    save()
    message = answer()
    server.dies = "accepted"
    send_due()
    assert states(message) == ("uncertain", "uncertain")
    server.dies = ""
    for hours in (1, 5, 30):
        send_at(timezone.now() + timedelta(hours=hours))
    assert len(server.taken) == 1
    retry_delivery(message=message, by=viewer)
    send_due()
    assert states(message) == ("sent", "sent")
    ids = [envelope.content.split(b"Message-ID: ")[1].split(b"\r\n")[0] for envelope in server.taken]
    assert len(ids) == 2
    assert ids[0] == ids[1]


# --- a server that is away --------------------------------------------------------------------------------------------


def test_two_hours_without_the_server_lose_nothing_and_everybody_sees_it(
    save: Save, answer: Answer, settings: Any, login: Any, agent: User, client: Client
) -> None:
    """The drill: the server dies in the middle of its work, stays away for two hours, and comes back."""
    settings.GUARDED_MAIL_ALLOW = [HOST]
    began = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    with time_machine.travel(began) as clock:
        with smtp_server(with_login=True) as handler:
            handler.users = {"desk": "pass wörd"}
            port = handler.port
            save(port=port)
            half_sent = answer("half@halden.example")
            handler.dies = "accepted"
            send_due()
            assert len(handler.taken) == 1
        pool.close()
        messages = [answer(f"person{number}@halden.example") for number in range(5)]
        attempts = []
        while timezone.now() < began + timedelta(hours=2):
            send_due()
            attempts.append(sum(Outbound.objects.values_list("attempts", flat=True)))
            clock.shift(timedelta(seconds=20))
        assert {states(one) for one in messages} == {("pending", "queued")}
        # The server was asked now and then, not by every mail at every turn.
        assert 8 <= attempts[-1] <= 30
        shown = messages[0]
        assert shown.next_try_at is not None
        assert (
            timezone.now() - timedelta(minutes=1)
            < shown.next_try_at
            <= timezone.now() + timedelta(minutes=11)
        )
        page = login(agent).get(reverse("inbox-ticket", args=[shown.ticket_id]))
        assert "Not yet sent" in page.content.decode()
        assert "does not answer at this port" in page.content.decode()
        assert Event.objects.filter(verb="tickets.answer_delayed").count() == 5
        outgoing = OutgoingServer.objects.get()
        assert (outgoing.state, outgoing.alarm) == ("unreachable", "unreachable")
        with smtp_server(with_login=True, port=port) as handler:
            handler.users = {"desk": "pass wörd"}
            for _turn in range(60):
                clock.shift(timedelta(seconds=20))
                send_due()
            assert {states(one) for one in messages} == {("sent", "sent")}
            assert states(half_sent) == ("uncertain", "uncertain")
            recipients = sorted(one for envelope in handler.taken for one in envelope.rcpt_tos)
            assert recipients == [f"person{number}@halden.example" for number in range(5)]
            pool.close()
        outgoing.refresh_from_db()
        assert (outgoing.state, outgoing.alarm, SendingPause.objects.count()) == ("ok", "", 0)


def test_a_refused_login_is_told_once_and_asked_seldom(
    server: ScriptedServer, save: Save, answer: Answer, admin: User, pump: Callable[[], int]
) -> None:
    outgoing = save(password="hunter-two")
    message = answer()
    send_due()
    assert states(message) == ("pending", "queued")
    assert outbound_of(message).not_before > timezone.now() + timedelta(minutes=4)
    outgoing.refresh_from_db()
    assert (outgoing.state, outgoing.alarm) == ("wrong_password", "wrong_password")
    send_at(outbound_of(message).not_before + timedelta(seconds=1))
    pump()
    told = Notification.objects.filter(kind="tickets.mailbox_alarm", user=admin)
    assert [one.text for one in told] == [
        f"Outgoing server {HOST}:{server.port} of Support: the server refuses the password, and no answer leaves"
    ]
    assert "hunter" not in str(Event.objects.values()) + message.delivery_detail + outgoing.sealed_password
    save()
    assert SendingPause.objects.count() == 0
    send_at(outbound_of(message).not_before + timedelta(seconds=1))
    assert states(message) == ("sent", "sent")


def test_a_server_of_another_inbox_is_not_held_up(
    server: ScriptedServer, save: Save, answer: Answer, admin: User, viewer: Viewer, settings: Any
) -> None:
    save(port=1)
    waiting = answer()
    send_due()
    other = Inbox.objects.create(name="Sales", address="sales@desk.example")
    save(inbox=other)
    row = take(mail_of(sender="ole@partner.example", To="sales@desk.example"), other)
    assert row.ticket is not None
    passing = reply_to_ticket(ticket=row.ticket, body="Of course.", by=viewer)
    send_due()
    assert (states(waiting)[0], states(passing)[0]) == ("pending", "sent")


# --- recipients -------------------------------------------------------------------------------------------------------


def test_who_has_the_mail_does_not_get_it_twice(server: ScriptedServer, save: Save, answer: Answer) -> None:
    save()
    message = answer(Cc="ole@partner.example")
    server.rcpt_of = {"ole@partner.example": "450 greylisted"}
    send_due()
    assert states(message) == ("pending", "queued")
    assert "ole@partner.example: 450 greylisted (the others have got it)" in message.delivery_detail
    assert "partner.example" not in str(outbound_of(message).payload)
    server.rcpt_of = {}
    send_at(outbound_of(message).not_before + timedelta(seconds=1))
    assert states(message) == ("sent", "sent")
    assert [one.rcpt_tos for one in server.taken] == [["mette@halden.example"], ["ole@partner.example"]]


def test_a_final_no_about_one_recipient_is_told_and_sent_again_to_that_one_alone(
    server: ScriptedServer, save: Save, answer: Answer, viewer: Viewer
) -> None:
    save()
    message = answer(Cc="ole@partner.example")
    server.rcpt_of = {"ole@partner.example": "550 no such user"}
    send_due()
    assert states(message) == ("failed", "failed")
    assert "550 no such user (the others have got it)" in message.delivery_detail
    server.rcpt_of = {}
    retry_delivery(message=message, by=viewer)
    send_due()
    assert [one.rcpt_tos for one in server.taken] == [["mette@halden.example"], ["ole@partner.example"]]


def test_a_domain_that_takes_no_mail_is_left_alone_and_the_others_pass(
    server: ScriptedServer, save: Save, answer: Answer
) -> None:
    save()
    server.rcpt_of = {f"p{number}@slow.example": "451 later" for number in range(9)}
    slow = [answer(f"p{number}@slow.example") for number in range(4)]
    quick = answer("ole@partner.example")
    send_due()
    assert states(quick) == ("sent", "sent")
    assert {states(one) for one in slow} == {("pending", "queued")}
    # Three tries say that it is the domain; the fourth mail is not tried.
    assert [outbound_of(one).attempts for one in slow] == [1, 1, 1, 0]
    assert slow[3].delivery_detail == "slow.example: the domain takes no mail now"
    server.rcpt_of = {}
    for minutes in (6, 7, 8, 30, 60):
        send_at(timezone.now() + timedelta(minutes=minutes))
    assert {states(one) for one in slow} == {("sent", "sent")}
    assert SendingPause.objects.count() == 0


def test_who_is_at_a_domain_that_takes_mail_gets_it_while_another_is_left_alone(
    server: ScriptedServer, save: Save, answer: Answer
) -> None:
    save()
    server.rcpt_of = {f"p{number}@slow.example": "451 later" for number in range(3)}
    for number in range(3):
        answer(f"p{number}@slow.example")
    send_due()
    assert SendingPause.objects.get(domain="slow.example").failures == 3
    both = answer("ole@partner.example", Cc="kari@slow.example")
    send_due()
    assert [one.rcpt_tos for one in server.taken] == [["ole@partner.example"]]
    assert states(both) == ("pending", "queued")
    assert both.delivery_detail == "slow.example: the domain takes no mail now (the others have got it)"
    assert outbound_of(both).not_before == SendingPause.objects.get(domain="slow.example").until
    server.rcpt_of = {}
    for minutes in (6, 7, 8):
        send_at(timezone.now() + timedelta(minutes=minutes))
    assert states(both) == ("sent", "sent")
    theirs = [
        one.rcpt_tos for one in server.taken if {"ole@partner.example", "kari@slow.example"} & {*one.rcpt_tos}
    ]
    assert theirs == [["ole@partner.example"], ["kari@slow.example"]]


def hold(server: ScriptedServer, answer: Answer) -> None:
    """Let a domain be left alone for a while: slow.example."""
    server.rcpt_of = {f"p{number}@slow.example": "451 later" for number in range(3)}
    for number in range(3):
        answer(f"p{number}@slow.example")
    send_due()
    assert SendingPause.objects.get(domain="slow.example").failures == 3
    server.rcpt_of = {}


def test_who_was_refused_for_good_is_not_asked_again_while_a_domain_is_held(
    server: ScriptedServer, save: Save, answer: Answer, viewer: Viewer
) -> None:
    save()
    hold(server, answer)
    message = answer("gone@partner.example", Cc="kari@slow.example, ole@partner.example")
    server.rcpt_of = {"gone@partner.example": "550 no such user"}
    send_due()
    assert states(message) == ("pending", "queued")
    attempts = outbound_of(message).attempts
    server.rcpt_of = {}  # whom it would take now
    SendingPause.objects.update(until=timezone.now() + timedelta(hours=2))
    for minutes in (10, 30, 60):
        send_at(timezone.now() + timedelta(minutes=minutes))
    assert outbound_of(message).attempts == attempts
    send_at(timezone.now() + timedelta(hours=3))
    assert states(message) == ("failed", "failed")
    assert message.delivery_detail == "gone@partner.example: 550 no such user (the others have got it)"
    assert "partner.example" not in str(outbound_of(message).payload)
    theirs = [one.rcpt_tos for one in server.taken if not one.rcpt_tos[0].startswith("p")]
    assert theirs == [["ole@partner.example"], ["kari@slow.example"]]
    retry_delivery(message=message, by=viewer)
    send_at(timezone.now() + timedelta(hours=3))
    assert states(message) == ("sent", "sent")
    assert server.taken[-1].rcpt_tos == ["gone@partner.example"]


def test_a_bounce_does_not_hide_that_a_held_domain_refuses(
    server: ScriptedServer, save: Save, answer: Answer, viewer: Viewer, inbox: Inbox, login: Any, agent: User
) -> None:
    save()
    hold(server, answer)
    message = answer("ole@partner.example", Cc="kari@slow.example")
    send_due()
    [sent] = [one for one in server.taken if one.rcpt_tos == ["ole@partner.example"]]
    message_id = sent.content.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    take(bounce_of(message_id), inbox)
    assert states(message) == ("pending", "bounced")
    page = reverse("inbox-ticket", args=[message.ticket_id])
    again = reverse("inbox-retry", args=[message.ticket_id, message.pk])
    assert again not in login(agent).get(page).content.decode()
    server.rcpt_of = {"kari@slow.example": "550 no such mailbox"}
    send_at(SendingPause.objects.get().until + timedelta(seconds=1))
    assert states(message) == ("failed", "bounced")
    assert "550 no such user" in message.delivery_detail
    assert "kari@slow.example: 550 no such mailbox" in message.delivery_detail
    assert Event.objects.filter(verb="tickets.answer_failed", subject_id=message.pk).count() == 1
    browser = login(agent)
    assert again in browser.get(page).content.decode()
    server.rcpt_of = {}
    assert browser.post(again, headers={"HX-Request": "true"}).status_code == 200
    send_at(timezone.now() + timedelta(hours=3))
    # That it came back from the other one stays told.
    assert states(message) == ("sent", "bounced")
    assert "550 no such user" in message.delivery_detail
    assert "kari" not in message.delivery_detail
    assert server.taken[-1].rcpt_tos == ["kari@slow.example"]


def test_a_bounce_does_not_hide_who_was_refused_before(
    server: ScriptedServer, save: Save, answer: Answer, viewer: Viewer, inbox: Inbox
) -> None:
    save()
    message = answer("ole@partner.example", Cc="kari@slow.example")
    server.rcpt_of = {"kari@slow.example": "550 no such mailbox"}
    send_due()
    message_id = server.taken[0].content.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    take(bounce_of(message_id), inbox)
    assert states(message) == ("failed", "bounced")
    assert "550 no such user" in message.delivery_detail
    assert "kari@slow.example: 550 no such mailbox" in message.delivery_detail
    # Neither does a second one, which is told beside the first; the same one again is told once.
    for _time in range(2):
        take(bounce_of(message_id, status="5.2.2"), inbox)
    assert states(message) == ("failed", "bounced")
    assert message.delivery_detail.count("5.1.1") == message.delivery_detail.count("5.2.2") == 1
    assert message.delivery_detail.splitlines()[1].startswith("kari@slow.example: 550 no such mailbox")


def test_whoever_was_left_out_of_a_mail_of_unknown_fate_is_named(
    server: ScriptedServer, save: Save, answer: Answer
) -> None:
    save()
    hold(server, answer)
    message = answer("ole@partner.example", Cc="kari@slow.example")
    server.dies = "accepted"
    send_due()
    assert states(message) == ("uncertain", "uncertain")
    assert message.delivery_detail.endswith("not tried yet: slow.example")


def test_after_three_days_it_is_given_up_and_a_person_may_try_again(
    save: Save, answer: Answer, settings: Any, viewer: Viewer
) -> None:
    settings.GUARDED_MAIL_ALLOW = [HOST]
    save(port=1)
    message = answer()
    send_due()
    for hours in (1, 24, 71, 73):
        send_at(timezone.now() + timedelta(hours=hours))
    assert states(message) == ("failed", "failed")
    assert message.next_try_at is None


# --- setting it up ----------------------------------------------------------------------------------------------------


def test_a_try_logs_in_and_sends_nothing(server: ScriptedServer, inbox: Inbox, admin: User) -> None:
    words = {"inbox": inbox, "host": HOST, "port": server.port, "security": "none", "by": admin.as_viewer()}
    assert try_outgoing(**words, username="desk", password="pass wörd").works
    refused = try_outgoing(**words, username="desk", password="wrong")
    assert (refused.works, refused.words) == (False, "The server refuses the user name or the password.")
    assert not try_outgoing(**{**words, "port": 1}, username="desk", password="x").works
    assert (server.taken, OutgoingServer.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"host": "not a host"}, "host"),
        ({"port": 22, "host": "smtp.example.com"}, "port"),
        ({"security": "none", "host": "smtp.example.com", "port": 587}, "security"),
        ({"security": "ssl"}, "security"),
        ({"username": "a\nb"}, "username"),
        ({"password": "a\nb"}, "password"),
        ({"password": ""}, "password"),
        ({"username": ""}, "username"),
    ],
)
def test_bad_words_are_refused_by_field(
    server: ScriptedServer, save: Save, words: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        save(**words)
    assert list(refused.value.error_dict) == [field]


def test_a_stored_password_goes_to_no_other_server(server: ScriptedServer, save: Save) -> None:
    first = save()
    assert save(password="").sealed_password == first.sealed_password
    with pytest.raises(ValidationError) as refused:
        save(password="", port=587)
    assert list(refused.value.error_dict) == ["password"]


def test_only_who_changes_settings_may_set_it_up(
    server: ScriptedServer, save: Save, viewer: Viewer, admin: User
) -> None:
    with pytest.raises(PermissionDenied):
        save(by=viewer)
    outgoing = save()
    with pytest.raises(PermissionDenied):
        remove_outgoing(outgoing=outgoing, by=viewer)
    remove_outgoing(outgoing=outgoing, by=admin.as_viewer())
    assert OutgoingServer.objects.count() == 0
    assert Event.objects.filter(verb="tickets.outgoing_server_removed").count() == 1


def test_the_page_saves_tries_and_shows(
    server: ScriptedServer, inbox: Inbox, admin: User, login: Any, answer: Answer
) -> None:
    browser = login(admin)
    url = reverse("settings-outgoing", args=[inbox.pk])
    words = {
        "host": HOST,
        "port": server.port,
        "security": "none",
        "username": "desk",
        "password": "pass wörd",
    }
    tried = browser.post(url, {**words, "try": "1"})
    assert "The connection and the login work" in tried.content.decode()
    assert browser.post(url, words).status_code == 302
    server.rcpt = "450 later"
    for number in range(3):
        answer(f"p{number}@halden.example")
    send_due()
    shown = browser.get(url).content.decode()
    assert "halden.example:" in shown
    assert "pass w" not in shown
    assert f"{HOST}:{server.port}" in browser.get(reverse("settings-inbox", args=[inbox.pk])).content.decode()
    assert browser.post(reverse("settings-outgoing-remove", args=[inbox.pk])).status_code == 302
    assert OutgoingServer.objects.count() == 0


def test_the_api_tells_how_it_is_without_secrets(
    server: ScriptedServer, save: Save, admin: User, login: Any
) -> None:
    save()
    [row] = login(admin).get("/api/v1/outgoing-servers/").json()["results"]
    assert (row["host"], row["state"]) == (HOST, "new")
    assert not [name for name in row if "password" in name]
