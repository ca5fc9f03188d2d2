"""Ticket search through its doors: the index follows every service, operators, permissions, page, REST, reindexing."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.job_runner import run_jobs
from core.models import Job, SearchDocument, SearchWord
from core.search.sources import count_again, index_missing, index_state
from customers.models import Contact
from customers.services.erase_contact import erase_contact
from customers.services.save_contact import update_contact
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tickets.incoming import IncomingFile
from tickets.models import Inbox, Ticket
from tickets.search import SearchPage, read_query, search_tickets
from tickets.search_operators import OPERATORS
from tickets.selectors import CursorError
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket

Write = Callable[..., Received]


def found(viewer: Viewer, text: str, **options: Any) -> list[int]:
    """The ids of the tickets, best first."""
    return [one.row.id for one in search_tickets(viewer, text, **options).tickets]


def marked(page: SearchPage) -> list[str]:
    """What is highlighted in the first result."""
    first = page.tickets[0]
    return [piece.text for piece in (*first.subject, *first.text) if piece.marked]


def test_every_text_is_found_in_the_moment_it_is_written(write: Write, viewer: Viewer, agent: User) -> None:
    ticket = write("The parcel is lost.", subject="Wrong délivery").ticket
    assert found(viewer, "parcel") == [ticket.pk]
    assert found(viewer, "delivery wrong") == [ticket.pk]
    assert found(viewer, "halden mette") == [ticket.pk]
    assert found(viewer, "mette@halden.example") == [ticket.pk]
    assert found(viewer, str(ticket.number)) == [ticket.pk]
    assert found(viewer, ticket.reference) == [ticket.pk]
    write("Any news about quokkas?", ticket=ticket)
    assert found(viewer, "quokkas") == [ticket.pk]
    reply_to_ticket(ticket=ticket, body="We look into wombats.", by=viewer)
    assert found(viewer, "wombats") == [ticket.pk]
    note = add_note(ticket=ticket, body="Ask the numbats first.", by=viewer)
    page = search_tickets(viewer, "numbats")
    assert [one.is_note for one in page.tickets] == [True]
    assert page.tickets[0].url == f"/inbox/{ticket.pk}/#message-{note.pk}"
    change_tags(ticket=ticket, add=["bilby"], by=viewer)
    assert found(viewer, "bilby") == [ticket.pk]
    change_tags(ticket=ticket, remove=["bilby"], by=viewer)
    assert found(viewer, "bilby", live=False) == []
    write("See file", ticket=ticket, files=[IncomingFile("potoroo-2026.pdf", b"%PDF")])
    assert found(viewer, "potoroo") == [ticket.pk]
    assert not any(index_state().missing.values())
    assert index_missing() == 0


def test_a_new_name_is_found_after_delivery(
    write: Write, contact: Contact, viewer: Viewer, pump: Callable[[], int]
) -> None:
    ticket = write().ticket
    update_contact(contact=contact, values={"name": "Ragnhild Moe"}, by=system_viewer())
    pump()
    assert found(viewer, "ragnhild") == [ticket.pk]
    assert found(viewer, "mette -x", live=False) == [ticket.pk]  # her address still says so


def test_operators(write: Write, viewer: Viewer, agent: User, team: Team) -> None:
    first = write("About the invoice", subject="One").ticket
    second = write("About the invoice", subject="Two", sender="olaf@other.example").ticket
    assign_ticket(ticket=first, assignee=agent, by=viewer)
    change_status(ticket=first, status="waiting", by=viewer)
    change_tags(ticket=first, add=["refund"], by=viewer)
    write("And a file", ticket=second, sender="olaf@other.example", files=[IncomingFile("a.txt", b"x")])
    only_first = (
        "from:mette",
        "contact:mette@halden.example",
        'account:"halden logistics"',
        "account:halden.example",
        "assignee:me",
        "assignee:priya",
        "is:mine",
        "status:waiting",
        "is:waiting",
        "tag:refund",
        f"#{first.number}",
        f"number:{first.reference}",
        "-assignee:none",
        "-from:olaf",
        "is:assigned",
    )
    only_second = (
        "assignee:none",
        "is:unassigned",
        "has:attachment",
        "is:unread -status:waiting",
        "tag:none",
    )
    for text in only_first:
        assert found(viewer, f"invoice {text}") == [first.pk], text
        assert found(viewer, text) == [first.pk], text
    for text in only_second:
        assert found(viewer, f"invoice {text}") == [second.pk], text
    both = {first.pk, second.pk}
    for text in ("priority:normal", "channel:email", "inbox:support", "after:today", "after:2d", "is:active"):
        assert set(found(viewer, text)) == both, text
    for text in (
        "before:today",
        "before:2025",
        "is:merged",
        "is:escalated",
        "is:snoozed",
        "type:none -is:active",
    ):
        assert found(viewer, text) == [], text


def test_what_cannot_be_understood_is_said_and_finds_nothing(write: Write, viewer: Viewer) -> None:
    write("invoice")
    for text in (
        "status:sleeping",
        "before:soon",
        "assignee:nobody",
        "is:blue",
        "tag:x",
        "has:pie",
        "team:zz",
    ):
        page = search_tickets(viewer, f"invoice {text}")
        assert page.tickets == [], text
        assert len(page.hints) == 1, text
        assert text in page.hints[0]
    page = search_tickets(viewer, "colour:red invoice")
    assert "colour:" in page.hints[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.builds(
        lambda name, value, minus: f"{minus}{name}:{value}",
        st.sampled_from(sorted(OPERATORS)),
        st.text(max_size=12) | st.sampled_from(["none", "me", "0001-01-01", "9999-12-31", "9999d", "9" * 30]),
        st.sampled_from(["", "-", "late "]),
    )
)
def test_nothing_that_can_be_typed_fails(text: str, db: None, viewer: Viewer) -> None:
    search_tickets(viewer, text)


def test_a_private_ticket_leaks_nothing(
    write: Write, inbox: Inbox, private_team: Team, lawyer: User, viewer: Viewer, lead_user: User
) -> None:
    open_ticket = write("An ordinary word", subject="Ordinary").ticket
    inbox.default_team = private_team
    inbox.save()
    secret = write("The project is called Quetzalcoatl, an ordinary word", subject="Secret plan").ticket
    index_missing()
    for text in (
        "quetzalcoatl",
        "secret",
        str(secret.number),
        secret.reference,
        "is:new secret",
        "quetzalcoatll",
    ):
        page = search_tickets(viewer, text)
        assert page.tickets == []
        assert (page.total, page.counts, page.suggestion) == (0, {}, ""), text
        assert found(lawyer.as_viewer(), text) == [secret.pk], text
        assert found(lead_user.as_viewer(), text) == [secret.pk], text
    page = search_tickets(viewer, "ordinary")
    assert [one.row.id for one in page.tickets] == [open_ticket.pk]
    assert (page.total, page.counts) == (1, {"new": 1})
    assert set(found(lawyer.as_viewer(), "ordinary")) == {open_ticket.pk, secret.pk}
    nobody = Viewer(kind="staff", user_id=viewer.user_id)
    assert found(nobody, "ordinary") == []


def test_common_words_do_not_push_visible_tickets_out(
    write: Write, inbox: Inbox, private_team: Team, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.search.find.MOST", 3)
    monkeypatch.setattr("core.search.find.MOST_HEADS", 3)
    mine = write("common words", subject="common").ticket
    inbox.default_team = private_team
    inbox.save()
    for number in range(5):
        write("common words", subject=f"common {number}")
    page = search_tickets(viewer, "common")
    assert [one.row.id for one in page.tickets] == [mine.pk]
    assert not page.capped


def test_subject_before_body_and_highlights(write: Write, viewer: Viewer) -> None:
    in_body = write("My refund is <b>late</b>", subject="Hello").ticket
    in_subject = write("Hi", subject="Refund").ticket
    assert found(viewer, "refund") == [in_subject.pk, in_body.pk]
    assert found(viewer, "refund", sort="newest") == [in_subject.pk, in_body.pk]
    write("ping", ticket=in_body)
    assert found(viewer, "refund", sort="newest") == [in_body.pk, in_subject.pk]
    assert marked(search_tickets(viewer, "refun")) == ["Refund"]
    assert marked(search_tickets(viewer, '"refund is"')) == ["refund is"]


def test_a_slip_of_the_pen_is_forgiven_and_shown(write: Write, viewer: Viewer) -> None:
    ticket = write("The subscription was cancelled").ticket
    index_missing()
    page = search_tickets(viewer, "subscripton", live=False)
    assert [one.row.id for one in page.tickets] == [ticket.pk]
    assert page.instead
    assert page.suggestion == "subscription"
    assert not search_tickets(viewer, "subscription").instead


def test_paging_counts_and_one_category(write: Write, viewer: Viewer) -> None:
    tickets = [write("common text", subject=f"Case {number}").ticket for number in range(7)]
    change_status(ticket=tickets[0], status="waiting", by=viewer)
    for sort in ("relevance", "newest"):
        seen: list[int] = []
        cursor = ""
        while True:
            page = search_tickets(viewer, "common", sort=sort, limit=3, cursor=cursor)
            assert (page.total, page.counts) == (7, {"new": 6, "waiting": 1})
            seen += [one.row.id for one in page.tickets]
            cursor = page.next_cursor
            if not cursor:
                break
        assert sorted(seen) == [ticket.pk for ticket in tickets]
    assert found(viewer, "common", category="waiting") == [tickets[0].pk]
    with pytest.raises(CursorError):
        search_tickets(viewer, "common", cursor="nonsense")


def test_the_page(write: Write, agent: User, login: Any) -> None:
    write("A <script>alert(1)</script> refund", subject="<i>Refund</i> & more")
    browser = login(agent)
    page = browser.get("/search/", {"q": "refund status:new"}).content.decode()
    assert "&lt;i&gt;<mark>Refund</mark>&lt;/i&gt; &amp; more" in page
    assert "<script>alert" not in page
    assert "#message-" in page
    for query in ("", "   ", "-", '"', "status:bogus", "nothingatall", "\x00", "x" * 500):
        assert browser.get("/search/", {"q": query}).status_code == 200
    assert "choose one of" in browser.get("/search/", {"q": "status:bogus"}).content.decode()
    assert browser.get("/search/tickets/", {"q": "refund", "cursor": "%%%"}).status_code == 400
    assert browser.get("/search/tickets/", {"q": "refund", "sort": "up"}).status_code == 400


def test_load_more_on_the_page(write: Write, agent: User, login: Any) -> None:
    for number in range(23):
        write("common text", subject=f"Case {number}")
    browser = login(agent)
    page = browser.get("/search/", {"q": "common"}).content.decode()
    assert page.count("data-found") == 20
    address = page.split('hx-get="/search/tickets/?')[1].split('"')[0].replace("&amp;", "&")
    more = browser.get(f"/search/tickets/?{address}", headers={"HX-Request": "true"}).content.decode()
    assert more.count("data-found") == 3


def test_the_list_pane_finds_without_leaving_the_inbox(write: Write, agent: User, login: Any) -> None:
    ticket = write("refund").ticket
    page = login(agent).get("/inbox/search/", {"q": "refund"}).content.decode()
    assert f"/inbox/{ticket.pk}/#message-" in page
    assert "<html" not in page


def test_the_palette_finds_bodies(write: Write, agent: User, login: Any) -> None:
    ticket = write("Where is the marmoset?").ticket
    assert f"/inbox/{ticket.pk}/" in login(agent).get("/palette/", {"q": "marmos"}).content.decode()


def test_rest(write: Write, api: Any, inbox: Inbox, private_team: Team) -> None:
    ticket = write("The refund is late", subject="Money").ticket
    client = api("tickets:read")
    answer = client.get("/api/v1/search/", {"q": "refund status:new"}).json()
    assert answer["count"] == 1
    [result] = answer["results"]
    assert result["ticket"]["id"] == ticket.pk
    assert result["highlights"]["text"] == "The <mark>refund</mark> is late"
    assert result["highlights"]["subject"] == "Money"
    assert answer["next_cursor"] is None
    assert client.get("/api/v1/search/", {"q": "status:bogus"}).json()["hints"]
    assert client.get("/api/v1/search/").status_code == 400
    assert client.get("/api/v1/search/", {"q": "a", "cursor": "x"}).status_code == 400
    assert client.get("/api/v1/search/", {"q": "a", "sort": "x"}).status_code == 400
    assert api("usage:write").get("/api/v1/search/", {"q": "refund"}).status_code == 403


def test_queries_do_not_grow_with_results(
    write: Write, viewer: Viewer, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        write("common text", subject=f"Case {number}")
    with django_assert_max_num_queries(11):
        assert len(found(viewer, "common tag:none")) == 15


def test_what_was_never_indexed_is_found_by_the_clock(write: Write, viewer: Viewer, settings: Any) -> None:
    ticket = write("An old text").ticket
    SearchDocument.objects.all().delete()
    assert found(viewer, "old") == []
    assert index_missing() == 2
    assert found(viewer, "old") == [ticket.pk]
    assert index_missing() == 0
    # What slips by below the place that was reached is found by the count.
    SearchDocument.objects.all().delete()
    call_command("reindex", "--kind", "ticket", stdout=StringIO(), stderr=StringIO())
    assert index_state().missing == {"message": 1, "ticket": 0}
    assert found(viewer, "old") == []
    assert index_missing() == 1
    assert found(viewer, "old") == [ticket.pk]
    assert index_state().missing == {"message": 0, "ticket": 0}


def test_reindex_reports_and_goes_on_where_it_stopped(write: Write, viewer: Viewer) -> None:
    first, second = write("one").ticket, write("two").ticket
    SearchDocument.objects.all().delete()
    out, err = StringIO(), StringIO()
    call_command("reindex", "--json", stdout=out, stderr=err)
    report = json.loads(out.getvalue().splitlines()[-1])
    assert report == {"indexed": {"message": 2, "ticket": 2}, "missing": {"message": 0, "ticket": 0}}
    assert f"--kind ticket --after {second.pk}" in err.getvalue()
    out = StringIO()
    call_command("reindex", "--json", "--kind=ticket", f"--after={first.pk}", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue().splitlines()[-1])["indexed"] == {"ticket": 1}
    out = StringIO()
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    call_command("reindex", "--json", f"--since={tomorrow}", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue().splitlines()[-1])["indexed"] == {"message": 0, "ticket": 0}


def test_the_operations_page_starts_the_job(write: Write, lead_user: User, agent: User, login: Any) -> None:
    write("text")
    SearchDocument.objects.all().delete()
    browser = login(lead_user)
    assert browser.get("/settings/search-index/").status_code == 200
    assert browser.post("/settings/search-index/again/").status_code == 302
    run_jobs("batch")
    job = Job.objects.get(kind="core.reindex")
    assert (job.state, job.result) == ("done", {"indexed": 2})
    page = browser.get("/settings/search-index/").content.decode()
    assert "1 of 1 indexed" in page
    assert login(agent).get("/settings/search-index/").status_code == 403


def test_an_erased_person_is_in_no_word_of_the_index(
    write: Write, contact: Contact, viewer: Viewer, admin: User, pump: Callable[[], int]
) -> None:
    ticket = write("My secret is Rumpelstilzchen").ticket
    index_missing()
    erase_contact(contact=contact, confirmation="Mette Aas", by=admin.as_viewer())
    run_jobs("batch")
    pump()
    for word in ("mette", "mette@halden.example", "rumpelstilzchen"):
        assert found(viewer, word) == [], word
    assert not SearchWord.objects.filter(word__in=["mette", "rumpelstilzchen"]).exists()
    assert found(viewer, str(ticket.number)) == [ticket.pk]
    assert not any(count_again().missing.values())


def test_deleting_a_row_takes_its_words_away(ticket: Ticket, viewer: Viewer) -> None:
    SearchDocument.objects.filter(kind="message").delete()
    assert found(viewer, "invoice") == []
    assert read_query("invoice").terms


def test_moving_the_ticket_on_keeps_it_found(ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    assert search_tickets(viewer, "invoice").counts == {"resolved": 1}
