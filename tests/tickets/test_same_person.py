"""One person on several channels: addresses are shown, added and removed, and what is written in messages is offered."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core.models import Event
from customers.identities import Identity
from customers.models import Account, Contact, ContactIdentity, ContactMerge
from people.models import User
from people.viewer import system_viewer
from tickets.given_addresses import read_addresses
from tickets.incoming import IncomingMessage
from tickets.models import Ticket
from tickets.services.receive_message import receive_message

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def chat(text: str, handle: str = "telegram:4711") -> Ticket:
    """Somebody whom only a messenger knows writes."""
    incoming = IncomingMessage(
        channel="telegram", sender=Identity("handle", handle), sender_name="Mette", text=text
    )
    return receive_message(incoming=incoming, by=system_viewer("telegram")).ticket


def test_the_panel_shows_every_address_and_offers_the_merge(
    contact: Contact, account: Account, lead_user: User, login: Login
) -> None:
    ticket = chat(f"My address is {contact.email.upper()}, call +47 22 12 34 56.")
    browser = login(lead_user)
    panel = browser.get(f"/inbox/{ticket.pk}/panels/contact/").content.decode()
    assert "4711" in panel
    assert "Same person: merge" in panel
    assert "Add to the contact" in panel
    taken = browser.post(f"/inbox/{ticket.pk}/given-address/", {"kind": "email", "value": contact.email})
    assert taken.status_code == 302
    ticket.refresh_from_db()
    assert (ticket.contact.merged_into, ticket.account) == (contact, account)
    assert ticket.contact.email == contact.email, "answers can go by mail now"
    panel = browser.get(f"/inbox/{ticket.pk}/panels/contact/").content.decode()
    assert contact.email in panel
    assert "4711" in panel
    assert "Same person" not in panel
    # What comes from the messenger now is the known person's.
    assert chat("Hello again").contact == contact


def test_an_address_that_nobody_has_is_added(api: Any, lead_user: User) -> None:
    ticket = chat("I am mette@new.example")
    client = api("tickets:read", "accounts:write")
    (found,) = client.get(f"/api/v1/tickets/{ticket.pk}/given-addresses/").json()["results"]
    assert found == {"kind": "email", "value": "mette@new.example", "contact": None}
    body = {"kind": "email", "value": "mette@new.example"}
    taken = client.post(f"/api/v1/tickets/{ticket.pk}/given-addresses/", body, format="json")
    assert taken.json() == {"contact": ticket.contact_id}
    assert ContactIdentity.objects.get(kind="email").contact == ticket.contact
    again = client.post(f"/api/v1/tickets/{ticket.pk}/given-addresses/", body, format="json")
    assert again.status_code == 400
    other = {"kind": "email", "value": "boss@elsewhere.example"}
    assert (
        client.post(f"/api/v1/tickets/{ticket.pk}/given-addresses/", other, format="json").status_code == 400
    )
    assert not ContactMerge.objects.exists()


def test_who_may_not_edit_customers_gets_no_button(contact: Contact, agent: User, login: Login) -> None:
    ticket = chat(f"My address is {contact.email}")
    browser = login(agent)
    panel = browser.get(f"/inbox/{ticket.pk}/panels/contact/").content.decode()
    assert "Same person: merge" not in panel
    body = {"kind": "email", "value": contact.email}
    assert browser.post(f"/inbox/{ticket.pk}/given-address/", body).status_code == 403


def test_addresses_are_removed_but_not_the_last_one(
    contact: Contact, lead_user: User, login: Login, api: Any
) -> None:
    browser = login(lead_user)
    page = f"/contacts/{contact.pk}/"
    browser.post(f"{page}addresses/", {"kind": "phone", "value": "+47 22 12 34 56"})
    phone = ContactIdentity.objects.get(kind="phone")
    assert f"{page}addresses/{phone.pk}/remove/" in browser.get(page).content.decode()
    browser.post(f"{page}addresses/{phone.pk}/remove/")
    assert not ContactIdentity.objects.filter(pk=phone.pk).exists()
    assert Event.objects.filter(verb="customers.identity_removed", subject_id=contact.pk).exists()
    client = api("accounts:write")
    (left,) = client.get(f"/api/v1/contacts/{contact.pk}/identities/").json()
    refused = client.delete(f"/api/v1/contacts/{contact.pk}/identities/{left['id']}/")
    assert refused.status_code == 400
    assert "value" in refused.json()["errors"]
    browser.post(f"{page}addresses/{left['id']}/remove/")
    assert ContactIdentity.objects.filter(pk=left["id"]).exists()


@given(st.text(max_size=300) | st.text("a@.+0 1-/()", max_size=120))
def test_any_text_is_read(text: str) -> None:
    for kind, value in read_addresses(text):
        assert "@" in value if kind == "email" else value.startswith("+")
