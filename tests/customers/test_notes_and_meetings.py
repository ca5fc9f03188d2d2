"""Notes and meetings of an account: on the page, over REST, on the timeline; who is erased leaves them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from customers.models import Account, AccountNote, Contact, Meeting
from customers.personal_data import ContactData
from customers.services.keep_notes import add_account_note
from customers.services.merge_accounts import merge_accounts, unmerge_accounts
from customers.services.save_meeting import save_meeting
from customers.timeline import account_timeline
from people.models import User
from people.viewer import Viewer

Login = Callable[[User], Client]


def test_a_note_is_written_pinned_changed_deleted(account: Account, csm: User, login: Login) -> None:
    browser, tab = login(csm), f"/customers/{account.pk}/notes/"
    assert "Nothing is noted yet" in browser.get(tab).content.decode()
    refused = browser.post(f"{tab}new/", {"text": "   "})
    assert refused.status_code == 422
    assert (
        browser.post(f"{tab}new/", {"text": "Sponsor retires <soon>", "is_pinned": "on"}).status_code == 302
    )
    assert "Sponsor retires &lt;soon&gt;" in browser.get(f"/customers/{account.pk}/").content.decode()
    note = AccountNote.objects.get()
    assert (note.author, note.is_pinned, note.edited_at) == (csm, True, None)
    browser.post(f"{tab}{note.pk}/", {"text": "Sponsor retires in May"})
    note.refresh_from_db()
    assert (note.text, note.is_pinned, note.edited_at is None) == ("Sponsor retires in May", False, False)
    details = [item.detail for item in account_timeline(csm.as_viewer(), account).items]
    assert details == ["Sponsor retires in May", "Sponsor retires <soon>"]
    assert browser.post(f"{tab}{note.pk}/delete/").status_code == 302
    assert not AccountNote.objects.exists()
    items = account_timeline(csm.as_viewer(), account).items
    assert [item.sentence for item in items] == ["deleted a note", "changed a note", "wrote a note"]
    assert not any(item.detail for item in items)


def test_a_past_meeting_moves_the_last_touch_and_the_next_step(
    account: Account, contact: Contact, csm: User, login: Login
) -> None:
    browser, url = login(csm), f"/customers/{account.pk}/meetings/new/"
    later = timezone.localtime() + timedelta(days=3)
    form = {"title": "Review", "starts_at": later.strftime("%Y-%m-%dT%H:%M"), "next_step": "Send the plan"}
    assert browser.post(url, {**form, "contacts": [contact.pk], "staff": [csm.pk]}).status_code == 302
    account.refresh_from_db()
    assert (account.last_touch_at, account.next_step) == (None, "")
    assert "Review" in browser.get(f"/customers/{account.pk}/").content.decode()
    meeting = Meeting.objects.get()
    past = (timezone.localtime() - timedelta(days=1)).replace(second=0, microsecond=0)
    held = {
        **form,
        "starts_at": past.strftime("%Y-%m-%dT%H:%M"),
        "outcome": "All agreed",
        "contacts": [contact.pk],
    }
    assert browser.post(f"/customers/{account.pk}/meetings/{meeting.pk}/", held).status_code == 302
    account.refresh_from_db()
    assert (account.last_touch_at, account.next_step) == (past, "Send the plan")
    page = browser.get(f"/customers/{account.pk}/notes/").content.decode()
    for words in ("All agreed", "Mette Aas", "Send the plan"):
        assert words in page
    first = account_timeline(csm.as_viewer(), account).items[-1]
    assert (first.detail, first.icon) == ("Review", "users")


def test_refusals(account: Account, contact: Contact, csm: User, viewer: Viewer) -> None:
    stranger = Contact.objects.create(name="Elsewhere")
    for values, field in (
        ({"title": " "}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"title": "X", "contacts": [stranger]}, "contacts"),
    ):
        with pytest.raises(ValidationError) as refused:
            save_meeting(account=account, starts_at=timezone.now(), by=csm.as_viewer(), **values)
        assert list(refused.value.message_dict) == [field]
    with pytest.raises(PermissionDenied):
        add_account_note(account=account, text="X", by=viewer)
    with pytest.raises(PermissionDenied):
        save_meeting(account=account, title="X", starts_at=timezone.now(), by=viewer)


def test_over_rest(account: Account, contact: Contact, csm: User, api: Callable[..., APIClient]) -> None:
    key, url = api("accounts:write"), f"/api/v1/accounts/{account.pk}/"
    note = key.post(url + "notes/", {"text": "Bought a competitor"})
    assert note.status_code == 201
    changed = key.patch(f"{url}notes/{note.json()['id']}/", {"is_pinned": True})
    assert (changed.json()["text"], changed.json()["is_pinned"]) == ("Bought a competitor", True)
    assert [one["id"] for one in key.get(url + "notes/").json()["results"]] == [note.json()["id"]]
    body = {
        "title": "Kick-off",
        "starts_at": "2026-01-05T09:00:00Z",
        "contacts": [contact.pk],
        "staff": [csm.pk],
    }
    made = key.post(url + "meetings/", body)
    assert (made.status_code, made.json()["contacts"]) == (201, [contact.pk])
    done = key.patch(f"{url}meetings/{made.json()['id']}/", {"outcome": "Started"})
    assert (done.json()["outcome"], done.json()["contacts"]) == ("Started", [contact.pk])
    bad = key.post(url + "meetings/", {"title": "X"})
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["starts_at"])
    assert key.delete(f"{url}notes/{note.json()['id']}/").status_code == 204
    assert api("accounts:read").post(url + "notes/", {"text": "X"}).status_code == 403
    other = Account.objects.create(name="Other")
    assert key.patch(f"/api/v1/accounts/{other.pk}/meetings/{made.json()['id']}/", {}).status_code == 404


def test_they_cost_the_same_for_any_number(
    account: Account, contact: Contact, csm: User, login: Login
) -> None:
    browser, by = login(csm), csm.as_viewer()

    def one() -> None:
        add_account_note(account=account, text="Note", by=by)
        save_meeting(
            account=account, title="M", starts_at=timezone.now(), contacts=[contact], staff=[csm], by=by
        )

    one()
    browser.get(f"/customers/{account.pk}/notes/")
    with CaptureQueriesContext(connection) as few:
        browser.get(f"/customers/{account.pk}/notes/")
    for _number in range(6):
        one()
    with CaptureQueriesContext(connection) as many:
        browser.get(f"/customers/{account.pk}/notes/")
    assert len(few) == len(many)


def test_an_erased_person_was_at_no_meeting(account: Account, contact: Contact, csm: User) -> None:
    save_meeting(
        account=account, title="Kick-off", starts_at=timezone.now(), contacts=[contact], by=csm.as_viewer()
    )
    assert ContactData().export([contact.pk])["meetings"][0]["title"] == "Kick-off"
    assert ContactData().erase([contact.pk])["meetings"] == 1
    assert Meeting.objects.get().contacts.count() == 0


def test_they_follow_a_merge_and_return(account: Account, csm: User) -> None:
    by = csm.as_viewer()
    twin = Account.objects.create(name="Twin")
    add_account_note(account=twin, text="Note", by=by)
    save_meeting(account=twin, title="M", starts_at=timezone.now(), by=by)
    merge = merge_accounts(source=twin, target=account, by=by)
    assert (account.notes.count(), account.meetings.count()) == (1, 1)
    unmerge_accounts(merge=merge, by=by)
    assert (account.notes.count(), twin.notes.count(), twin.meetings.count()) == (0, 1, 1)
