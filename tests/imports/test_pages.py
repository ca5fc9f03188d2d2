"""A table by the pages: upload, mapping, check, run, refused rows, undo; and who may not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from customers.models import Account, Contact
from imports.models import Import
from people.models import User
from tickets.models import Inbox, Ticket

CUSTOMERS = (
    "Id;Company;Website;Plan;ARR;CSM;Mascot\r\n"
    "a1;Northwind;https://www.northwind.example/en;enterprise;1.234,50;ines.csm@desk.example;=cmd()\r\n"
    "a2;Lakeside;lakeside.example;gold;100;;owl\r\n"
    "a3;Brightway;brightway.example;Starter;12k;;\r\n"
    "\r\n"
)


@pytest.fixture
def browser(admin: User, login: Callable[[User], Client], inbox: Inbox, csm: User) -> Client:
    """An administrator."""
    return login(admin)


def send(browser: Client, source: str, name: str, content: bytes, **more: Any) -> Import:
    """Upload a file by the page."""
    inbox = Inbox.objects.order_by("pk").first()
    data = {"uploads": SimpleUploadedFile(name, content), "inbox": inbox.pk if inbox else "", **more}
    response = browser.post(reverse("settings-import-upload", args=[source]), data)
    assert response.status_code == 302, response.content
    return Import.objects.latest("pk")


def posted(browser: Client, run: Import, **changed: str) -> dict[str, str]:
    """What the mapping form would send, with some columns changed."""
    from imports.selectors import mapping_sections

    run.refresh_from_db()
    return {
        choice.name: changed.get(choice.theirs, choice.chosen)
        for section in mapping_sections(run)
        for choice in section.choices
    }


def test_a_table_of_customers_from_the_upload_to_the_undo(browser: Client, work: Any) -> None:
    run = send(browser, "csv", "../../etc/customers.csv", CUSTOMERS.encode(), table="account")
    here = reverse("settings-import", args=[run.pk])
    assert run.files[0]["name"] == "customers.csv"
    assert "Being read" in browser.get(here).content.decode()
    work()
    page = browser.get(here).content.decode()
    assert "https://www.northwind.example/en" in page
    run.refresh_from_db()
    assert run.mapping["column"] == {
        "Id": "external_id", "Company": "name", "Website": "domain", "Plan": "tier", "ARR": "arr", "CSM": "csm", "Mascot": "",
    }  # fmt: skip
    response = browser.post(
        reverse("settings-import-mapping", args=[run.pk]), {**posted(browser, run), "then": "check"}
    )
    assert response.status_code == 302
    work()
    assert not Account.objects.filter(domain="northwind.example").exists()
    page = browser.get(here).content.decode()
    assert "Tier: “gold” is not known." in page
    assert "“12k” is no amount." in page
    table = (
        browser.get(reverse("settings-import-refused-csv", args=[run.pk]))
        .content.decode("utf-8-sig")
        .splitlines()
    )
    assert table[0].startswith("file,line,kind,id,outcome,error,Id,Company")
    assert len(table) == 3
    browser.post(reverse("settings-import-act", args=[run.pk, "start"]))
    work()
    account = Account.objects.get(domain="northwind.example")
    assert (account.name, account.tier, str(account.arr), account.external_id) == (
        "Northwind",
        "enterprise",
        "1234.50",
        "a1",
    )
    assert account.csm is not None
    assert account.csm.name == "Ines Carvalho"
    run.refresh_from_db()
    assert run.counts == {"account": {"created": 1, "refused": 2}}
    assert "Refused" in browser.get(here).content.decode()
    browser.post(reverse("settings-import-act", args=[run.pk, "undo"]))
    work()
    assert not Account.objects.filter(domain="northwind.example").exists()
    assert "Undone" in browser.get(here).content.decode()


def test_tickets_of_a_table_find_their_people_and_values(browser: Client, work: Any) -> None:
    table = (
        "Number,Subject,Description,Email,Requester,Status,Priority,Type,Tags,Created\n"
        '901,Broken,"It is, ""broken""\nsince today",mia@lakeside.example,Mia Holt,In Progress,Critical,Incident,"a, b",'
        "2024-05-01 10:00\n"
        "902,Fine,Thanks,nobody,,Done,,,,\n"
        "903,Later,Text,mia@lakeside.example,,Parked,,,,2024-05-02\n"
    )
    run = send(browser, "csv", "tickets.csv", table.encode(), table="ticket", keep_numbers="on")
    work()
    run.refresh_from_db()
    assert run.mapping["status"] == {"In Progress": "open", "Done": "resolved", "Parked": "open"}
    browser.post(
        reverse("settings-import-mapping", args=[run.pk]),
        {**posted(browser, run, Parked="on_hold"), "then": "check"},
    )
    work()
    browser.post(reverse("settings-import-act", args=[run.pk, "start"]))
    work()
    ticket = Ticket.objects.get(number=901)
    assert (ticket.status_id, ticket.priority, ticket.type and ticket.type.name) == (
        "open",
        "urgent",
        "Incident",
    )
    assert (ticket.contact.name, ticket.contact.email) == ("Mia Holt", "mia@lakeside.example")
    assert ticket.messages.get().body_text == 'It is, "broken"\nsince today'
    assert ticket.created_at.isoformat() == "2024-05-01T10:00:00+00:00"
    assert Ticket.objects.get(number=903).status_id == "on_hold"
    assert Contact.objects.filter(identities__value="mia@lakeside.example").count() == 1
    assert [row.error for row in run.rows.filter(outcome="refused")] == ["“nobody” is no e-mail address."]


def test_contacts_of_a_table_in_a_foreign_encoding(browser: Client, work: Any) -> None:
    table = "First name\tLast name\tE-mail\tCompany\nJörg\tÖtker\tjoerg@oetker.example\tÖtker AG\n".encode(
        "cp1252"
    )
    run = send(browser, "csv", "people.tsv", table, table="contact")
    work()
    assert "Western European" in browser.get(reverse("settings-import", args=[run.pk])).content.decode()
    browser.post(reverse("settings-import-act", args=[run.pk, "start"]))
    work()
    contact = Contact.objects.get(identities__value="joerg@oetker.example")
    assert (contact.name, contact.account and contact.account.name) == ("Jörg Ötker", "Ötker AG")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.zip", b"PK\x05\x06" + bytes(18), "There is nothing in it"),
        ("broken.zip", b"PK\x03\x04" + bytes(400), "The ZIP file is damaged"),
        ("words.json", b"hello", "is not JSON"),
    ],
)
def test_uploads_that_are_none_say_so(
    browser: Client, work: Any, name: str, content: bytes, said: str
) -> None:
    run = send(browser, "zendesk", name, content)
    work()
    page = browser.get(reverse("settings-import", args=[run.pk])).content.decode()
    assert said in page


def test_what_cannot_be_uploaded_is_said_beside_its_field(browser: Client) -> None:
    response = browser.post(reverse("settings-import-upload", args=["zendesk"]), {})
    assert response.status_code == 422
    assert "This field is required" in response.content.decode()
    assert browser.get(reverse("settings-import-upload", args=["nowhere"])).status_code == 404


def test_only_administrators_see_imports(lead_user: User, login: Any, browser: Client, work: Any) -> None:
    run = send(browser, "csv", "a.csv", CUSTOMERS.encode(), table="account")
    other = login(lead_user)
    for path in (
        reverse("settings-imports"), reverse("settings-import", args=[run.pk]), reverse("settings-archives"),
        reverse("settings-import-refused-csv", args=[run.pk]),
    ):  # fmt: skip
        assert other.get(path).status_code == 403


def test_an_import_is_stopped_goes_on_and_is_deleted(browser: Client, work: Any) -> None:
    run = send(browser, "csv", "a.csv", CUSTOMERS.encode(), table="account")
    browser.post(reverse("settings-import-act", args=[run.pk, "stop"]))
    assert "Cancelled" in browser.get(reverse("settings-import", args=[run.pk])).content.decode()
    browser.post(reverse("settings-import-act", args=[run.pk, "resume"]))
    work()
    run.refresh_from_db()
    assert run.state == "read"
    browser.post(reverse("settings-import-delete", args=[run.pk]))
    assert not Import.objects.exists()
