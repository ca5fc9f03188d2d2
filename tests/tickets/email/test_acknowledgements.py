"""Acknowledgements: who gets one, in what words, and when the inbox falls silent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from core.models import Notification, Outbound
from core.outbox import send_due
from people.models import User
from people.viewer import system_viewer
from tests.tickets.email.mails import mail_of, take
from tickets.acknowledgements import BREAKER_LEAST, rules_of, tokens_left
from tickets.models import Inbox
from tickets.services.save_acknowledgement import save_acknowledgement

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind_inbox(inbox: Inbox) -> Inbox:
    save_acknowledgement(
        inbox=inbox, is_on=True, text="Dear {{contact.name|friend}}, we have it.", by=system_viewer("command")
    )
    inbox.refresh_from_db()
    return inbox


def left(pump: Callable[[], int]) -> list[Any]:
    pump()
    send_due()
    return list(outgoing.outbox)


def test_the_mail_that_opens_a_ticket_is_acknowledged_once(
    kind_inbox: Inbox, pump: Callable[[], int]
) -> None:
    row = take(mail_of(sender="Ada Berg <ada@kunde.example>", Message_ID="<1@kunde.example>"), kind_inbox)
    [sent] = left(pump)
    assert row.ticket is not None
    assert sent.from_email == ""
    assert sent.to == ["ada@kunde.example"]
    assert sent.body == "Dear friend, we have it."
    message = sent.message()
    assert message["From"].endswith("<support@desk.example>")
    assert (message["Auto-Submitted"], message["X-Auto-Response-Suppress"], message["Precedence"]) == (
        "auto-replied",
        "All",
        "bulk",
    )
    assert message["In-Reply-To"] == "<1@kunde.example>"
    # The answer to it joins the ticket, and is not acknowledged again.
    answer = mail_of(
        sender="ada@kunde.example", In_Reply_To=message["Message-ID"], Message_ID="<2@kunde.example>"
    )
    assert take(answer, kind_inbox).ticket == row.ticket
    assert len(left(pump)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-generated"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.kunde.example>"},
        {"Return_Path": "<>"},
        {"X_Loop": "yes"},
        {"sender": "support@desk.example"},
    ],
)
def test_machines_lists_and_ourselves_get_none(
    kind_inbox: Inbox, pump: Callable[[], int], headers: dict[str, str]
) -> None:
    take(mail_of(Message_ID="<1@kunde.example>", **headers), kind_inbox)
    assert left(pump) == []


@pytest.mark.parametrize(
    ("result", "subject", "body"),
    [
        ("dmarc=pass header.from=kunde.example", "Auto: Re: Buy at evil.example", "Hello Visit Evil: Buy at evil.example"),
        ("", "Auto: We have your message (", "Hello you:"),
        ("spf=pass smtp.mailfrom=bounce@evil.example", "Auto: We have your message (", "Hello you:"),
        ("dmarc=fail header.from=kunde.example", None, ""),
    ],
)  # fmt: skip
def test_a_forged_sender_puts_no_words_into_our_mail(
    kind_inbox: Inbox, pump: Callable[[], int], result: str, subject: str | None, body: str
) -> None:
    kind_inbox.config = {**kind_inbox.config, "authserv_id": "mx.desk.example"}
    kind_inbox.save()
    save_acknowledgement(
        inbox=kind_inbox, is_on=True, text="Hello {{contact.name|you}}: {{ticket.subject}}", by=system_viewer("command")
    )  # fmt: skip
    headers = {"Authentication_Results": f"mx.desk.example; {result}"} if result else {}
    take(
        mail_of(sender="Visit Evil <ada@kunde.example>", subject="Buy at evil.example", **headers), kind_inbox
    )
    sent = left(pump)
    assert [one.subject.startswith(subject) for one in sent] == ([] if subject is None else [True])
    assert [one.body for one in sent] == ([] if subject is None else [body])


def test_a_tag_makes_no_other_address(kind_inbox: Inbox, pump: Callable[[], int]) -> None:
    for number in range(6):
        raw = mail_of(sender=f"ada+{number}@kunde.example", Message_ID=f"<{number}@x.example>")
        take(raw, kind_inbox)
    assert len(left(pump)) == 3


def test_an_answer_in_the_meantime_makes_it_needless(kind_inbox: Inbox, pump: Callable[[], int]) -> None:
    take(mail_of(), kind_inbox)
    pump()
    save_acknowledgement(inbox=kind_inbox, is_on=False, by=system_viewer("command"))
    send_due()
    assert outgoing.outbox == []
    assert Outbound.objects.get(kind="tickets.acknowledgement").state == Outbound.State.CANCELLED


def test_one_address_gets_few(kind_inbox: Inbox, pump: Callable[[], int]) -> None:
    for number in range(6):
        take(mail_of(subject=str(number), Message_ID=f"<{number}@x.example>"), kind_inbox)
    assert len(left(pump)) == 3


def test_tokens_come_back_slowly() -> None:
    now = timezone.now()
    assert tokens_left([], now) == 3
    assert tokens_left([now - timedelta(hours=1)] * 3, now) == pytest.approx(1 / 8)
    assert tokens_left([now - timedelta(hours=8)] * 3, now) == pytest.approx(1)
    assert tokens_left([now - timedelta(days=9)], now) == 3


def test_the_breaker_stops_an_inbox_that_writes_far_more_than_usual(
    kind_inbox: Inbox, pump: Callable[[], int], admin: User, login: Callable[[User], Client]
) -> None:
    for number in range(BREAKER_LEAST + 5):
        raw = mail_of(sender=f"p{number}@c{number}.example", Message_ID=f"<{number}@x.example>")
        take(raw, kind_inbox)
    pump()
    assert Outbound.objects.filter(kind="tickets.acknowledgement").count() == BREAKER_LEAST
    kind_inbox.refresh_from_db()
    assert "within one hour" in rules_of(kind_inbox).why
    assert Notification.objects.filter(user=admin, kind="tickets.acknowledgement_paused").count() == 1
    send_due()
    assert outgoing.outbox == [], "what was planned before the pause must not leave either"
    browser = login(admin)
    page = f"/settings/inboxes/{kind_inbox.pk}/acknowledgement/"
    assert "within one hour" in browser.get(page).content.decode()
    browser.post(f"{page}resume/")
    kind_inbox.refresh_from_db()
    assert rules_of(kind_inbox).paused_at == ""


def test_settings(inbox: Inbox, admin: User, agent: User, login: Callable[[User], Client]) -> None:
    page = f"/settings/inboxes/{inbox.pk}/acknowledgement/"
    assert login(agent).get(page).status_code == 403
    browser = login(admin)
    refused = browser.post(page, {"is_on": "on", "text": "Hello {{nobody}}"})
    assert refused.status_code == 422
    assert "nobody" in refused.content.decode()
    browser.post(page, {"is_on": "on", "text": "Thanks."})
    inbox.refresh_from_db()
    assert (rules_of(inbox).is_on, rules_of(inbox).words) == (True, "Thanks.")
    with pytest.raises(PermissionDenied):
        save_acknowledgement(inbox=inbox, is_on=True, by=agent.as_viewer())
    phone = Inbox.objects.create(name="Phone", channel="phone")
    with pytest.raises(ValidationError):
        save_acknowledgement(inbox=phone, is_on=True, by=admin.as_viewer())
