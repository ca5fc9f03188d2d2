"""Saying no: by the page, by one click of a mail program, by mail; what a stranger learns is nothing."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from core.models import Event
from core.services.dead_letters import NotReplayableError, replay_subscriber
from customers.models import Account, ConsentEvent, Contact
from customers.services.merge_contacts import merge_contacts
from people.models import User
from success.gate_facts import consent_status
from success.models import Outreach
from success.services.withdraw_consent import token_in_subject, withdraw_by_token
from success.unsubscribe_tokens import outreach_of, token_for
from tickets.models import Inbox


@pytest.fixture
def outreach(account: Account, contact: Contact) -> Outreach:
    ConsentEvent.objects.create(contact=contact, status="granted", source="contract", at=timezone.now())
    now = timezone.now()
    return Outreach.objects.create(
        account=account,
        contact=contact,
        step_key="x",
        subject="Hi",
        body="Hi",
        created_at=now,
        expires_at=now,
    )


def test_a_get_changes_nothing_and_offers_one_button(outreach: Outreach) -> None:
    answer = Client(enforce_csrf_checks=True).get(f"/u/{token_for(outreach)}/")
    assert answer.status_code == 200
    assert b"<button" in answer.content
    assert "no-store" in answer["Cache-Control"]
    assert consent_status(outreach.contact, "email", "success") == "granted"


def test_one_click_needs_no_cookie_acts_at_once_and_may_be_repeated(outreach: Outreach) -> None:
    stranger = Client(enforce_csrf_checks=True)
    for _time in range(3):
        answer = stranger.post(f"/u/{token_for(outreach)}/", {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Location" not in answer
    assert consent_status(outreach.contact, "email", "success") == "withdrawn"
    rows = ConsentEvent.objects.filter(contact=outreach.contact, topic="success", status="withdrawn")
    assert rows.get().source == "one-click"
    assert (
        Event.objects.filter(verb="customers.consent_recorded", actor_kind="contact").count() == 3
    )  # three topics


@pytest.mark.parametrize("token", ["1", "1.abc", "999999.zzzz", "..", "%F0%9F%98%80", "a" * 300])
def test_a_wrong_token_gets_the_same_answer_and_changes_nothing(token: str, outreach: Outreach) -> None:
    right = Client().get(f"/u/{token_for(outreach)}/")
    wrong = Client().get(f"/u/{token}/")
    assert wrong.status_code == right.status_code == 200
    assert Client().post(f"/u/{token}/").status_code == 200
    assert Client().post(f"/u/{token}/topics/", {"topics": ["success"]}).status_code == 200
    assert consent_status(outreach.contact, "email", "success") == "granted"


def test_a_token_of_another_purpose_or_another_mail_is_not_ours(outreach: Outreach) -> None:
    number, _dot, signature = token_for(outreach).partition(".")
    assert outreach_of(f"{int(number) + 1}.{signature}") is None
    assert outreach_of(token_for(outreach)) == outreach


def test_topics_can_be_chosen_one_by_one(outreach: Outreach) -> None:
    Client().post(f"/u/{token_for(outreach)}/topics/", {"topics": ["product"]})
    states = {
        topic: consent_status(outreach.contact, "email", topic) for topic in ("success", "product", "survey")
    }
    assert states == {"success": "withdrawn", "product": "granted", "survey": ""}


def test_the_mail_form_of_the_header_is_understood(outreach: Outreach) -> None:
    assert token_in_subject(f"Unsubscribe  {token_for(outreach)} ") == token_for(outreach)
    assert token_in_subject("unsubscribe me from the newsletter please") == ""
    assert withdraw_by_token(token=token_for(outreach), source="unsubscribe mail")
    assert consent_status(outreach.contact, "email", "success") == "withdrawn"


def test_an_unsubscribe_mail_that_became_a_ticket_is_heeded(
    outreach: Outreach, inbox: Inbox, pump: Callable[[], int], api: Callable[..., Client]
) -> None:
    answer = api("tickets:write").post(
        "/api/v1/tickets/",
        {
            "subject": f"unsubscribe {token_for(outreach)}",
            "body": "unsubscribe",
            "contact": {"email": "mette@halden.example", "name": "Mette"},
            "channel": "email",
        },
    )
    assert answer.status_code == 201, answer.content
    pump()
    assert consent_status(outreach.contact, "email", "success") == "withdrawn"


def test_the_link_speaks_for_whoever_took_the_recipient_over(
    outreach: Outreach, account: Account, csm: User
) -> None:
    other = Contact.objects.create(account=account, name="Mette H.")
    merge_contacts(source=outreach.contact, target=other, by=csm.as_viewer())
    assert withdraw_by_token(token=token_for(outreach), source="test")
    assert consent_status(other, "email", "success") == "withdrawn"


def test_a_merge_does_not_forget_who_said_no(outreach: Outreach, account: Account, csm: User) -> None:
    other = Contact.objects.create(account=account, name="Mette H.")
    ConsentEvent.objects.create(contact=other, status="granted", source="contract", at=timezone.now())
    assert withdraw_by_token(token=token_for(outreach), source="test")
    merge_contacts(source=outreach.contact, target=other, by=csm.as_viewer())
    assert consent_status(other, "email", "success") == "withdrawn"


def test_mails_to_unsubscribe_are_not_heeded_twice(admin: User) -> None:
    with pytest.raises(NotReplayableError):
        replay_subscriber(key="success.unsubscribe_mail", from_seq=0, by=admin.as_viewer())
