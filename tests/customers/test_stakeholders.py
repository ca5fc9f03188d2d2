"""Who has a say at an account, and findings that one of them may have left."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Event
from customers.models import Account, Contact, ContactIdentity, SponsorChange
from customers.services.judge_sponsor import decide_sponsor_change, report_sponsor_change
from customers.services.merge_contacts import merge_contacts
from customers.services.save_contact import create_contact, update_contact
from customers.stakeholders import reach_of, stakeholders_of
from people.models import User
from people.viewer import system_viewer
from success.models import CTA
from success.services.add_default_playbooks import add_default_playbooks
from success.tasks import run_playbook_steps
from tickets.channels.email.events import AUTOMATIC_REPLY_RECEIVED, MESSAGE_BOUNCED
from tickets.incoming import IncomingMessage
from tickets.models import Inbox, Message, Ticket
from tickets.services.find_silent_sponsors import find_silent_sponsors
from tickets.services.receive_message import receive_message
from tickets.subscribers.sponsor_changes import says_gone

Login = Callable[[User], Client]
SYSTEM = system_viewer("test")


def write(sender: str, inbox: Inbox, ago: timedelta = timedelta()) -> Ticket:
    """A mail of somebody, so long ago."""
    incoming = IncomingMessage(channel="email", sender=sender, text="Hello", subject="Hello")
    received = receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox)
    Message.objects.filter(pk=received.message.pk).update(created_at=timezone.now() - ago)
    ticket: Ticket = received.ticket
    return ticket


def test_the_map_tells_influence_stance_and_reach(
    account: Account, contact: Contact, csm: User, inbox: Inbox, login: Login, api: Callable[..., APIClient]
) -> None:
    by = csm.as_viewer()
    update_contact(contact=contact, values={"influence": 3, "stance": "promoter"}, by=by)
    quiet = create_contact(
        values={"name": "Quiet One", "account_id": account.pk, "role": "sponsor", "influence": 3, "stance": "detractor"},
        email="quiet@halden.example",
        by=by,
    )  # fmt: skip
    create_contact(values={"name": "Nobody", "account_id": account.pk}, by=by)
    alias = create_contact(values={"account_id": account.pk}, email="mette@private.example", by=by)
    write("mette@private.example", inbox)
    merge_contacts(source=alias, target=contact, by=by)
    write("quiet@halden.example", inbox, timedelta(days=75))
    found = stakeholders_of(account, by)
    assert [(str(one.contact), round(one.reach, 2)) for one in found.people] == [
        ("Mette Aas", 1.0),
        ("Quiet One", 0.5),
    ]
    assert found.roles_reached == 1
    assert [(influence, [len(cell) for cell in cells]) for influence, cells in found.rows] == [
        (3, [1, 0, 1, 0])
    ]
    page = login(csm).get(f"/customers/{account.pk}/people/").content.decode()
    assert "1 of 4 key roles wrote" in page
    assert "reach 100" in page
    told = api("accounts:read").get(f"/api/v1/accounts/{account.pk}/stakeholders/").json()
    assert [(one["contact"], one["stance"], one["influence"]) for one in told["people"]] == [
        (contact.pk, "promoter", 3),
        (quiet.pk, "detractor", 3),
    ]
    bad = api("accounts:write").patch(f"/api/v1/contacts/{contact.pk}/", {"influence": 4})
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["influence"])


def test_the_people_tab_costs_the_same_for_any_number(account: Account, csm: User, login: Login) -> None:
    browser = login(csm)

    def add(number: int) -> None:
        one = Contact.objects.create(account=account, name=f"P{number}", role="user", influence=1)
        ContactIdentity.objects.create(contact=one, kind="email", value=f"p{number}@halden.example")

    add(0)
    browser.get(f"/customers/{account.pk}/people/")
    with CaptureQueriesContext(connection) as few:
        browser.get(f"/customers/{account.pk}/people/")
    for number in range(1, 7):
        add(number)
    with CaptureQueriesContext(connection) as many:
        browser.get(f"/customers/{account.pk}/people/")
    assert len(few) == len(many)


@given(days=st.floats(0, 2000), later=st.floats(0, 2000))
def test_reach_never_grows_with_time(days: float, later: float) -> None:
    now = timezone.now()
    first, second = (reach_of(now - timedelta(days=one), now) for one in (days, days + later))
    assert 0 <= second <= first <= 1


def test_a_bounce_of_an_unknown_address_is_a_finding_and_a_task(
    account: Account, contact: Contact, csm: User, inbox: Inbox, login: Login, pump: Callable[[], int]
) -> None:
    add_default_playbooks(by=SYSTEM)
    ticket = write("mette@halden.example", inbox)
    for status in ("4.2.2", "5.2.2", "5.1.1", "5.1.1"):
        MESSAGE_BOUNCED.record(
            by=SYSTEM, subject_id=1, ticket_id=ticket.pk, account_id=account.pk,
            detail={"recipients": ["Mette@halden.example"], "status": status, "reason": f"{status} user unknown"},
        )  # fmt: skip
    pump()
    change = SponsorChange.objects.get()
    assert (change.contact, change.kind, change.role, change.state) == (contact, "bounced", "admin", "open")
    assert change.evidence["text"] == "5.1.1 user unknown"
    run_playbook_steps()
    assert "key person may have left" in CTA.objects.get(account=account).title
    browser = login(csm)
    page = browser.get(f"/customers/{account.pk}/people/").content.decode()
    assert "may have left" in page
    assert "5.1.1 user unknown" in page
    assert browser.post(f"/sponsor-changes/{change.pk}/", {"decision": "confirm"}).status_code == 302
    contact.refresh_from_db()
    change.refresh_from_db()
    assert contact.left_at == change.decided_at
    assert (change.state, change.decided_by) == ("confirmed", csm)
    pump()
    assert SponsorChange.objects.count() == 1
    assert "may have left" not in browser.get(f"/customers/{account.pk}/people/").content.decode()


def test_a_dismissed_finding_closes_its_task_and_stays_quiet(
    account: Account, contact: Contact, csm: User, pump: Callable[[], int]
) -> None:
    by = csm.as_viewer()
    change = report_sponsor_change(contact=contact, kind="silent", evidence={"text": "x"}, by=SYSTEM)
    assert change is not None
    assert report_sponsor_change(contact=contact, kind="bounced", evidence={}, by=SYSTEM) is None
    decide_sponsor_change(change=change, has_left=False, by=by)
    with pytest.raises(ValidationError):
        decide_sponsor_change(change=change, has_left=True, by=by)
    assert report_sponsor_change(contact=contact, kind="silent", evidence={}, by=SYSTEM) is None
    assert report_sponsor_change(contact=contact, kind="bounced", evidence={}, by=SYSTEM) is not None
    contact.refresh_from_db()
    assert contact.left_at is None


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Thank you. Mette Aas is no longer with Halden Logistics. Write to Ola.", True),
        ("I have left the company, please write to ola@halden.example", True),
        ("Frau Aas ist nicht mehr bei Halden tätig.", True),
        ("Madame Aas ne travaille plus ici", True),
        ("I am out of office until Monday and no longer in the office today.", False),
        ("Ich bin heute nicht mehr im Büro.", False),
        ("I left my phone at home", False),
    ],
)
def test_automatic_replies_are_read(
    text: str, gone: bool, account: Account, contact: Contact, inbox: Inbox, pump: Callable[[], int]
) -> None:
    assert bool(says_gone(text)) == gone
    ticket = write("mette@halden.example", inbox)
    AUTOMATIC_REPLY_RECEIVED.record(
        by=SYSTEM, subject_id=1, ticket_id=ticket.pk, account_id=account.pk,
        detail={"sender": "mette@halden.example", "subject": "Re: Hello", "text": text},
    )  # fmt: skip
    pump()
    assert list(SponsorChange.objects.values_list("kind", flat=True)) == (["auto_reply"] if gone else [])


@pytest.mark.parametrize(
    ("gaps", "silent", "found"),
    [([7, 7, 7, 7, 7], 50, 1), ([7, 7, 7, 7, 7], 40, 0), ([30, 30, 30, 30, 30], 60, 0), ([7, 7], 50, 0)],
)
def test_silence_is_measured_against_the_own_habit(
    gaps: list[int], silent: int, found: int, contact: Contact, inbox: Inbox
) -> None:
    day = silent
    for gap in [0, *gaps]:
        day += gap
        write("mette@halden.example", inbox, timedelta(days=day))
    assert find_silent_sponsors(by=SYSTEM) == found
    assert find_silent_sponsors(by=SYSTEM) == 0
    if found:
        assert "used to write every 7 days" in SponsorChange.objects.get().evidence["text"]


def test_who_is_marked_as_left_is_a_finding(
    account: Account, contact: Contact, csm: User, pump: Callable[[], int]
) -> None:
    other = create_contact(
        values={"name": "User", "account_id": account.pk, "role": "user"}, by=csm.as_viewer()
    )
    for one in (contact, other):
        update_contact(contact=one, values={"left_at": timezone.now()}, by=csm.as_viewer())
    pump()
    change = SponsorChange.objects.get()
    assert (change.contact, change.kind, change.state) == (contact, "left", "confirmed")
    assert Event.objects.filter(verb="customers.sponsor_change_found", account_id=account.pk).count() == 1


def test_over_rest(contact: Contact, api: Callable[..., APIClient]) -> None:
    change = report_sponsor_change(contact=contact, kind="silent", evidence={"text": "Silent"}, by=SYSTEM)
    assert change is not None
    key: Any = api("accounts:write")
    (told,) = key.get("/api/v1/sponsor-changes/?state=open").json()["results"]
    assert (told["contact"], told["text"]) == (contact.pk, "Silent")
    url = f"/api/v1/sponsor-changes/{change.pk}/"
    assert api("accounts:read").post(url, {"decision": "confirm"}).status_code == 403
    assert list(key.post(url, {"decision": "perhaps"}).json()["errors"]) == ["decision"]
    assert key.post(url, {"decision": "dismiss"}).json()["state"] == "dismissed"
    assert key.post(url, {"decision": "confirm"}).status_code == 400
