"""Channels through their doors: the address that providers call, the settings page, the outbox, the alarms."""

import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.utils import parseaddr
from typing import Any

import pytest
import time_machine
from django.db import DataError, connection, transaction
from django.test import Client
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Notification, Outbound
from core.outbox import TemporaryFailure, retry_outbound, send_due
from core.registry import Registry
from customers.identities import Identity
from customers.models import ContactIdentity
from customers.registry import personal_data
from customers.services.erase_contact import erase_contact
from people.models import User
from people.viewer import system_viewer
from tests.tickets.channels import Pigeon, moment, refusal
from tickets.connections import hook_url, secrets_of
from tickets.incoming import IncomingMessage
from tickets.models import (
    ChannelHealth,
    ChannelPayload,
    ChannelTemplate,
    ChannelThread,
    ChannelTraffic,
    Inbox,
    Message,
    ProviderMessage,
    Ticket,
)
from tickets.outbound import channel_answer
from tickets.outbound.email_answer import mail_of
from tickets.registry import channels
from tickets.services.forget_old_payloads import forget_old_payloads
from tickets.services.merge_tickets import merge_tickets
from tickets.services.receive_message import receive_message as receive
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.retry_delivery import retry_delivery
from tickets.services.save_inbox import save_inbox
from tickets.services.schedule_answer import edit_scheduled, schedule_answer, send_scheduled_now
from tickets.services.take_payload import take_payloads
from tickets.services.undo_answer import undo_answer
from tickets.services.watch_channels import watch_channels

pytestmark = pytest.mark.django_db


@pytest.fixture
def pigeon() -> Iterator[Pigeon]:
    """The channel, for this test only."""
    registry: Registry[Any] = channels
    with registry.temporarily(Pigeon) as part:
        yield part


@pytest.fixture
def loft(pigeon: Pigeon, admin: User) -> Inbox:
    """An inbox of it."""
    return save_inbox(
        name="Loft", channel="pigeon", default_team=None, settings={"loft": "East", "ring": "gold"},
        by=admin.as_viewer(),
    )  # fmt: skip


def call(loft: Inbox, *news: dict[str, Any], ring: str = "gold") -> int:
    """The provider calls; returns the status."""
    path = hook_url(loft).partition("://")[2].partition("/")[2]
    answer = Client().post(
        f"/{path}", json.dumps(news), content_type="application/json", headers={"X-Ring": ring}
    )
    return answer.status_code


def message(
    perch: str = "p1", number: int = 1, text: str = "Help", at: float = 0, **more: Any
) -> dict[str, Any]:
    """News of a message."""
    return {"what": "message", "perch": perch, "id": f"m{perch}{number}", "text": text, "at": at} | more


@pytest.fixture
def noon() -> Iterator[None]:
    """The day of the tests."""
    with time_machine.travel(moment(30), tick=True):
        yield


def answer(ticket: Ticket, by: User, body: str = "We look into it.", **more: Any) -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=ticket, body=body, by=by.as_viewer(), **more)
    send_due()
    written.refresh_from_db()
    return written


def client_says_channels_need_attention() -> bool:
    """What the readiness probe tells."""
    return "1 need attention" in Client().get("/readyz").json()["checks"]["channels"]["detail"]


def test_a_message_becomes_a_ticket_and_the_next_one_joins_it(loft: Inbox) -> None:
    assert call(loft, message(name="Rosa", text="The door is stuck.\nAgain.", files=["photo"])) == 200
    assert Ticket.objects.count() == 0  # acknowledged before it is read
    assert call(loft, message(number=2, text="Hello?", at=1)) == 200
    assert take_payloads() == 2
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.channel, ticket.inbox, str(ticket.contact)) == (
        "The door is stuck.", "pigeon", loft, "Rosa",
    )  # fmt: skip
    first, second = ticket.messages.order_by("pk")
    assert (first.attachments.get().name, second.body_text, second.inbox) == ("photo.txt", "Hello?", loft)
    assert ContactIdentity.objects.get(contact=ticket.contact).value == "pigeon:p1"
    assert [one.state for one in ChannelPayload.objects.all()] == ["processed", "processed"]


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_disk_while_a_ticket_is_opened(
    loft: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(loft, message(files=["photo"]))
    written: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _file: written.append(connection.in_atomic_block))
    take_payloads()
    assert Message.objects.get().attachments.get().name == "photo.txt"
    assert written == [False]


def test_a_stranger_is_refused_and_counted(loft: Inbox) -> None:
    assert call(loft, message(), ring="brass") == 403
    assert ChannelPayload.objects.count() == 0
    assert ChannelHealth.objects.get(inbox=loft).refused_calls == 1
    assert Client().post("/hooks/nobody/", "[]", content_type="application/json").status_code == 404


def test_too_much_is_refused(loft: Inbox) -> None:
    assert call(loft, message(text="x" * 1_000_001)) == 413


def test_the_same_call_is_one_payload(loft: Inbox) -> None:
    for _again in range(3):
        assert call(loft, message()) == 200
    take_payloads()
    assert (ChannelPayload.objects.count(), Message.objects.count()) == (1, 1)


def call_at_once(loft: Inbox, *news: dict[str, Any]) -> list[int]:
    """The provider makes several calls at the same time; returns their statuses."""
    path = hook_url(loft).partition("://")[2].partition("/")[2]

    def one(told: dict[str, Any]) -> int:
        try:
            return (
                Client(raise_request_exception=False)
                .post(
                    f"/{path}",
                    json.dumps([told]),
                    content_type="application/json",
                    headers={"X-Ring": "gold"},
                )
                .status_code
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(len(news)) as pool:
        return list(pool.map(one, news))


@pytest.mark.django_db(transaction=True)
def test_calls_of_a_burst_are_each_kept_and_one_that_cannot_be_stored_stops_no_other(
    loft: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, begun = ChannelPayload.objects.bulk_create, threading.Event()

    def store(rows: Any, **more: Any) -> Any:
        if not begun.is_set():
            begun.set()
            time.sleep(0.3)  # meanwhile the others arrive
        if any(b"odd" in row.body for row in rows):
            raise DataError("this makes no sense")
        return stored(rows, **more)

    monkeypatch.setattr(ChannelPayload.objects, "bulk_create", store)
    news = [message(number=number, text="odd" if number == 5 else "Help") for number in range(8)]
    assert call_at_once(loft, *news, news[0]) == [200, 200, 200, 200, 200, 500, 200, 200, 200]
    assert ChannelPayload.objects.count() == 7
    take_payloads()
    assert Message.objects.count() == 7


@pytest.mark.django_db(transaction=True)
def test_a_call_waits_for_who_writes_and_is_kept(loft: Inbox) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ChannelHealth.objects.filter(inbox=loft).update(refused_calls=0)
            waiting = pool.submit(call_at_once, loft, message())
            time.sleep(0.2)
        assert waiting.result() == [200]
    assert ChannelPayload.objects.count() == 1


def test_what_cannot_be_read_is_shown_and_read_again(
    loft: Inbox, admin: User, login: Callable[[User], Client]
) -> None:
    path = hook_url(loft).partition("://")[2].partition("/")[2]
    Client().post(f"/{path}", "{", content_type="application/json", headers={"X-Ring": "gold"})
    take_payloads()
    row = ChannelPayload.objects.get()
    assert (row.state, "no JSON" in row.error) == ("failed", True)
    browser = login(admin)
    assert "no JSON" in browser.get(f"/settings/inboxes/{loft.pk}/calls/").content.decode()
    ChannelPayload.objects.update(body=json.dumps([message()]).encode())
    browser.post(f"/settings/inboxes/{loft.pk}/calls/{row.pk}/retry/")
    take_payloads()
    assert Ticket.objects.count() == 1
    assert Event.objects.filter(verb="tickets.payload_retried").count() == 1


def test_what_the_database_refuses_of_one_message_keeps_no_other_back(
    loft: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*, incoming: Any, **more: Any) -> Any:
        if incoming.text == "odd":
            Inbox.objects.create(pk=loft.pk)  # IntegrityError, in the transaction of the payload
        return receive(incoming=incoming, **more)

    monkeypatch.setattr("tickets.services.take_payload.receive_message", refuse)
    call(loft, message(text="odd"), message(perch="p2", text="Help"))
    call(loft, message(perch="p3", text="Next"))
    assert take_payloads() == 2
    assert {one.body_text for one in Message.objects.all()} == {"Help", "Next"}
    waiting = ChannelPayload.objects.get(state="received")
    assert (waiting.attempts, waiting.leased_until, bool(waiting.error)) == (1, None, True)
    for _again in range(5):
        ChannelPayload.objects.filter(state="received").update(next_try_at=timezone.now())
        take_payloads()
    waiting.refresh_from_db()
    assert (waiting.state, Message.objects.count()) == ("failed", 2)


def test_a_payload_that_ends_whoever_reads_it_is_given_up(loft: Inbox) -> None:
    call(loft, message())
    # Each reader died before it could write anything down; the last lease has run out.
    ChannelPayload.objects.update(attempts=20, leased_until=timezone.now() - timedelta(minutes=1))
    assert take_payloads() == 0
    payload = ChannelPayload.objects.get()
    assert (payload.state, "cut short" in payload.error) == ("failed", True)


def test_a_file_that_is_gone_is_named_and_one_that_comes_later_is_waited_for(loft: Inbox) -> None:
    call(loft, message(files=["gone"]))
    call(loft, message(number=2, perch="p2", files=["later"]))
    assert take_payloads() == 2
    assert "it was eaten" in Message.objects.get().body_text
    waiting = ChannelPayload.objects.get(state="received")
    assert (waiting.attempts, waiting.error) == (1, "not yet")
    assert waiting.next_try_at is not None
    assert waiting.next_try_at > timezone.now()


def test_an_answer_leaves_by_the_way_the_customer_wrote(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    take_payloads()
    written = answer(Ticket.objects.get(), agent)
    assert (written.channel, written.inbox, written.delivery) == ("pigeon", loft, "sent")
    [flown] = pigeon.sent
    assert (flown.thread_key, flown.text, flown.key) == ("p1", "We look into it.", f"message:{written.pk}")
    call(loft, {"what": "delivery", "id": "flight-1", "state": "read", "at": 41})
    call(loft, {"what": "delivery", "id": "flight-1", "state": "delivered", "at": 40})
    take_payloads()
    written.refresh_from_db()
    assert written.delivery == "read"


def test_news_of_an_answer_may_come_before_its_own_acceptance(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    call(loft, {"what": "delivery", "id": "flight-1", "state": "delivered", "at": 40})
    take_payloads()
    assert answer(Ticket.objects.get(), agent).delivery == "delivered"


def test_what_the_provider_could_not_deliver_can_be_sent_again(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    take_payloads()
    written = answer(Ticket.objects.get(), agent)
    call(loft, {"what": "delivery", "id": "flight-1", "state": "failed", "at": 40, "detail": "a hawk"})
    take_payloads()
    written.refresh_from_db()
    assert (written.delivery, written.delivery_detail) == ("failed", "a hawk")
    retry_delivery(message=written, by=agent.as_viewer())
    send_due()
    written.refresh_from_db()
    assert (written.delivery, len(pigeon.sent)) == ("sent", 2)


def test_an_answer_of_several_parts_is_sent_anew_once_and_not_part_by_part(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pigeon, "split", lambda _self, message: [message, message])
    call(loft, message())
    take_payloads()
    written = answer(Ticket.objects.get(), agent)
    call(loft, {"what": "delivery", "id": "flight-2", "state": "failed", "at": 40, "detail": "a hawk"})
    take_payloads()
    row = Outbound.objects.get(idempotency_key=f"message:{written.pk}")
    assert (row.state, len(pigeon.sent)) == ("failed", 2)
    assert retry_outbound(outbound=row, by=agent.as_viewer())
    fly = Pigeon.send

    def second_stumbles(self: Pigeon, connection: Any, part: Any) -> str:
        if len(self.sent) == 3 and row.attempts != -1:
            row.attempts = -1
            raise TemporaryFailure("no wind")
        return fly(self, connection, part)

    monkeypatch.setattr(Pigeon, "send", second_stumbles)
    send_due()
    Outbound.objects.filter(pk=row.pk).update(not_before=timezone.now())
    send_due()
    written.refresh_from_db()
    # The first part was repeated with the second, and not once more with its next attempt.
    assert (len(pigeon.sent), written.delivery) == (4, "sent")


def test_what_is_answered_goes_on_in_the_ticket_of_the_answer(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    take_payloads()
    older = Ticket.objects.get()
    incoming = IncomingMessage(
        channel="api", sender=Identity("handle", "pigeon:p1"), subject="Invoice", text="?"
    )
    by_mail = receive(incoming=incoming, by=system_viewer("api")).ticket
    assert (by_mail != older, by_mail.contact) == (True, older.contact)
    answer(by_mail, agent, via=loft.pk)
    assert pigeon.sent
    call(loft, message(number=2, text="About the invoice", at=31))
    take_payloads()
    assert Message.objects.get(body_text="About the invoice").ticket == by_mail


def test_an_answer_goes_to_whom_the_composer_names(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    """Two people in one ticket after a merge: what one writes while the answer waits does not redirect it to them."""
    call(loft, message("p1", name="Rosa"), message("p2", name="Mette", at=1))
    take_payloads()
    first, second = Ticket.objects.order_by("pk")
    merge_tickets(ticket=second, into=first, by=agent.as_viewer(), confirm_different_requesters=True)
    page = login(agent).get(f"/inbox/{first.pk}/").content.decode()
    [_value, words] = re.findall(rf'data-route="({loft.pk})"[^>]*>\s*([^<·]+?)\s*[<·]', page)[0]
    assert words == "Mette"
    written = reply_to_ticket(ticket=first, body="For Mette", by=agent.as_viewer(), via=loft.pk)
    call(loft, message("p1", number=2, text="And me?", at=2))
    take_payloads()
    send_due()
    written.refresh_from_db()
    assert (written.delivery, [one.thread_key for one in pigeon.sent]) == ("sent", ["p2"])


def test_an_answer_to_one_person_never_goes_to_another_who_was_merged_in(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    viewer, browser = agent.as_viewer(), login(agent)
    call(loft, message("p1", name="Rosa"), message("p2", name="Mette", at=1))
    take_payloads()
    first, second = Ticket.objects.order_by("pk")
    later = {"send_at": moment(60), "by": viewer, "hold_if_customer_writes": False}
    waiting = schedule_answer(ticket=first, body="Later for Rosa", **later)
    edited = schedule_answer(ticket=first, body="Rosa, after all", **later)
    page = browser.get(f"/inbox/{first.pk}/").content.decode()
    form = {"kind": "reply", "body": "Now for Rosa", "via": loft.pk}
    form["into"] = re.findall(r'name="into" value="([^"]+)"', page)[0]
    merge_tickets(ticket=second, into=first, by=viewer, confirm_different_requesters=True)

    assert browser.post(f"/inbox/{first.pk}/messages/", form).status_code == 302
    send_scheduled_now(answer=waiting, by=viewer)
    edit_scheduled(answer=edited, by=viewer)
    page = browser.get(f"/inbox/{first.pk}/").content.decode()
    assert re.findall(rf'data-route="({loft.pk})"[^>]*>\s*([^<·]+?)\s*[<·]', page)[0][1] == "Rosa"
    with time_machine.travel(moment(55), tick=True):
        send_due()
    sent = {(one.thread_key, one.text) for one in pigeon.sent}
    assert sent == {("p1", "Now for Rosa"), ("p1", "Later for Rosa")}


def test_rest_names_the_conversation_that_an_answer_is_for(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, api: Any
) -> None:
    call(loft, message("p1", name="Rosa"), message("p2", name="Mette", at=1))
    take_payloads()
    first, second = Ticket.objects.order_by("pk")
    client = api("tickets:read", "tickets:write")
    route = client.get(f"/api/v1/tickets/{first.pk}/reply-routes/").data[0]
    assert (route["via"], route["channel"], route["address"]) == (loft.pk, loft.channel, "Rosa")
    merge_tickets(ticket=second, into=first, by=agent.as_viewer(), confirm_different_requesters=True)
    assert client.get(f"/api/v1/tickets/{first.pk}/reply-routes/").data[0]["address"] == "Mette"
    body = {"body": "For Rosa", "via": route["via"], "into": route["into"]}
    assert client.post(f"/api/v1/tickets/{first.pk}/answers/", body, format="json").status_code == 201
    send_due()
    assert [one.thread_key for one in pigeon.sent] == ["p1"]
    ChannelThread.objects.get(key="p1").delete()
    refused = client.post(f"/api/v1/tickets/{first.pk}/answers/", body, format="json")
    assert refused.status_code == 400


def test_an_answer_whose_conversation_is_gone_is_held_and_goes_nowhere_else(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    viewer = agent.as_viewer()
    call(loft, message("p1", name="Rosa"), message("p2", name="Mette", at=1))
    take_payloads()
    first, second = Ticket.objects.order_by("pk")
    waiting = schedule_answer(
        ticket=first, body="For Rosa", send_at=moment(60), by=viewer, hold_if_customer_writes=False
    )
    merge_tickets(ticket=second, into=first, by=viewer, confirm_different_requesters=True)
    ChannelThread.objects.get(key="p1").delete()
    with time_machine.travel(moment(61), tick=True):
        send_due()
        send_due()
    waiting.refresh_from_db()
    assert (waiting.state, pigeon.sent) == ("held", [])
    assert "conversation" in waiting.held_detail


@pytest.mark.parametrize(
    ("body", "files", "words"), [("x" * 201, (), "Too long"), ("ok", (b"y" * 1001,), "too large")]
)
def test_what_the_channel_does_not_carry_is_refused(
    loft: Inbox, agent: User, noon: None, body: str, files: tuple[bytes, ...], words: str
) -> None:
    from tickets.incoming import IncomingFile

    call(loft, message())
    take_payloads()
    with pytest.raises(Exception, match=words):
        answer(Ticket.objects.get(), agent, body, files=[IncomingFile("a.txt", one) for one in files])
    assert Outbound.objects.filter(kind="tickets.channel_answer").count() == 0


def test_after_the_window_only_a_template_leaves(loft: Inbox, pigeon: Pigeon, agent: User) -> None:
    with time_machine.travel(moment(30), tick=True):
        call(loft, message())
        take_payloads()
    with time_machine.travel(moment(60 * 25), tick=True):
        ticket = Ticket.objects.get()
        with pytest.raises(Exception, match="time to answer freely"):
            answer(ticket, agent)
        ChannelTemplate.objects.create(
            inbox=loft, name="hello", language="en", body="Hello {{1}}", fetched_at=timezone.now()
        )
        written = answer(ticket, agent, "", template={"name": "hello", "language": "en", "values": ["Rosa"]})
    assert written.body_text == "Hello Rosa"
    assert pigeon.sent[0].template == ("hello", "en", ["Rosa"])


def test_a_provider_that_is_down_delays_and_loses_nothing(
    loft: Inbox, pigeon: Pigeon, agent: User, admin: User, noon: None, pump: Callable[[], int]
) -> None:
    call(loft, message())
    call(loft, message(perch="p2", at=1))
    take_payloads()
    one, two = Ticket.objects.order_by("pk")
    pigeon.trouble = [TemporaryFailure("no wind")]
    reply_to_ticket(ticket=two, body="Second", by=agent.as_viewer())
    written = answer(one, agent)
    assert pigeon.sent == []  # the other one waits as well
    row = Outbound.objects.get(idempotency_key=f"message:{written.pk}")
    assert (row.state, written.delivery) == ("pending", "queued")
    health = ChannelHealth.objects.get(inbox=loft)
    assert (health.state, health.error) == ("unreachable", "no wind")
    assert client_says_channels_need_attention()
    with time_machine.travel(moment(50), tick=True):
        watch_channels()
        pump()
        assert "cannot be reached" in Notification.objects.get(user=admin).text
        send_due()
        assert len(pigeon.sent) == 2
    health.refresh_from_db()
    assert (health.state, health.alarm) == ("ok", "")


def test_an_answer_that_takes_long_goes_on_where_it_stopped(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(loft, message())
    take_payloads()
    monkeypatch.setattr(channel_answer, "LONGEST_SENDING", -1.0)
    monkeypatch.setattr(
        Pigeon, "split", lambda _self, whole: [replace(whole, text=word) for word in whole.text.split()]
    )
    written = answer(Ticket.objects.get(), agent, "One Two Three")
    assert [one.text for one in pigeon.sent] == ["One", "Two", "Three"]
    assert (written.delivery, Outbound.objects.get().attempts) == ("sent", 3)


def test_refused_credentials_raise_the_alarm_at_once(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    take_payloads()
    pigeon.trouble = [refusal()]
    answer(Ticket.objects.get(), agent)
    health = ChannelHealth.objects.get(inbox=loft)
    assert (health.state, health.alarm) == ("refused", "refused")


def test_a_silent_channel_is_noticed(loft: Inbox) -> None:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for hours in range(4 * 7 * 24):
        ChannelTraffic.objects.create(inbox=loft, hour=now - timedelta(hours=hours + 12), received=1)
    health = ChannelHealth.objects.create(inbox=loft, state="ok", last_in_at=now - timedelta(hours=12))
    assert watch_channels() == 1
    health.refresh_from_db()
    assert health.alarm == "silent"
    ChannelHealth.objects.update(last_in_at=now)
    assert watch_channels() == 0
    health.refresh_from_db()
    assert health.alarm == ""


def test_traffic_is_counted(loft: Inbox, agent: User, noon: None, pump: Callable[[], int]) -> None:
    call(loft, message())
    take_payloads()
    answer(Ticket.objects.get(), agent)
    pump()
    assert ChannelTraffic.objects.filter(inbox=loft).count() in {1, 2}
    health = ChannelHealth.objects.get(inbox=loft)
    assert health.last_in_at == moment(0)
    assert health.last_out_at is not None


def test_the_settings_page_keeps_the_secret_to_itself(
    pigeon: Pigeon, admin: User, login: Callable[[User], Client]
) -> None:
    browser = login(admin)
    assert "Pigeon" in browser.get("/settings/inboxes/new/").content.decode()
    data = {"name": "Loft", "is_active": "on", "loft": "East", "ring": "gold"}
    assert browser.post("/settings/inboxes/new/pigeon/", data).status_code == 302
    loft = Inbox.objects.get(name="Loft")
    page = browser.get(f"/settings/inboxes/{loft.pk}/").content.decode()
    assert "gold" not in page
    assert hook_url(loft) in page
    assert "Not verified live" in page
    browser.post(f"/settings/inboxes/{loft.pk}/", data | {"loft": "West", "ring": ""})
    loft.refresh_from_db()
    assert (loft.config["loft"], secrets_of(loft)) == ("West", {"ring": "gold"})
    assert "gold" not in json.dumps(list(Event.objects.values_list("detail__data", flat=True)))
    tried = browser.post(f"/settings/inboxes/{loft.pk}/", data | {"ring": "", "try": "1"})
    assert "Loft East" in tried.content.decode()
    refused = browser.post(f"/settings/inboxes/{loft.pk}/", data | {"loft": "nowhere"})
    assert refused.status_code == 422
    assert "There is no such loft." in refused.content.decode()


def test_any_order_and_any_repetition_lead_to_the_same_state(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None
) -> None:
    call(loft, message())
    take_payloads()
    answer(Ticket.objects.get(), agent)
    news = [
        {"what": "edit", "id": "mp11", "text": "Help, please", "at": 3},
        {"what": "edit", "id": "mp11", "text": "Help me, please", "at": 4},
        {"what": "delivery", "id": "flight-1", "state": "delivered", "at": 5},
        {"what": "delivery", "id": "flight-1", "state": "read", "at": 6},
        {"what": "edit", "id": "mp13", "text": "Never mind then", "at": 9},
        message(number=2, text="Still there?", at=2),
        message(number=3, text="Never mind", at=8),
    ]
    dice = random.Random(7)
    calls = [one for one in news for _again in range(dice.randint(1, 4))]
    dice.shuffle(calls)
    for number, one in enumerate(calls):
        call(loft, one, *([] if number % 3 else [one]))
    take_payloads()
    texts = Message.objects.filter(kind="inbound").order_by("created_at").values_list("body_text", flat=True)
    assert list(texts) == ["Help me, please", "Still there?", "Never mind then"]
    assert Message.objects.get(kind="outbound").delivery == "read"


def test_an_agent_chooses_the_way_of_an_answer(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    support = Inbox.objects.create(name="Support", channel="email", address="help@desk.example")
    call(loft, message(name="Rosa"))
    take_payloads()
    ticket = Ticket.objects.get()
    ContactIdentity.objects.create(contact=ticket.contact, kind="email", value="rosa@halden.example")
    browser = login(agent)
    page = browser.get(f"/inbox/{ticket.pk}/").content.decode().partition('id="composer-via"')[2]
    assert page.index("Pigeon · Loft") < page.index(f'value="{support.pk}"')
    posted = {"kind": "reply", "body": "By mail then.", "via": str(support.pk)}
    browser.post(f"/inbox/{ticket.pk}/messages/", posted)
    by_mail = Message.objects.get(kind="outbound")
    assert (by_mail.channel, by_mail.inbox, by_mail.recipients["to"][0]["address"]) == (
        "email", support, "rosa@halden.example",
    )  # fmt: skip
    browser.post(f"/inbox/{ticket.pk}/messages/", posted | {"body": "And by pigeon.", "via": str(loft.pk)})
    assert Message.objects.filter(kind="outbound").latest("pk").inbox == loft
    assert parseaddr(mail_of(by_mail).from_email)[1] == "help@desk.example"
    refused = browser.post(f"/inbox/{ticket.pk}/messages/", posted | {"body": "Or so?", "via": "424242"})
    assert "cannot be answered through this inbox" in refused.content.decode()
    assert Message.objects.filter(kind="outbound").count() == 2


def test_mail_without_an_inbox_is_still_chosen_for_what_comes_back(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    call(loft, message())
    take_payloads()
    ticket = Ticket.objects.get()
    ContactIdentity.objects.create(contact=ticket.contact, kind="email", value="rosa@halden.example")
    viewer, browser = agent.as_viewer(), login(agent)

    def chosen() -> list[str]:
        page = browser.get(f"/inbox/{ticket.pk}/").content.decode()
        return re.findall(r'<option value="(\d+)"[^>]*\sselected>', page)

    assert chosen() == [str(loft.pk)]
    taken_back = reply_to_ticket(ticket=ticket, body="By mail", by=viewer, via=0, undo_seconds=60)
    undo_answer(message=taken_back, by=viewer)
    assert chosen() == ["0"]
    # What is chosen while one writes holds, too, and what was not chosen changes nothing.
    for via, now in ((str(loft.pk), str(loft.pk)), ("", str(loft.pk)), ("424242", str(loft.pk)), ("0", "0")):
        saved = {"kind": "reply", "body": f"Or so {via}", "via": via}
        assert browser.post(f"/inbox/{ticket.pk}/draft/", saved).status_code in (200, 409)
        assert chosen() == [now]
    browser.post(f"/inbox/{ticket.pk}/draft/", {"kind": "reply", "discard": "1"})
    waiting = schedule_answer(ticket=ticket, body="Later", send_at=moment(60), by=viewer, via=0)
    edit_scheduled(answer=waiting, by=viewer)
    assert chosen() == ["0"]


def test_a_draft_remembers_whom_it_is_for(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    """A reload restores the channel, the conversation and the copies that its writer saw, whatever has come since."""
    viewer, browser = agent.as_viewer(), login(agent)
    call(loft, message("p1", name="Rosa"), message("p2", name="Mette", at=1))
    take_payloads()
    first, second = Ticket.objects.order_by("pk")
    ContactIdentity.objects.create(contact=first.contact, kind="email", value="rosa@halden.example")

    def page() -> str:
        return browser.get(f"/inbox/{first.pk}/").content.decode()

    def seen() -> list[str]:
        return re.findall(r'name="into" value="([^"]+)"', page())

    def way() -> list[str]:
        return re.findall(r'<option value="(\d+)"[^>]*\sselected>', page())

    def save(body: str, **form: Any) -> None:
        answer = browser.post(f"/inbox/{first.pk}/draft/", {"kind": "reply", "body": body, **form})
        assert answer.status_code in (200, 409)

    rosa = seen()
    assert rosa[0].startswith(f"{loft.pk}:")
    save("Dear Rosa", via=loft.pk, into=rosa)
    merge_tickets(ticket=second, into=first, by=viewer, confirm_different_requesters=True)
    assert (way(), seen()[0]) == ([str(loft.pk)], rosa[0])
    # Nothing is written any more: the obvious conversation holds again.
    save("")
    assert seen()[0] != rosa[0]
    save("A mail", via=0, into=rosa, cc=["mette@halden.example"], cc_edited="1")
    assert (way(), "mette@halden.example" in page()) == (["0"], True)


def test_a_draft_of_a_mail_stays_one_when_the_customer_writes_elsewhere(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    browser = login(agent)
    call(loft, message("p1", name="Rosa"))
    take_payloads()
    chat = Ticket.objects.get()
    support = Inbox.objects.create(name="Support", channel="email", address="help@desk.example")
    ContactIdentity.objects.create(contact=chat.contact, kind="email", value="rosa@halden.example")
    thread = ChannelThread.objects.get()
    ChannelThread.objects.update(last_inbound_at=None)
    page = browser.get(f"/inbox/{chat.pk}/").content.decode()
    [into] = re.findall(r'name="into" value="([^"]+)"', page)
    browser.post(f"/inbox/{chat.pk}/draft/", {"kind": "reply", "body": "A long mail", "into": into})
    thread.save()
    page = browser.get(f"/inbox/{chat.pk}/").content.decode()
    assert re.findall(r'<option value="(\d+)"[^>]*\sselected>', page) == [str(support.pk)]


def test_an_answer_that_leaves_later_keeps_its_way(
    loft: Inbox, pigeon: Pigeon, agent: User, noon: None, login: Callable[[User], Client]
) -> None:
    support = Inbox.objects.create(name="Support", channel="email", address="help@desk.example")
    call(loft, message())
    take_payloads()
    ticket = Ticket.objects.get()
    ContactIdentity.objects.create(contact=ticket.contact, kind="email", value="rosa@halden.example")
    viewer = agent.as_viewer()
    mail = schedule_answer(
        ticket=ticket,
        body="Mail",
        send_at=moment(60),
        by=viewer,
        via=support.pk,
        hold_if_customer_writes=False,
    )
    bird = schedule_answer(
        ticket=ticket, body="Bird", send_at=moment(61), by=viewer, hold_if_customer_writes=False
    )
    draft = edit_scheduled(answer=mail, by=viewer)
    assert draft.inbox_id == support.pk
    page = login(agent).get(f"/inbox/{ticket.pk}/").content.decode()
    assert re.findall(r'<option value="(\d+)"[^>]*\sselected>', page) == [str(support.pk)]
    mail = schedule_answer(
        ticket=ticket, body="Mail", send_at=moment(60), by=viewer, via=support.pk, draft=draft
    )
    for waiting in (mail, bird):
        send_scheduled_now(answer=waiting, by=viewer)
    ways = Message.objects.filter(kind="outbound").order_by("pk").values_list("channel", flat=True)
    assert list(ways) == ["email", "pigeon"]


def test_what_a_provider_sent_about_somebody_is_exported_and_erased(
    loft: Inbox, admin: User, agent: User, pigeon: Pigeon, noon: None
) -> None:
    call(loft, message(perch="zebra", name="Rosa Zebra", text="zebras again"))
    call(loft, {"what": "edit", "id": "mzebra1", "text": "Zebras again", "at": 1})
    call(loft, message(perch="other", text="Something else"))
    take_payloads()
    contact = Ticket.objects.get(contact__name="Rosa Zebra").contact
    ChannelPayload.objects.create(
        inbox=loft,
        delivery_id="late",
        body=b'[{"perch": "zebra"}]',
        received_at=timezone.now(),
        state="failed",
    )
    parts = [one for one in personal_data if one.key == "channels"]
    assert parts[0].export([contact.pk])["conversations"][0]["key"] == "zebra"
    erase_contact(contact=contact, confirmation="rosa zebra", by=admin.as_viewer(), reason="asked")
    run_jobs("batch")
    bodies = b" ".join(bytes(one.body) for one in ChannelPayload.objects.all())
    assert b"ebra" not in bodies
    assert b"Something else" in bodies
    left = [
        str(row)
        for table in (ChannelThread, ProviderMessage, Message)
        for row in table._base_manager.values()
    ]
    assert not [row for row in left if "ebra" in row]
    call(loft, message(perch="zebra", number=2, name="Rosa Zebra", text="me again", at=9))
    take_payloads()
    assert Ticket.objects.filter(contact__name="Rosa Zebra").exclude(contact=contact).count() == 1


def test_old_calls_are_forgotten_but_not_what_failed(loft: Inbox) -> None:
    call(loft, message())
    take_payloads()
    old = timezone.now() - timedelta(days=31)
    ChannelPayload.objects.update(processed_at=old)
    ChannelPayload.objects.create(
        inbox=loft, delivery_id="x", body=b"?", received_at=old, processed_at=old, state="failed"
    )
    assert forget_old_payloads() == 1
    assert sorted(bytes(one.body) for one in ChannelPayload.objects.all()) == [b"", b"?"]
    ChannelPayload.objects.update(processed_at=timezone.now() - timedelta(days=91))
    forget_old_payloads()
    assert ChannelPayload.objects.get().state == "failed"
