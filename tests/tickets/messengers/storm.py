"""A storm of calls by two messengers: each several times, out of order, some late; and the state that it leads to.

Time goes in rounds. Within one everything is shuffled; between them agents answer and solve what they see. News of an
answer, edits and repetitions may come rounds later; messages too, unless an agent has answered without them, because then they
count as new.
"""

import hmac
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import time_machine
from django.test import Client

from core.outbox import send_due
from people.viewer import Viewer, system_viewer
from tests.tickets.providers import Asked, FakeProvider, Reply
from tickets.channels.telegram.adapter import _hook_secret
from tickets.connections import connection_of, hook_url
from tickets.models import ChannelPayload, ChannelThread, Inbox, ProviderMessage, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_inbox import save_inbox
from tickets.services.take_payload import take_payloads

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROUND = timedelta(hours=4)
NUMBER, TOKEN, SECRET = "106540352242922", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx", "hush"
WORDS = [
    "door",
    "invoice",
    "order",
    "late",
    "blue",
    "help",
    "please",
    "again",
    "broken",
    "report",
    "login",
    "why",
]


@dataclass(frozen=True)
class Call:
    """One call of a provider: to which inbox, and what it says."""

    inbox: str
    news: dict[str, Any]

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return json.dumps(self.news).encode()


@dataclass(frozen=True)
class Act:
    """An agent answers a chat, and perhaps solves the ticket."""

    thread_key: str
    text: str
    solves: bool


@dataclass
class Round:
    """What happens in four hours: calls in the order of their making, then the acts of agents."""

    calls: list[Call] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)


def story(*, chats: int, rounds: int, seed: int) -> list[Round]:
    """Return what happens, in order."""
    dice = random.Random(seed)
    told = [Round() for _number in range(rounds + 1)]
    clocks = [0.0] * chats
    update, mid = iter(range(1, 10**9)), iter(range(1, 10**9))
    for number, one in enumerate(told[:-1]):
        begin = BEGAN + ROUND * number
        for chat in range(chats):
            clocks[chat] = 0.0
            for _message in range(dice.choice((0, 2, 3, 4, 6))):
                clocks[chat] += dice.choice((0, 1, 60, 900)) if chat % 2 == 0 else dice.choice((1, 60, 900))
                at = begin + timedelta(seconds=clocks[chat])
                text = " ".join(dice.choices(WORDS, k=4))
                if chat % 2:
                    one.calls.append(_whatsapp_message(chat, next(mid), text, at))
                    continue
                message = next(mid)
                one.calls.append(_telegram(next(update), "message", chat, message, text, at))
                for change in range(dice.choice((0, 0, 0, 1, 2))):
                    changed = at + timedelta(seconds=dice.choice((0, 1, 30)) + change)
                    one.calls.append(
                        _telegram(
                            next(update), "edited_message", chat, message, f"{text} {change}", at, changed
                        )
                    )
            if clocks[chat] and dice.random() < 0.5:
                answer = f"Answer {number} to {chat}"
                key = _number(chat) if chat % 2 else str(5000 + chat)
                one.acts.append(Act(key, answer, solves=dice.random() < 0.3))
                if chat % 2:
                    told[number + 1].calls += _statuses(dice, answer, begin + ROUND)
    return told


def storm(told: Sequence[Round], *, seed: int) -> list[Round]:
    """Return the same, each call one to five times, shuffled and some of them late."""
    dice = random.Random(seed)
    shuffled = [Round(acts=list(one.acts)) for one in told]
    shuffled.append(Round())
    last = len(shuffled) - 1
    for number, one in enumerate(told):
        answered = {act.thread_key for act in one.acts}
        for call in one.calls:
            first = number
            may_be_late = _thread(call) not in answered
            if may_be_late and dice.random() < 0.15:
                first = min(last, number + (1 if _is_message(call) else dice.randint(1, 3)))
            if _is_message(call) and first != number and first < len(told):
                # Somebody answers this chat in the round in which it would come: it comes before that.
                first = first if _thread(call) not in {act.thread_key for act in told[first].acts} else number
            shuffled[first].calls.append(call)
            for _copy in range(dice.randint(0, 4)):
                shuffled[min(last, first + dice.choice((0, 0, 0, 1, 2)))].calls.append(call)
    for one in shuffled:
        dice.shuffle(one.calls)
    return shuffled


class Desk:
    """Two inboxes whose providers send the storm; ``provider`` is the fake that takes the answers."""

    def __init__(self, provider: FakeProvider) -> None:
        by = system_viewer("storm")
        self.by: Viewer = by
        provider.answer = _taken  # type: ignore[method-assign]
        self.inboxes = {
            "bot": save_inbox(name="Bot", channel="telegram", default_team=None, settings={"token": TOKEN}, by=by),
            "line": save_inbox(
                name="Line", channel="whatsapp", default_team=None, by=by,
                settings={"phone_number_id": NUMBER, "business_account_id": "1", "access_token": "a",
                          "app_secret": SECRET, "verify_token": "v"},
            ),
        }  # fmt: skip
        self.client = Client()

    def path(self, call: Call) -> str:
        """Where a call goes."""
        return "/" + hook_url(self.inboxes[call.inbox]).partition("://")[2].partition("/")[2]

    def headers(self, call: Call) -> dict[str, str]:
        """What proves where it comes from."""
        if call.inbox == "bot":
            return {"X-Telegram-Bot-Api-Secret-Token": _hook_secret(connection_of(self.inboxes["bot"]))}
        return {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), call.body, sha256).hexdigest()}

    def live_through(self, told: Sequence[Round]) -> int:
        """Let the rounds happen; returns how many calls were made."""
        made = 0
        for number, one in enumerate(told):
            with time_machine.travel(BEGAN + ROUND * (number + 1), tick=False):
                for call in one.calls:
                    answer = self.client.post(
                        self.path(call),
                        call.body,
                        content_type="application/json",
                        headers=self.headers(call),
                    )
                    assert answer.status_code == 200, answer.content
                    made += 1
                take_payloads(limit=100_000)
                for act in one.acts:
                    self._act(act)
                send_due(budget_seconds=600)
        failed = ChannelPayload.objects.exclude(state__in=["processed", "ignored"]).values_list(
            "error", flat=True
        )
        assert not failed, list(failed[:5])
        return made

    def _act(self, act: Act) -> None:
        thread = ChannelThread.objects.get(key=act.thread_key)
        assert thread.ticket is not None
        reply_to_ticket(
            ticket=thread.ticket, body=act.text, by=self.by, status="resolved" if act.solves else ""
        )


def state_of(inboxes: Sequence[Inbox]) -> dict[str, Any]:
    """Return what people see of the chats, and what is known of the answers, by what names it at the providers."""
    threads = ChannelThread.objects.filter(inbox__in=inboxes).select_related("contact", "inbox")
    state: dict[str, Any] = {}
    for thread in threads:
        tickets = (
            Ticket.objects.filter(contact=thread.contact_id)
            .select_related("status")
            .order_by("created_at", "pk")
        )
        state[f"{thread.inbox}/{thread.key}"] = {
            "contact": str(thread.contact),
            "last_inbound_at": thread.last_inbound_at,
            "tickets": [_ticket(one) for one in tickets],
        }
    told = ProviderMessage.objects.filter(inbox__in=inboxes).values_list(
        "inbox__name", "provider_id", "state", "state_at", "text", "edited_at", "message__body_text"
    )
    state["provider"] = sorted(told, key=str)
    return state


def _ticket(ticket: Ticket) -> dict[str, Any]:
    names = (
        "subject", "created_at", "last_message_at", "last_message_preview", "last_message_inbound", "inbound_count",
        "outbound_count", "unread", "waiting_since", "first_responded_at", "status_id", "resolved_at",
    )  # fmt: skip
    messages = ticket.messages.order_by("created_at", "body_text").values_list(
        "kind", "subject", "body_text", "created_at", "delivery", "delivery_detail", "delivered_at"
    )
    return {name: getattr(ticket, name) for name in names} | {"messages": list(messages)}


def differences(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Say where two states differ."""
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key):
            yield f"{key}:\n  {one.get(key)}\n  {other.get(key)}"


def _taken(asked: Asked) -> Reply:
    """The providers accept an answer; its id follows from its text."""
    told = asked.json
    text = told["text"]["body"] if isinstance(told["text"], dict) else told["text"]
    if "chat_id" in told:
        return Reply({"ok": True, "result": {"message_id": int(sha256(text.encode()).hexdigest()[:7], 16)}})
    return Reply({"messages": [{"id": _wamid(text)}]})


def _wamid(text: str) -> str:
    return "wamid." + sha256(text.encode()).hexdigest()[:16]


def _number(chat: int) -> str:
    return f"49151{20000000 + chat}"


def _telegram(
    update: int, what: str, chat: int, message: int, text: str, at: datetime, changed: datetime | None = None
) -> Call:
    person = {"id": 5000 + chat, "is_bot": False, "first_name": f"Person {chat}"}
    told: dict[str, Any] = {
        "message_id": message, "from": person, "chat": {"id": 5000 + chat, "type": "private"},
        "date": int(at.timestamp()), "text": text,
    }  # fmt: skip
    if changed is not None:
        told["edit_date"] = int(changed.timestamp())
    return Call("bot", {"update_id": update, what: told})


def _batch(value: dict[str, Any]) -> Call:
    meta = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}}
    change = {"field": "messages", "value": meta | value}
    return Call("line", {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})


def _whatsapp_message(chat: int, mid: int, text: str, at: datetime) -> Call:
    message = {
        "from": _number(chat), "id": f"wamid.in{mid}", "timestamp": str(int(at.timestamp())), "type": "text",
        "text": {"body": text},
    }  # fmt: skip
    profile = {"profile": {"name": f"Person {chat}"}, "wa_id": _number(chat)}
    return _batch({"contacts": [profile], "messages": [message]})


def _statuses(dice: random.Random, answer: str, at: datetime) -> Iterator[Call]:
    states = dice.choice((["sent"], ["sent", "delivered"], ["sent", "delivered", "read"], ["sent", "failed"]))
    for number, state in enumerate(states):
        told = {"id": _wamid(answer), "status": state, "timestamp": str(int(at.timestamp()) + 60 * number)}
        if state == "failed":
            told["errors"] = [{"code": 131026, "title": "Message undeliverable"}]  # type: ignore[assignment]
        yield _batch({"statuses": [told]})


def _is_message(call: Call) -> bool:
    if call.inbox == "bot":
        return "message" in call.news
    return "messages" in call.news["entry"][0]["changes"][0]["value"]


def _thread(call: Call) -> str:
    if call.inbox == "bot":
        told = call.news.get("message") or call.news["edited_message"]
        return str(told["chat"]["id"])
    messages = call.news["entry"][0]["changes"][0]["value"].get("messages")
    return messages[0]["from"] if messages else ""
