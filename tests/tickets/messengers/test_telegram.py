"""Telegram through its doors. Payloads are written from https://core.telegram.org/bots/api: documented, not recorded."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Event, Outbound
from core.outbox import send_due
from customers.identities import Identity
from customers.models import ContactIdentity
from people.models import User
from people.viewer import system_viewer
from tests.tickets.providers import FakeProvider, Reply, running_provider
from tickets.channel import Connection, HookRequest, Unreadable
from tickets.channels.telegram.adapter import TelegramChannel
from tickets.connections import hook_url
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import ChannelHealth, ChannelPayload, Inbox, Message, Ticket
from tickets.reply_routes import reply_routes
from tickets.services.receive_message import receive_message
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.retry_delivery import retry_delivery
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

pytestmark = pytest.mark.django_db

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx"
BOT = f"/bot{TOKEN}"
ROSA = {"id": 4711, "is_bot": False, "first_name": "Rosa", "last_name": "Vidal", "username": "rosa"}
CHAT = {"id": 4711, "type": "private", "first_name": "Rosa"}


@pytest.fixture
def provider(settings: Any) -> Iterator[FakeProvider]:
    """The Bot API on this machine."""
    with running_provider(settings, "telegram") as found:
        yield found


@pytest.fixture
def bot(admin: User) -> Inbox:
    """An inbox of a bot."""
    return save_inbox(
        name="Bot", channel="telegram", default_team=None, settings={"token": TOKEN}, by=admin.as_viewer()
    )


def secret_of(bot: Inbox, provider: FakeProvider, browser: Client) -> str:
    """What the page gives to Telegram when somebody connects the webhook."""
    provider.on(f"{BOT}/setWebhook", Reply({"ok": True, "result": True}, 200))
    browser.post(f"/settings/inboxes/{bot.pk}/", {"connect": "1"})
    asked = provider.asked[-1].json
    assert (asked["url"], asked["allowed_updates"]) == (hook_url(bot), ["message", "edited_message"])
    return str(asked["secret_token"])


def update(number: int, what: str = "message", **message: Any) -> dict[str, Any]:
    """An update with a message of Rosa."""
    now = int(timezone.now().timestamp())
    base = {"message_id": number, "from": ROSA, "chat": CHAT, "date": now}
    return {"update_id": 9000 + number, what: base | message}


def call(bot: Inbox, news: dict[str, Any], secret: str | None = None) -> int:
    """Telegram calls; returns the status."""
    from tickets.channels.telegram.adapter import _hook_secret
    from tickets.connections import connection_of

    path = "/" + hook_url(bot).partition("://")[2].partition("/")[2]
    token = _hook_secret(connection_of(bot)) if secret is None else secret
    headers = {"X-Telegram-Bot-Api-Secret-Token": token}
    return Client().post(path, json.dumps(news), content_type="application/json", headers=headers).status_code


def sent(number: int) -> Reply:
    """The Bot API's answer to what it has sent."""
    return Reply({"ok": True, "result": {"message_id": number, "chat": CHAT, "date": 1}})


def error(code: int, words: str, **parameters: Any) -> Reply:
    """The Bot API's refusal."""
    told = {"ok": False, "error_code": code, "description": words}
    return Reply(told | ({"parameters": parameters} if parameters else {}), code)


def answer(ticket: Ticket, by: User, body: str = "We look into it.", **more: Any) -> Message:
    """An agent answers, and the outbox is worked."""
    written = reply_to_ticket(ticket=ticket, body=body, by=by.as_viewer(), **more)
    send_due()
    written.refresh_from_db()
    return written


def test_from_the_connected_bot_to_the_answer(
    bot: Inbox, provider: FakeProvider, admin: User, agent: User, login: Callable[[User], Client]
) -> None:
    secret = secret_of(bot, provider, login(admin))
    assert call(bot, update(1, text="The door is stuck."), secret) == 200
    assert call(bot, update(2, text="Hello?"), secret) == 200
    assert call(bot, update(3, text="no"), "guessed") == 403
    take_payloads()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.channel, str(ticket.contact)) == (
        "The door is stuck.",
        "telegram",
        "Rosa Vidal",
    )
    assert [one.body_text for one in ticket.messages.order_by("pk")] == ["The door is stuck.", "Hello?"]
    assert ContactIdentity.objects.get(contact=ticket.contact).value == "telegram:4711"
    provider.on(f"{BOT}/sendMessage", sent(77))
    written = answer(ticket, agent)
    assert written.delivery == "sent"
    assert provider.asked[-1].json == {"chat_id": "4711", "text": "We look into it."}
    assert Outbound.objects.get(idempotency_key=f"message:{written.pk}").provider_id == "4711:77"
    assert Event.objects.filter(verb="tickets.inbox_connected").count() == 1
    assert TOKEN not in json.dumps(list(Event.objects.values_list("detail__data", flat=True)))


@pytest.mark.parametrize("is_group", [True, False])
def test_a_group_gets_answers_of_its_own_ticket_alone(bot: Inbox, is_group: bool) -> None:
    place = {"id": -100200, "type": "supergroup", "title": "Parcels"} if is_group else CHAT
    call(bot, update(1, text="In front of everybody", chat=place))
    take_payloads()
    public = Ticket.objects.get()
    private = receive_message(
        incoming=IncomingMessage(
            channel="note", sender=Identity("handle", "telegram:4711"), text="Between us"
        ),
        by=system_viewer("note"),
    ).ticket
    assert private.contact == public.contact
    assert [one.name for one in reply_routes(public)] == [bot.pk]
    assert [one.name for one in reply_routes(private)] == ([] if is_group else [bot.pk])


def test_edits_change_the_text_and_its_line_in_the_list(bot: Inbox) -> None:
    later = int(timezone.now().timestamp()) + 5
    call(bot, update(2, what="edited_message", message_id=1, text="The blue door", edit_date=later))
    call(bot, update(1, text="The door"))
    take_payloads()
    assert not list(ChannelPayload.objects.exclude(state="processed").values_list("error", flat=True))
    ticket = Ticket.objects.get()
    assert (ticket.messages.get().body_text, ticket.last_message_preview) == (
        "The blue door",
        "The blue door",
    )


def test_files_are_fetched_in_two_steps(bot: Inbox, provider: FakeProvider) -> None:
    picture = b"\xff\xd8" + b"j" * 300_000
    provider.on(f"{BOT}/getFile", Reply({"ok": True, "result": {"file_path": "photos/1.jpg"}}, 200))
    provider.on(f"/file{BOT}/photos/1.jpg", Reply(picture, 200))
    sizes = [{"file_id": "s", "file_size": 900}, {"file_id": "L", "file_size": len(picture)}]
    call(bot, update(1, photo=sizes, caption="Look"))
    call(bot, update(2, voice={"file_id": "v", "mime_type": "audio/ogg", "file_size": 21_000_000}))
    call(bot, update(3, sticker={"file_id": "w", "emoji": "🙈"}))
    take_payloads()
    photo, voice, sticker = Message.objects.order_by("pk")
    assert provider.asked[0].json == {"file_id": "L"}
    attachment = photo.attachments.get()
    assert (attachment.name, attachment.size, photo.body_text) == ("photo.jpg", len(picture), "Look")
    assert "larger than 20 MB" in voice.body_text
    assert (sticker.body_text, sticker.attachments.get().name) == ("🙈", "sticker.webp")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "Yes", "reply_to_message": {"text": "Blue?\nOr red?"}}, "> Blue?\n\nYes"),
        ({"location": {"latitude": 1.5, "longitude": -2}}, "[Place: 1.5, -2.0]"),
        ({"contact": {"first_name": "Ana", "phone_number": "+3412"}}, "[Contact: Ana, +3412]"),
    ],
)
def test_what_is_no_plain_text_is_told_in_words(bot: Inbox, message: dict[str, Any], text: str) -> None:
    call(bot, update(1, **message))
    take_payloads()
    assert Message.objects.get().body_text == text


@pytest.mark.parametrize(
    "news",
    [
        {"update_id": 1, "my_chat_member": {"chat": CHAT}},
        {"update_id": 2, "message": {"message_id": 2, "chat": CHAT, "date": 1, "new_chat_title": "x", "from": ROSA}},
        {"update_id": 3, "message": {"message_id": 3, "chat": CHAT, "date": 1, "text": "/start", "from": ROSA}},
        {"update_id": 4, "message": {"message_id": 4, "chat": CHAT, "date": 1, "text": "x", "from": ROSA | {"is_bot": True}}},
    ],
)  # fmt: skip
def test_what_is_no_message_of_a_person_is_left(bot: Inbox, news: dict[str, Any]) -> None:
    call(bot, news)
    take_payloads()
    assert (Message.objects.count(), ChannelPayload.objects.get().state) == (0, "ignored")


def test_the_same_update_again_is_one_payload(bot: Inbox) -> None:
    news = update(1, text="Once")
    call(bot, news)
    call(bot, news | {"extra": 1})
    take_payloads()
    assert (ChannelPayload.objects.count(), Message.objects.count()) == (1, 1)


def test_an_answer_with_files_goes_on_where_it_stopped(
    bot: Inbox, provider: FakeProvider, agent: User
) -> None:
    call(bot, update(1, text="Send me the plans"))
    take_payloads()
    provider.on(f"{BOT}/sendPhoto", sent(78))
    provider.on(f"{BOT}/sendDocument", error(503, "Unavailable"), sent(79))
    files = [IncomingFile("a.png", b"png", "image/png"), IncomingFile("b.pdf", b"pdf", "application/pdf")]
    written = answer(Ticket.objects.get(), agent, "Here", files=files)
    assert written.delivery == "queued"
    Outbound.objects.update(not_before=timezone.now())
    send_due()
    written.refresh_from_db()
    assert written.delivery == "sent"
    assert [one.path for one in provider.asked] == [
        f"{BOT}/sendPhoto",
        f"{BOT}/sendDocument",
        f"{BOT}/sendDocument",
    ]
    assert provider.asked[0].parts == {
        "chat_id": "4711",
        "caption": "Here",
        "photo": ("a.png", "image/png", b"png"),
    }
    assert provider.asked[2].parts == {"chat_id": "4711", "document": ("b.pdf", "application/pdf", b"pdf")}


@pytest.mark.parametrize(
    ("reply", "delivery", "state"),
    [
        (error(401, "Unauthorized"), "queued", "refused"),
        (error(403, "Forbidden: bot was blocked by the user"), "failed", "new"),
        (error(400, "Bad Request: chat not found"), "failed", "new"),
        (error(500, "Internal Server Error"), "uncertain", "new"),
        (error(504, "Gateway Timeout"), "uncertain", "new"),
        (error(503, "Service Unavailable"), "queued", "unreachable"),
        (Reply(b"<html>", 502), "queued", "unreachable"),
        (Reply(b"<html>", 504), "uncertain", "new"),
    ],
)  # fmt: skip
def test_what_telegram_refuses(
    bot: Inbox, provider: FakeProvider, agent: User, reply: Reply, delivery: str, state: str
) -> None:
    call(bot, update(1, text="Help"))
    take_payloads()
    provider.on(f"{BOT}/sendMessage", reply)
    written = answer(Ticket.objects.get(), agent)
    assert written.delivery == delivery
    health = ChannelHealth.objects.filter(inbox=bot).first()
    assert (health.state if health else "new") == state


def test_too_many_calls_wait_as_long_as_telegram_says(
    bot: Inbox, provider: FakeProvider, agent: User
) -> None:
    call(bot, update(1, text="Help"))
    take_payloads()
    provider.on(f"{BOT}/sendMessage", error(429, "Too Many Requests", retry_after=120))
    written = answer(Ticket.objects.get(), agent)
    row = Outbound.objects.get(idempotency_key=f"message:{written.pk}")
    assert 100 < (row.not_before - timezone.now()).total_seconds() <= 120
    assert not ChannelHealth.objects.filter(inbox=bot, state="unreachable").exists()


def test_what_telegram_took_without_an_answer_is_left_to_a_person(
    bot: Inbox, provider: FakeProvider, agent: User
) -> None:
    call(bot, update(1, text="Help"))
    take_payloads()
    provider.on(f"{BOT}/sendMessage", Reply(status=0))
    written = answer(Ticket.objects.get(), agent)
    send_due()
    assert (written.delivery, len(provider.asked)) == ("uncertain", 1)
    provider.on(f"{BOT}/sendMessage", sent(80))
    retry_delivery(message=written, by=agent.as_viewer())
    send_due()
    written.refresh_from_db()
    assert (written.delivery, len(provider.asked)) == ("sent", 2)


def test_the_page_tells_what_telegram_says(
    bot: Inbox, provider: FakeProvider, admin: User, login: Callable[[User], Client]
) -> None:
    browser = login(admin)
    form = {"name": "Bot", "is_active": "on", "token": "", "try": "1"}
    page = f"/settings/inboxes/{bot.pk}/"
    assert "Connect webhook" in browser.get(page).content.decode()
    provider.on(f"{BOT}/getMe", Reply({"ok": True, "result": {"username": "door_bot"}}, 200))
    hook: dict[str, Any] = {"url": ""}
    provider.on(f"{BOT}/getWebhookInfo", Reply({"ok": True, "result": hook}, 200))
    assert "do not come here yet" in browser.post(page, form).content.decode()
    hook["url"] = hook_url(bot)
    assert "@door_bot works and is connected" in browser.post(page, form).content.decode()
    hook["last_error_message"] = "Connection timed out"
    assert "Connection timed out" in browser.post(page, form).content.decode()
    provider.on(f"{BOT}/getMe", error(401, "Unauthorized"))
    assert "does not accept the token" in browser.post(page, form).content.decode()
    assert "no token of a bot" in browser.post(page, form | {"token": "x"}).content.decode()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8) | st.booleans(),
        lambda kids: (
            st.lists(kids, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "message",
                        "edited_message",
                        "from",
                        "chat",
                        "id",
                        "date",
                        "text",
                        "photo",
                        "venue",
                        "location",
                        "document",
                        "file_id",
                        "message_id",
                        "reply_to_message",
                    ]
                ),
                kids,
            )
        ),
    )
)
def test_whatever_comes_is_read_or_called_unreadable(payload: Any) -> None:
    request = HookRequest(body=json.dumps(payload).encode())
    channel = TelegramChannel()
    assert isinstance(channel.delivery_id(request), str)
    try:
        channel.read(Connection(1, "Bot", {}), request)
    except Unreadable:
        return
