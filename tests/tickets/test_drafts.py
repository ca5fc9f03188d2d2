"""Drafts: kept on the server, one per person and kind, nothing lost between windows; files under a policy."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import Event, Setting
from people.models import User
from people.viewer import Viewer
from tickets.attachment_policy import SETTING, AttachmentPolicy, attachment_policy
from tickets.drafts import draft_ticket_ids
from tickets.models import Draft, Message, Ticket
from tickets.selectors import ticket_list
from tickets.services.save_draft import add_draft_file, save_draft

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def browser(agent: User, login: Any) -> Client:
    """The agent's browser."""
    client: Client = login(agent)
    return client


def test_kept_per_person_and_kind(ticket: Ticket, browser: Client, lead_user: User, login: Any) -> None:
    address = f"/inbox/{ticket.pk}/draft/"
    saved = browser.post(address, {"kind": "reply", "body": "Dear Mette", "version": "0"})
    assert saved.json()["version"] == 1
    browser.post(address, {"kind": "note", "body": "Ask Tom", "version": "0"})
    page = browser.get(f"/inbox/{ticket.pk}/").content.decode()
    assert "Dear Mette" in page
    assert "Ask Tom" in page
    other = login(lead_user)
    assert other.get(address, {"kind": "reply"}).json()["body"] == ""
    assert "Dear Mette" not in other.get(f"/inbox/{ticket.pk}/").content.decode()


def test_saving_tells_no_event_and_moves_no_ticket(ticket: Ticket, viewer: Viewer) -> None:
    version, events = ticket.version, Event.objects.count()
    for number in range(3):
        save_draft(ticket=ticket, kind="reply", body=f"Word {number}", by=viewer)
    ticket.refresh_from_db()
    assert (ticket.version, Event.objects.count()) == (version, events)
    assert Draft.objects.get().version == 3


def test_two_windows_newer_wins_and_nothing_is_lost(ticket: Ticket, browser: Client) -> None:
    address = f"/inbox/{ticket.pk}/draft/"
    browser.post(address, {"kind": "reply", "body": "In the office", "version": "0"})
    second = browser.post(address, {"kind": "reply", "body": "At home", "version": "0"})
    assert second.status_code == 409
    assert second.json() == {"version": 2, "overtaken": "In the office"}
    again = browser.get(address, {"kind": "reply"}).json()
    assert (again["body"], again["overtaken"]) == ("At home", "In the office")
    browser.post(address, {"kind": "reply", "seen_overtaken": "1"})
    assert browser.get(address, {"kind": "reply"}).json()["overtaken"] == ""


def test_writing_on_is_no_conflict(ticket: Ticket, viewer: Viewer) -> None:
    save_draft(ticket=ticket, kind="reply", body="Dear", by=viewer, version=0)
    grown = save_draft(ticket=ticket, kind="reply", body="Dear Mette", by=viewer, version=0)
    assert not grown.overtaken


def test_gone_once_sent_and_a_late_save_does_not_bring_it_back(ticket: Ticket, browser: Client) -> None:
    browser.post(f"/inbox/{ticket.pk}/draft/", {"kind": "reply", "body": "Hello", "version": "0"})
    browser.post(f"/inbox/{ticket.pk}/messages/", {"kind": "reply", "body": "Hello", "token": "form"})
    assert Message.objects.filter(kind="outbound").count() == 1
    late = {"kind": "reply", "body": "Hello", "version": "1", "token": "form"}
    assert browser.post(f"/inbox/{ticket.pk}/draft/", late).json() == {"version": 0, "sent": True}
    assert not Draft.objects.exists()


def test_which_tickets_somebody_writes_on(
    ticket: Ticket, viewer: Viewer, lead_user: User, write: Any
) -> None:
    other = write("Another").ticket
    save_draft(ticket=ticket, kind="reply", body="Dear", by=viewer)
    save_draft(ticket=other, kind="reply", body="", by=viewer)
    ids = [ticket.pk, other.pk]
    assert draft_ticket_ids(viewer.user_id, ids) == {ticket.pk}
    assert draft_ticket_ids(lead_user.pk, ids) == set()
    marked = {row.id for row in ticket_list(viewer, view="open").rows if row.has_draft}
    assert marked == {ticket.pk}
    assert not any(row.has_draft for row in ticket_list(lead_user.as_viewer(), view="open").rows)


def test_outsiders_and_those_who_may_not_write_keep_none(
    ticket: Ticket, analyst: User, lawyer: User, agent: User, private_team: Any, login: Any
) -> None:
    with pytest.raises(PermissionDenied):
        save_draft(ticket=ticket, kind="reply", body="x", by=analyst.as_viewer())
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    assert login(agent).post(f"/inbox/{ticket.pk}/draft/", {"body": "x"}).status_code == 404
    assert login(lawyer).post(f"/inbox/{ticket.pk}/draft/", {"body": "x"}).status_code == 200


# --- files ------------------------------------------------------------------------------------------------------------


def upload(browser: Client, ticket: Ticket, name: str, content: bytes, kind: str = "reply") -> Any:
    """Put a file into the draft as the composer does."""
    file = SimpleUploadedFile(name, content, "image/png" if name.endswith("png") else "text/html")
    return browser.post(f"/inbox/{ticket.pk}/draft/files/", {"kind": kind, "file": file})


def test_file_goes_into_the_draft_and_with_the_answer(ticket: Ticket, browser: Client) -> None:
    [file] = upload(browser, ticket, "picture.png", PNG).json()["files"]
    shown = browser.get(file["url"])
    assert (shown.content, shown["Content-Type"]) == (PNG, "image/png")
    assert shown["X-Content-Type-Options"] == "nosniff"
    browser.post(f"/inbox/{ticket.pk}/messages/", {"kind": "reply", "body": "See the picture"})
    [attached] = Message.objects.get(kind="outbound").attachments.all()
    assert (attached.name, attached.size) == ("picture.png", len(PNG))


def test_only_pictures_are_shown_and_only_to_their_owner(
    ticket: Ticket, browser: Client, lead_user: User, login: Any
) -> None:
    [file] = upload(browser, ticket, "page.html", b"<script>alert(1)</script>").json()["files"]
    answer = browser.get(file["url"])
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert login(lead_user).get(file["url"]).status_code == 404


def test_removed_file_does_not_leave(ticket: Ticket, browser: Client) -> None:
    [file] = upload(browser, ticket, "picture.png", PNG).json()["files"]
    assert browser.post(file["url"]).json()["files"] == []
    browser.post(f"/inbox/{ticket.pk}/messages/", {"kind": "reply", "body": "Nothing to see"})
    assert not Message.objects.get(kind="outbound").attachments.exists()


@pytest.mark.parametrize("name", ["setup.exe", "invoice.pdf.EXE", "run.bat.txt", "x.js"])
def test_dangerous_types_are_refused_by_name(ticket: Ticket, browser: Client, name: str) -> None:
    refused = upload(browser, ticket, name, b"MZ")
    assert refused.status_code == 422
    assert name in refused.json()["error"]


def test_limits_are_the_installations(ticket: Ticket, viewer: Viewer) -> None:
    Setting.objects.create(
        pk=SETTING, value={"megabytes_each": 1, "megabytes_together": 1, "files": 2, "blocked": ["svg"]}
    )
    assert attachment_policy().blocked == ("svg",)

    def add(name: str, size: int) -> None:
        add_draft_file(
            ticket=ticket, kind="reply", name=name, content_type="x/y", content=b"0" * size, by=viewer
        )

    with pytest.raises(ValidationError, match="1 MB at most"):
        add("large.bin", 1024 * 1024 + 1)
    add("a.bin", 700_000)
    with pytest.raises(ValidationError, match="1 MB together"):
        add("b.bin", 700_000)
    add("c.bin", 10)
    with pytest.raises(ValidationError, match="2 files at most"):
        add("d.bin", 10)
    with pytest.raises(ValidationError, match=r"\.svg"):
        add("e.svg", 10)


def test_policy_names_every_refused_file() -> None:
    with pytest.raises(ValidationError) as refused:
        AttachmentPolicy().check([("a.exe", 1), ("b.txt", 1), ("c.vbs", 1)])
    assert len(refused.value.messages) == 2


# --- sending while another window writes ------------------------------------------------------------------------------


def save(browser: Client, ticket: Ticket, body: str, version: int, token: str) -> Any:
    """Save the draft as the composer of one window does."""
    form = {"kind": "reply", "body": body, "version": str(version), "token": token}
    return browser.post(f"/inbox/{ticket.pk}/draft/", form)


@pytest.mark.parametrize("when", [{}, {"when": "tomorrow"}])
def test_words_of_another_window_outlive_the_sending(
    ticket: Ticket, browser: Client, when: dict[str, str]
) -> None:
    known = save(browser, ticket, "Dear Mette", 0, "office").json()["version"]
    save(browser, ticket, "Something quite different", known, "home")
    sent = {
        "kind": "reply",
        "body": "Dear Mette, done.",
        "token": "office",
        "version_reply": str(known),
        **when,
    }
    page = browser.post(f"/inbox/{ticket.pk}/messages/", sent, headers={"HX-Request": "true"})
    left = Draft.objects.get(state="draft")
    assert (left.body, left.overtaken) == ("Something quite different", "")
    assert "Something quite different</textarea>" in page.content.decode()
    assert save(browser, ticket, "Something quite different!", known + 1, "home").status_code == 200


def test_words_that_a_save_has_overtaken_outlive_the_sending(ticket: Ticket, browser: Client) -> None:
    save(browser, ticket, "From home", 0, "home")
    known = save(browser, ticket, "From the office", 0, "office").json()["version"]
    sent = {"kind": "reply", "body": "From the office", "token": "office", "version_reply": str(known)}
    browser.post(f"/inbox/{ticket.pk}/messages/", sent)
    assert (Draft.objects.get().body, Draft.objects.get().overtaken) == ("From home", "")


def test_a_save_that_overtook_its_own_form_is_no_other_window(ticket: Ticket, browser: Client) -> None:
    save(browser, ticket, "Dear Mette, I will", 0, "office")
    again = save(browser, ticket, "Dear Mette, I think", 0, "office")
    assert (again.status_code, again.json()["overtaken"]) == (200, "")
    sent = {"kind": "reply", "body": "Dear Mette", "token": "office", "version_reply": "0"}
    browser.post(f"/inbox/{ticket.pk}/messages/", sent)
    assert not Draft.objects.exists()


def test_an_older_save_that_comes_last_changes_nothing(ticket: Ticket, browser: Client) -> None:
    address = f"/inbox/{ticket.pk}/draft/"
    form = {"kind": "reply", "version": "0", "token": "office"}
    browser.post(address, {**form, "body": "Dear Mette, I think", "number": "1700000000002"})
    late = browser.post(address, {**form, "body": "Dear Mette", "number": "1700000000001"})
    assert (late.status_code, late.json()) == (200, {"version": 1, "overtaken": ""})
    assert Draft.objects.get().body == "Dear Mette, I think"
    browser.post(address, {**form, "body": "Dear Mette, I am sure", "number": "1700000000003"})
    other = {**form, "body": "At home", "token": "home", "number": "5"}
    assert browser.post(address, {**other, "version": "2"}).status_code == 200
    assert Draft.objects.get().body == "At home"


def test_a_note_leaves_the_words_of_another_window(ticket: Ticket, browser: Client) -> None:
    browser.post(f"/inbox/{ticket.pk}/draft/", {"kind": "note", "body": "Ask Tom", "version": "0"})
    sent = {"kind": "note", "body": "All is well", "token": "t", "version_note": "0"}
    browser.post(f"/inbox/{ticket.pk}/messages/", sent)
    assert Draft.objects.get(kind="note").body == "Ask Tom"


def test_a_file_that_the_window_does_not_show_does_not_leave(ticket: Ticket, browser: Client) -> None:
    [shown] = upload(browser, ticket, "shown.png", PNG).json()["files"]
    upload(browser, ticket, "elsewhere.png", PNG)
    browser.post(
        f"/inbox/{ticket.pk}/messages/",
        {"kind": "reply", "body": "See the picture", "version_reply": "1", "files_reply": shown["id"]},
    )
    assert [one.name for one in Message.objects.get(kind="outbound").attachments.all()] == ["shown.png"]
    assert [one["name"] for one in Draft.objects.get().files] == ["elsewhere.png"]
