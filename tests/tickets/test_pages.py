"""The inbox through its pages: what agents see and do, and what stays hidden from whom."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from core.kept_rows import forget_all
from core.models import Outbound
from customers.models import Contact
from ml.models import Feedback, GoldenCase, Prediction
from people.models import Team, User
from people.viewer import system_viewer
from tickets.incoming import IncomingFile
from tickets.models import Attachment, Category, Message, Ticket
from tickets.pages.message_html import TooComplex, safe_document
from tickets.selectors import ticket_list
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.count_views import recount_everything
from tickets.services.receive_message import Received

Write = Callable[..., Received]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(login: Login, agent: User) -> Client:
    """The agent's browser."""
    return login(agent)


def give(ticket: Ticket, user: User) -> Ticket:
    """Assign the ticket."""
    return assign_ticket(ticket=ticket, assignee=user, by=system_viewer("task"))


def predict(ticket: Ticket, label: str, state: str, category: Category | None = None) -> None:
    """Store what the classifier said."""
    Prediction.objects.create(
        task="routing",
        subject_kind="ticket",
        subject_id=ticket.pk,
        source="routing 3",
        label=label,
        probability=0.93,
        abstained=state == "triage",
        alternatives=[[label, 0.93]],
        reasons=[["invoice", 0.41]],
    )
    team = category.team if category else None
    Ticket.objects.filter(pk=ticket.pk).update(routing_state=state, category=category, team=team)


def row_ids(html: str) -> list[int]:
    """The tickets of a list, in order."""
    return [int(found) for found in re.findall(r'id="ticket-row-(\d+)"', html)]


def page(browser: Client, name: str, *args: object, **query: str | int) -> str:
    """A part as htmx gets it."""
    response = browser.get(reverse(name, args=args), query, headers=HTMX)
    assert response.status_code == 200, (name, response.status_code)
    return response.content.decode()


# --- list --------------------------------------------------------------------------------------------------------------


def test_an_agent_starts_with_own_tickets_and_a_lead_with_all(
    login: Login, agent: User, lead_user: User, write: Write
) -> None:
    mine = give(write(subject="Mine").ticket, agent)
    other = write(subject="Nobody's").ticket
    assert row_ids(login(agent).get("/inbox/").content.decode()) == [mine.pk]
    assert sorted(row_ids(login(lead_user).get("/inbox/").content.decode())) == sorted([mine.pk, other.pk])


def test_each_view_holds_its_tickets_and_says_how_many(browser: Client, agent: User, write: Write) -> None:
    mine = give(write(subject="Mine").ticket, agent)
    triage = write(subject="Unclear").ticket
    predict(triage, "Billing questions", "triage")
    resolved = change_status(ticket=write(subject="Done").ticket, status="resolved", by=system_viewer("task"))
    late = write(subject="Late").ticket
    Ticket.objects.filter(pk=late.pk).update(next_due_at=timezone.now() + timedelta(minutes=10))
    expected = {
        "mine": [mine.pk],
        "unassigned": [late.pk, triage.pk],
        "triage": [triage.pk],
        "breaching": [late.pk],
        "waiting": [],
        "resolved": [resolved.pk],
    }
    recount_everything()
    for view, ids in expected.items():
        html = browser.get("/inbox/", {"view": view}).content.decode()
        assert sorted(row_ids(html)) == sorted(ids), view
        assert f'id="view-count">{len(ids)}<' in html, view


def test_a_view_or_order_that_is_none_is_not_found(browser: Client) -> None:
    assert browser.get("/inbox/?view=secret").status_code == 404
    assert browser.get("/inbox/?sort=luck").status_code == 404


@pytest.mark.parametrize("sort", ["sla", "newest", "value"])
def test_load_more_shows_every_ticket_exactly_once(
    browser: Client, write: Write, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    tickets = [write(subject=f"Number {number}").ticket.pk for number in range(7)]
    monkeypatch.setitem(ticket_list.__kwdefaults__ or {}, "limit", 3)
    html = browser.get("/inbox/", {"view": "open", "sort": sort}).content.decode()
    shown = row_ids(html)
    while more := re.search(r'hx-get="(/inbox/rows/[^"]+)"', html):
        assert len(shown) < len(tickets)
        html = browser.get(unescape(more.group(1)), headers=HTMX).content.decode()
        shown += row_ids(html)
    assert sorted(shown) == tickets
    assert len(shown) == 7


def test_filters_live_in_the_address_and_a_wrong_one_is_named(browser: Client, write: Write) -> None:
    plain, urgent = write(subject="Plain").ticket, write(subject="Urgent").ticket
    Ticket.objects.filter(pk=urgent.pk).update(priority="urgent", priority_rank=3)
    html = browser.get("/inbox/?view=open&priority=urgent").content.decode()
    assert row_ids(html) == [urgent.pk]
    assert "Priority: Urgent" in html
    assert plain.pk not in row_ids(html)
    wrong = browser.get("/inbox/?view=open&team=abc").content.decode()
    assert "This filter cannot be used: Team." in wrong


def test_the_filter_dialog_keeps_what_is_set(browser: Client, category: Category) -> None:
    html = page(browser, "inbox-filters", view="open", priority="high", category=category.pk)
    assert '<option value="high" selected>High</option>' in html
    assert f'<option value="{category.pk}" selected>Billing questions</option>' in html


def test_an_empty_installation_says_how_to_begin(login: Login, admin: User, agent: User) -> None:
    html = login(admin).get("/inbox/?view=open").content.decode()
    assert "No ticket yet" in html
    assert reverse("settings-inboxes") in html
    assert reverse("settings-inboxes") not in login(agent).get("/inbox/?view=open").content.decode()
    assert "No open ticket is yours" in login(agent).get("/inbox/").content.decode()


@pytest.mark.parametrize("address", ["/inbox/?view=open", "/inbox/rows/?view=open", "/inbox/{}/?view=open"])
def test_the_number_of_queries_does_not_grow_with_the_list(
    browser: Client, write: Write, ticket: Ticket, address: str
) -> None:
    address = address.format(ticket.pk)

    def queries() -> int:
        forget_all()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    for number in range(4):
        write(subject=f"Few {number}", sender=f"few{number}@halden.example")
    browser.get(address)
    few = queries()
    for number in range(40):
        write(subject=f"Many {number}", sender=f"many{number}@halden.example")
    assert queries() == few


def test_the_number_of_queries_does_not_grow_with_the_conversation(
    browser: Client, write: Write, ticket: Ticket
) -> None:
    address = reverse("inbox-thread", args=[ticket.pk])

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    write("Two", ticket=ticket)
    few = queries()
    for number in range(20):
        write(f"Line {number}", ticket=ticket, files=[IncomingFile("a.txt", b"a")])
    assert queries() == few


# --- live --------------------------------------------------------------------------------------------------------------


def test_a_changed_row_comes_back_in_its_place_and_one_that_left_says_so(
    browser: Client, agent: User, write: Write
) -> None:
    stays, leaves = give(write(subject="Stays").ticket, agent), give(write(subject="Leaves").ticket, agent)
    write("News from the customer", ticket=stays)
    change_status(ticket=leaves, status="resolved", by=system_viewer("task"))
    html = page(browser, "inbox-changes", view="mine", shown=f"{stays.pk},{leaves.pk}", waiting="", before="")
    assert row_ids(html) == [stays.pk, leaves.pk]
    assert "News from the customer" in html
    assert html.count('hx-swap-oob="true"') == 3
    assert html.count("is-gone") == 1


def test_arrivals_wait_behind_a_bar_that_counts_only_this_list(
    browser: Client, agent: User, write: Write
) -> None:
    first, second = give(write(subject="First new").ticket, agent), write(subject="Not mine").ticket
    waiting = f"{first.pk},{second.pk},99999"
    html = page(browser, "inbox-changes", view="mine", shown="", waiting=waiting, before="")
    assert f'data-ids="{first.pk}"' in html
    assert "1 new ticket · First new" in html
    third = give(write(subject="Third").ticket, agent)
    html = page(browser, "inbox-changes", view="mine", shown="", waiting=f"{waiting},{third.pk}", before="")
    assert "2 new tickets" in html
    shown = page(browser, "inbox-rows", view="mine", sort="newest", ids=f"{first.pk},{second.pk},{third.pk}")
    assert row_ids(shown) == [third.pk, first.pk]
    assert 'id="arrivals"' in shown


def test_a_row_that_went_to_a_private_team_is_taken_out(
    browser: Client, write: Write, private_team: Team
) -> None:
    gone = write(subject="Secret now").ticket
    Ticket.objects.filter(pk=gone.pk).update(team=private_team)
    html = page(browser, "inbox-changes", view="open", shown=gone.pk, waiting=gone.pk, before="")
    assert f'<li id="ticket-row-{gone.pk}" hx-swap-oob="delete"></li>' in html
    assert "Secret now" not in html


def test_made_up_ids_in_live_updates_do_no_harm(browser: Client, ticket: Ticket) -> None:
    html = page(
        browser, "inbox-changes", view="open", shown="x,-1,²," + "9" * 40, waiting="1;drop", before=""
    )
    assert row_ids(html) == []
    assert browser.get("/inbox/changes/?view=open&before=zzz").status_code == 404


def test_the_views_count_again(browser: Client, agent: User, write: Write) -> None:
    give(write().ticket, agent)
    recount_everything()
    html = page(browser, "inbox-views", view="mine")
    assert 'data-own="1"' in html
    assert '<span class="t-3 num" id="view-count" hx-swap-oob="true">1</span>' in html


# --- who sees what ------------------------------------------------------------------------------------------------------


def ticket_addresses(ticket: Ticket, message: Message, attachment: Attachment) -> list[tuple[str, str]]:
    """Every address below a ticket, from the URL table."""
    values = {
        "ticket_id": ticket.pk,
        "message_id": message.pk,
        "attachment_id": attachment.pk,
        "key": "contact",
        "kind": "reply",
        "file_id": "sample",
    }
    found = []
    for entry in patterns_of(get_resolver()):
        names = set(entry.pattern.converters)
        if "ticket_id" in names:
            name = entry.name or ""
            found.append((name, reverse(name, kwargs={one: values.get(one, 1) for one in names})))
    return found


def patterns_of(resolver: Any) -> list[URLPattern]:
    """The routes of the pages, flat."""
    flat: list[URLPattern] = []
    for entry in resolver.url_patterns:
        flat += [entry] if isinstance(entry, URLPattern) else patterns_of(entry)
    return [
        entry
        for entry in flat
        if not str(entry.pattern).startswith("api/") and "ticket_id" in entry.pattern.converters
    ]


def test_a_private_ticket_is_not_found_through_any_address(
    login: Login, admin: User, csm: User, lawyer: User, write: Write, private_team: Team
) -> None:
    received = write("Secret", html="<p>Secret</p>", files=[IncomingFile("contract.pdf", b"%PDF")])
    ticket, message = received.ticket, received.message
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    outsider = User.objects.create_user("out@desk.example", name="Out Sider", role="agent")
    addresses = ticket_addresses(ticket, message, message.attachments.get())
    assert len(addresses) >= 18
    browser = login(outsider)
    for name, address in addresses:
        response = browser.get(address)
        if response.status_code == 405:
            response = browser.post(address, {"status": "resolved", "body": "x", "assignee": outsider.pk})
        assert response.status_code == 404, name
        assert b"Secret" not in response.content, name
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.assignee_id, ticket.messages.count()) == ("new", None, 1)
    bulk = browser.post(reverse("inbox-bulk"), {"ticket": ticket.pk, "status": "resolved"}, headers=HTMX)
    assert "0 of 1 changed" in bulk.headers["HX-Trigger"]
    assert "Secret" not in browser.get("/inbox/?view=open").content.decode()
    assert login(lawyer).get(reverse("inbox-ticket", args=[ticket.pk])).status_code == 200


def test_roles_get_the_controls_they_may_use(
    login: Login, analyst: User, csm: User, agent: User, ticket: Ticket
) -> None:
    address = reverse("inbox-ticket", args=[ticket.pk])
    reading = login(analyst).get(address).content.decode()
    assert "data-composer" not in reading
    assert 'data-hotkey="resolve"' not in reading
    assert login(analyst).post(reverse("inbox-messages", args=[ticket.pk]), {"body": "x"}).status_code == 403
    assert (
        login(analyst).post(reverse("inbox-status", args=[ticket.pk]), {"status": "open"}).status_code == 403
    )
    writing = login(csm).get(address).content.decode()
    assert 'data-compose="reply"' in writing
    assert "Send and resolve" not in writing
    for action in ("resolve", "resolve-next", "status", "priority", "assign", "reply", "note"):
        assert f'data-hotkey="{action}"' in login(agent).get(address).content.decode(), action


# --- conversation -------------------------------------------------------------------------------------------------------


def test_the_conversation_tells_messages_notes_and_events_apart(
    browser: Client, agent: User, write: Write
) -> None:
    text = "See below.\n\n> older words\n> and more"
    fold = (text.index("\n\n>"), len(text), "quote")
    ticket = give(write(text, subject="Folded", folds=[fold]).ticket, agent)
    post = reverse("inbox-messages", args=[ticket.pk])
    browser.post(post, {"kind": "note", "body": "Only for us"}, headers=HTMX)
    browser.post(
        post,
        {"kind": "reply", "body": "We are looking", "seen": ticket.messages.get(kind="inbound").pk},
        headers=HTMX,
    )
    html = page(browser, "inbox-conversation", ticket.pk)
    assert "is-note" in html
    assert "Private note" in html
    assert "Only for us" in html
    assert "is-out" in html
    assert "You replied" in html
    assert "2 quoted lines" in html
    assert "assigned the ticket <b>to Priya Raman</b>" in html
    assert 'id="context"' in html
    assert f"<title>#{ticket.number} Folded" in html


def test_an_answer_goes_to_the_outbox_and_the_composer_is_empty(browser: Client, ticket: Ticket) -> None:
    seen = ticket.messages.get().pk
    response = browser.post(
        reverse("inbox-messages", args=[ticket.pk]),
        {"kind": "reply", "body": "It is on its way.", "seen": seen, "next": "resolve", "token": "t1",
         "files": SimpleUploadedFile("plan.txt", b"the plan", "text/plain")},
        headers=HTMX,
    )  # fmt: skip
    assert response.status_code == 200
    assert "Sent and resolved" in response.headers["HX-Trigger"]
    message = ticket.messages.get(kind="outbound")
    assert (message.body_text, message.delivery) == ("It is on its way.", "queued")
    assert [one.name for one in message.attachments.all()] == ["plan.txt"]
    assert Outbound.objects.filter(idempotency_key=f"message:{message.pk}").exists()
    ticket.refresh_from_db()
    assert ticket.status_id == "resolved"
    html = response.content.decode()
    assert re.search(r"<textarea[^>]*data-body[^>]*></textarea>", html)
    assert "data-leaves-at" in html
    assert reverse("inbox-undo", args=[ticket.pk, message.pk]) in html
    again = browser.post(
        reverse("inbox-messages", args=[ticket.pk]),
        {"kind": "reply", "body": "It is on its way.", "token": "t1"},
    )
    assert again.status_code == 302
    assert ticket.messages.filter(kind="outbound").count() == 1


def test_an_answer_over_a_newer_message_is_refused_once_and_keeps_its_text(
    browser: Client, write: Write, ticket: Ticket
) -> None:
    seen = ticket.messages.get().pk
    newer = write("Wait, I found it myself", ticket=ticket).message
    address = reverse("inbox-messages", args=[ticket.pk])
    response = browser.post(address, {"kind": "reply", "body": "My long answer", "seen": seen}, headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 422
    assert "Mette Aas wrote while you were writing" in html
    assert "Wait, I found it myself" in html
    assert ">My long answer</textarea>" in html
    assert f'name="seen" value="{newer.pk}"' in html
    assert not ticket.messages.filter(kind="outbound").exists()
    assert (
        browser.post(address, {"kind": "reply", "body": "Good", "seen": newer.pk}, headers=HTMX).status_code
        == 200
    )


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_what_is_refused_keeps_the_text_with_and_without_script(
    browser: Client, ticket: Ticket, contact: Contact, headers: dict[str, str]
) -> None:
    contact.identities.all().delete()
    response = browser.post(
        reverse("inbox-messages", args=[ticket.pk]), {"kind": "reply", "body": "Kept"}, headers=headers
    )
    html = response.content.decode()
    assert response.status_code == 422
    assert "no e-mail address to answer to" in html
    assert ">Kept</textarea>" in html
    assert ("<html" in html) == (not headers)


def test_a_failed_answer_says_why_and_can_be_sent_again(browser: Client, ticket: Ticket) -> None:
    browser.post(
        reverse("inbox-messages", args=[ticket.pk]), {"kind": "reply", "body": "Hello"}, headers=HTMX
    )
    message = ticket.messages.get(kind="outbound")
    assert "Send again" not in page(browser, "inbox-thread", ticket.pk)
    Message.objects.filter(pk=message.pk).update(delivery="failed", delivery_detail="550 no such mailbox")
    Outbound.objects.update(state="failed")
    html = page(browser, "inbox-thread", ticket.pk)
    assert "Failed" in html
    assert "550 no such mailbox" in html
    assert "Send again" in html
    response = browser.post(reverse("inbox-retry", args=[ticket.pk, message.pk]), headers=HTMX)
    assert response.status_code == 200
    assert "Send again" not in response.content.decode()
    message.refresh_from_db()
    assert message.delivery == "queued"


def test_reading_takes_the_mark_off_only_for_who_works_on_it(
    login: Login, agent: User, lead_user: User, ticket: Ticket
) -> None:
    give(ticket, agent)
    address = reverse("inbox-read", args=[ticket.pk])
    assert address not in page(login(lead_user), "inbox-conversation", ticket.pk)
    assert address in page(login(agent), "inbox-conversation", ticket.pk)
    assert login(agent).post(address, headers=HTMX).status_code == 204
    ticket.refresh_from_db()
    assert not ticket.unread


# --- routing ------------------------------------------------------------------------------------------------------------


def test_the_header_follows_routing_from_waiting_to_confirmed(
    browser: Client, ticket: Ticket, category: Category
) -> None:
    assert "Routing …" in page(browser, "inbox-head", ticket.pk)
    predict(ticket, "Billing questions", "routed", category)
    html = page(browser, "inbox-head", ticket.pk)
    assert "Routed to <b>Billing</b> · Billing questions" in html
    assert "0.93" in html
    assert "“invoice”" in html
    assert "+0.41" in html
    response = browser.post(reverse("inbox-confirm", args=[ticket.pk]), headers=HTMX)
    assert "Confirmed" in response.content.decode()
    assert Feedback.objects.get().source == "confirmation"


def test_a_ticket_in_triage_is_shown_as_unsure_and_a_choice_becomes_a_label(
    browser: Client, ticket: Ticket, category: Category, team: Team
) -> None:
    other = Category.objects.create(name="Contracts", team=team)
    predict(ticket, "Billing questions", "triage")
    html = browser.get(reverse("inbox-ticket", args=[ticket.pk])).content.decode()
    assert "Perhaps <b>Billing questions</b>" in html
    assert "Unsure" in html
    choices = page(browser, "inbox-routing-choices", ticket.pk)
    assert choices.index("Billing questions") < choices.index("Contracts")
    response = browser.post(reverse("inbox-routing", args=[ticket.pk]), {"category": other.pk}, headers=HTMX)
    html = response.content.decode()
    assert "Routed by hand to <b>Billing</b> · Contracts" in html
    label = Feedback.objects.get()
    assert (label.label, label.source, label.predicted_label) == (
        "Contracts",
        "correction",
        "Billing questions",
    )
    nothing = browser.post(reverse("inbox-routing", args=[ticket.pk]), headers=HTMX)
    assert nothing.status_code == 422
    assert nothing.headers["HX-Reswap"] == "none"


def test_a_lead_keeps_a_ticket_as_a_golden_case_in_one_click(
    browser: Client, ticket: Ticket, category: Category, lead_user: User, login: Callable[[User], Client]
) -> None:
    predict(ticket, "Billing questions", "routed", category)
    address = reverse("inbox-golden", args=[ticket.pk])
    assert address not in page(browser, "inbox-routing-choices", ticket.pk)
    assert browser.post(address, headers=HTMX).status_code == 403
    lead = login(lead_user)
    assert address in page(lead, "inbox-routing-choices", ticket.pk)
    assert lead.post(address, headers=HTMX).status_code == 200
    case = GoldenCase.objects.get()
    assert (case.task, case.subject_id, case.label) == ("routing", ticket.pk, "Billing questions")
    assert ticket.subject in case.text
    choices = page(lead, "inbox-routing-choices", ticket.pk)
    assert "must be Billing questions" in choices
    assert address not in choices


def test_a_ticket_given_to_a_private_team_leaves_the_screen(
    browser: Client, ticket: Ticket, private_team: Team
) -> None:
    response = browser.post(
        reverse("inbox-routing", args=[ticket.pk]), {"team": private_team.pk}, headers=HTMX
    )
    assert response.headers["HX-Retarget"] == "#conversation"
    assert "private team" in response.headers["HX-Trigger"]
    assert ticket.subject not in response.content.decode()


# --- properties ---------------------------------------------------------------------------------------------------------


def test_status_priority_and_assignee_change_from_the_header(
    browser: Client, agent: User, ticket: Ticket
) -> None:
    resolved = browser.post(reverse("inbox-status", args=[ticket.pk]), {"status": "resolved"}, headers=HTMX)
    undo = re.search(r'"undo_url": "([^"]+)"', resolved.headers["HX-Trigger"])
    assert undo is not None
    browser.post(undo.group(1), headers=HTMX)
    browser.post(reverse("inbox-priority", args=[ticket.pk]), {"priority": "urgent"}, headers=HTMX)
    browser.post(reverse("inbox-assign", args=[ticket.pk]), {"assignee": agent.pk}, headers=HTMX)
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.priority, ticket.assignee) == ("open", "urgent", agent)
    back = browser.post(reverse("inbox-status", args=[ticket.pk]), {"status": "new"}, headers=HTMX)
    assert back.status_code == 422
    assert "new only until" in back.headers["HX-Trigger"]
    people = page(browser, "inbox-assignees", ticket.pk)
    assert "1/20" in people


def test_resolve_and_next_follows_the_list(browser: Client, agent: User, write: Write) -> None:
    old, new = give(write(subject="Old").ticket, agent), give(write(subject="New").ticket, agent)
    query = "?view=mine&sort=newest"
    response = browser.post(reverse("inbox-resolve-next", args=[new.pk]) + query, headers=HTMX)
    assert response.headers["HX-Push-Url"] == reverse("inbox-ticket", args=[old.pk]) + query
    assert f'data-ticket="{old.pk}"' in response.content.decode()
    last = browser.post(reverse("inbox-resolve-next", args=[old.pk]) + query, headers=HTMX)
    assert "That was the last one" in last.content.decode()
    assert set(Ticket.objects.values_list("status_id", flat=True)) == {"resolved"}


def test_a_selection_is_changed_at_once_and_failures_are_named(
    browser: Client, agent: User, analyst: User, write: Write
) -> None:
    tickets = [write(subject=f"Number {number}").ticket for number in range(3)]
    chosen = [ticket.pk for ticket in tickets]
    address = reverse("inbox-bulk") + "?view=unassigned"
    response = browser.post(address, {"ticket": chosen[:2], "assignee": agent.pk}, headers=HTMX)
    assert "2 of 2 changed" in response.headers["HX-Trigger"]
    assert response.content.decode().count("is-gone") == 2
    assert Ticket.objects.filter(assignee=agent).count() == 2
    change_status(ticket=tickets[0], status="open", by=system_viewer("task"))
    response = browser.post(address, {"ticket": chosen, "assignee": analyst.pk}, headers=HTMX)
    assert response.status_code == 422
    assert "cannot answer tickets" in response.headers["HX-Trigger"]
    html = browser.post(address, {"ticket": chosen, "status": "new"}, headers=HTMX).content.decode()
    assert "2 of 3 done" in html
    assert f"#{tickets[0].number}" in html
    assert "A ticket is new only until" in html
    response = browser.post(address, {"ticket": chosen, "status": "waiting"}, headers=HTMX)
    assert set(Ticket.objects.values_list("status_id", flat=True)) == {"waiting"}


def test_a_selection_needs_the_permission(login: Login, csm: User, ticket: Ticket) -> None:
    response = login(csm).post(
        reverse("inbox-bulk"), {"ticket": ticket.pk, "status": "resolved"}, headers=HTMX
    )
    assert response.status_code == 403
    ticket.refresh_from_db()
    assert ticket.status_id == "new"


# --- what customers send ------------------------------------------------------------------------------------------------

NASTY = (
    '<p onclick="x()">Hello <b>you</b></p><script>alert(1)</script><img src="https://spy.example/p.png" onerror="x()">'
    '<img src="cid:pic@x"><a href="javascript:x()">bad</a><a href="https://ok.example/">good</a><form action="/x"><input></form>'
    '<div style="position:fixed;color:red;background:url(https://spy.example/b)">styled</div><iframe src="/"></iframe>'
)


def test_html_is_shown_only_when_asked_and_only_in_its_frame(browser: Client, write: Write) -> None:
    files = [IncomingFile("pic.png", b"\x89PNG", "image/png", content_id="<pic@x>", is_inline=True)]
    received = write("Hello you", html=NASTY, files=files)
    ticket, message = received.ticket, received.message
    plain = page(browser, "inbox-thread", ticket.pk)
    assert "<iframe" not in plain
    assert "Show as HTML" in plain
    shown = page(browser, "inbox-message", ticket.pk, message.pk, form="html")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in shown
    assert "Load remote images" in shown
    frame = browser.get(reverse("inbox-frame", args=[ticket.pk, message.pk]))
    html = frame.content.decode()
    for gone in (
        "<script",
        "onclick",
        "onerror",
        "javascript:",
        "spy.example",
        "<form",
        "<iframe",
        "position",
        "alert",
    ):
        assert gone not in html, gone
    assert "<b>you</b>" in html
    assert "color:red" in html.replace(" ", "")
    assert 'src="data:image/png;base64,' in html
    assert 'href="https://ok.example/"' in html
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src data:;" in policy
    assert "sandbox" in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    loud = browser.get(reverse("inbox-frame-images", args=[ticket.pk, message.pk]))
    assert 'src="https://spy.example/p.png"' in loud.content.decode()
    assert "img-src data: https: http:" in loud.headers["Content-Security-Policy"]


@pytest.mark.parametrize("html", ["<div>" * 400, "<p>" + "x" * 2_100_000])
def test_html_that_is_too_much_is_refused_before_it_is_cleaned(
    browser: Client, write: Write, html: str
) -> None:
    with pytest.raises(TooComplex):
        safe_document(html, pictures={}, remote_images=False)
    received = write("The text", html=html)
    frame = browser.get(reverse("inbox-frame", args=[received.ticket.pk, received.message.pk]))
    assert frame.status_code == 422
    assert frame.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("name", "declared", "served"),
    [
        ("trace.har", "application/json", "application/json"),
        ("logo.svg", "image/svg+xml", "application/octet-stream"),
        ("page.html", "text/html", "application/octet-stream"),
        ('../../etc/"x\r\n.pdf', "application/pdf", "application/pdf"),
    ],
)
def test_a_file_is_always_a_download(
    browser: Client, write: Write, name: str, declared: str, served: str
) -> None:
    received = write("See the file", files=[IncomingFile(name, b"content", declared)])
    file = received.message.attachments.get()
    address = reverse("inbox-attachment", args=[received.ticket.pk, file.pk])
    assert address in page(browser, "inbox-thread", received.ticket.pk)
    response = browser.get(address)
    assert response.content == b"content"
    assert response.headers["Content-Type"] == served
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "/" not in response.headers["Content-Disposition"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


# --- beside the ticket --------------------------------------------------------------------------------------------------


def test_panels_load_from_addresses_of_their_own(browser: Client, write: Write, ticket: Ticket) -> None:
    earlier = write(subject="Asked before").ticket
    html = page(browser, "inbox-context", ticket.pk)
    for key in ("contact", "other-tickets"):
        assert reverse("inbox-panel", args=[ticket.pk, key]) in html
    contact = page(browser, "inbox-panel", ticket.pk, "contact")
    assert "Mette Aas" in contact
    assert "mette@halden.example" in contact
    assert "in Oslo" in contact
    others = page(browser, "inbox-panel", ticket.pk, "other-tickets")
    assert "Asked before" in others
    assert reverse("inbox-ticket", args=[earlier.pk]) in others
    assert browser.get(reverse("inbox-panel", args=[ticket.pk, "nothing"])).status_code == 404


def test_a_panel_that_breaks_takes_nothing_else_down(
    browser: Client, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.panels.other_tickets.other_tickets", lambda *_args: 1 / 0)
    html = page(browser, "inbox-panel", ticket.pk, "other-tickets")
    assert "This panel could not be loaded." in html


# --- on behalf of a customer --------------------------------------------------------------------------------------------


def test_a_ticket_is_opened_for_somebody_who_called(browser: Client, contact: Contact) -> None:
    suggestions = page(browser, "ticket-new-contacts", contact_email="mett")
    assert 'value="mette@halden.example"' in suggestions
    response = browser.post(
        reverse("ticket-new"),
        {
            "contact_email": "mette@halden.example",
            "channel": "phone",
            "subject": "Called twice",
            "body": "Please call back",
        },
    )
    ticket = Ticket.objects.get()
    assert response["Location"] == reverse("inbox-ticket", args=[ticket.pk])
    assert (ticket.contact, ticket.channel, ticket.subject) == (contact, "phone", "Called twice")
    refused = browser.post(
        reverse("ticket-new"), {"contact_email": "nobody", "channel": "phone", "subject": "Kept"}
    )
    assert refused.status_code == 422
    assert 'value="Kept"' in refused.content.decode()
    assert Ticket.objects.count() == 1


def test_the_create_menu_and_the_palette_lead_to_tickets(
    browser: Client, ticket: Ticket, analyst: User, login: Login
) -> None:
    assert reverse("ticket-new") in browser.get("/inbox/").content.decode()
    assert reverse("ticket-new") not in login(analyst).get("/inbox/").content.decode()
    found = page(browser, "palette", q=str(ticket.number))
    assert reverse("inbox-ticket", args=[ticket.pk]) in found
