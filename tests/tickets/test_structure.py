"""How tickets hang together: followers, copies, links, merging and back, splitting, moving a message."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Event
from core.outbox import send_due
from customers.models import Account, ContactIdentity
from people.models import Team, User
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.channels.email.thread_evidence import takes_part
from tickets.conversation import EventItem, MessageItem, conversation
from tickets.families import family_of, merge_target
from tickets.incoming import IncomingFile
from tickets.linked_tickets import candidates
from tickets.models import Draft, Inbox, MailLedger, Message, MessageAlias, Ticket, TicketLink
from tickets.pages.urls import urlpatterns
from tickets.recipients import participants_of, recipients_of_answer
from tickets.selectors import followers_of, ticket_of
from tickets.services.add_note import add_note
from tickets.services.change_status import change_status
from tickets.services.copy_contacts import add_cc, remove_cc
from tickets.services.follow_ticket import follow_ticket, unfollow_ticket
from tickets.services.link_tickets import link_tickets, unlink_tickets
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.move_message import move_message, split_ticket
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.schedule_answer import schedule_answer
from tickets.services.undo_answer import undo_answer

Write = Callable[..., Received]


def again(ticket: Ticket) -> Ticket:
    """The ticket as the database has it."""
    return Ticket.objects.get(pk=ticket.pk)


@pytest.fixture
def other(write: Write) -> Ticket:
    """A second ticket of the same customer, by a colleague."""
    return write("Same thing here", subject="Also broken", sender="jo@halden.example").ticket


# --- followers --------------------------------------------------------------------------------------------------------


def test_following_is_a_choice_that_can_be_taken_back(
    ticket: Ticket, agent: User, viewer: Viewer, lead_user: User
) -> None:
    follow_ticket(ticket=ticket, by=viewer)
    follow_ticket(ticket=ticket, by=viewer)
    follow_ticket(ticket=ticket, by=viewer, user=lead_user)
    assert followers_of(ticket.pk) == {agent.pk, lead_user.pk}
    assert unfollow_ticket(ticket=ticket, by=viewer)
    assert not unfollow_ticket(ticket=ticket, by=viewer)
    assert followers_of(ticket.pk) == {lead_user.pk}
    assert Event.objects.filter(verb="tickets.followed").count() == 2


def test_who_loses_sight_of_a_ticket_hears_nothing_of_it(
    ticket: Ticket, agent: User, viewer: Viewer, private_team: Team, lawyer: User, lead_user: User
) -> None:
    for user in (agent, lawyer, lead_user):
        follow_ticket(ticket=ticket, by=user.as_viewer())
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    assert followers_of(ticket.pk) == {lawyer.pk, lead_user.pk}
    with pytest.raises(ValidationError, match="does not see"):
        follow_ticket(ticket=ticket, by=lead_user.as_viewer(), user=make_user("agent", "Tom Beck"))


def test_only_who_assigns_makes_others_follow(ticket: Ticket, csm: User, agent: User) -> None:
    follow_ticket(ticket=ticket, by=csm.as_viewer())
    with pytest.raises(PermissionDenied):
        follow_ticket(ticket=ticket, by=csm.as_viewer(), user=agent)


# --- copies -----------------------------------------------------------------------------------------------------------


def test_people_in_copy_get_the_answers_until_they_are_taken_out(
    ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    copy = add_cc(ticket=ticket, by=viewer, email="Kim@halden.example", name="Kim")
    assert [(one.address, one.is_new) for one in recipients_of_answer(ticket).cc] == [
        ("kim@halden.example", True)
    ]
    message = reply_to_ticket(ticket=ticket, body="Here it is.", by=viewer)
    assert message.recipients["cc"] == [{"name": "Kim", "address": "kim@halden.example"}]
    remove_cc(ticket=ticket, contact=copy.contact, by=viewer)
    write("thanks", ticket=ticket, recipients={"cc": [{"name": "Kim", "address": "kim@halden.example"}]})
    after = recipients_of_answer(ticket)
    assert (after.cc, [one.address for one in after.removed]) == ((), ["kim@halden.example"])
    add_cc(ticket=ticket, by=viewer, contact=copy.contact)
    assert [(one.address, one.is_new) for one in recipients_of_answer(ticket).cc] == [
        ("kim@halden.example", False)
    ]
    lines = [item for item in conversation(again(ticket), viewer) if isinstance(item, EventItem)]
    assert [(line.sentence, line.object) for line in lines if line.verb.startswith("tickets.cc")] == [
        ("put in copy", "Kim"),
        ("took out of copy", "Kim"),
        ("put in copy", "Kim"),
    ]


@pytest.mark.parametrize(
    ("email", "why"),
    [("support@desk.example", "our own"), ("mette@halden.example", "requester"), ("nonsense", "no e-mail")],
)
def test_copies_to_ourselves_the_requester_or_nobody_are_refused(
    ticket: Ticket, viewer: Viewer, email: str, why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        add_cc(ticket=ticket, by=viewer, email=email)


def test_participants_are_those_on_the_customers_mails_but_not_we(ticket: Ticket, write: Write) -> None:
    write(
        "all",
        ticket=ticket,
        recipients={"to": [{"address": "support+r-a-b@desk.example"}], "cc": [{"address": "x@y.example"}]},
    )
    assert [one.address for one in participants_of(ticket)] == ["x@y.example"]


# --- links ------------------------------------------------------------------------------------------------------------


def test_links_are_kept_once_and_told_on_both_tickets(ticket: Ticket, other: Ticket, viewer: Viewer) -> None:
    link = link_tickets(ticket=other, other=ticket, role="related", by=viewer)
    assert link_tickets(ticket=ticket, other=other, role="related", by=viewer) == link
    assert TicketLink.objects.count() == 1
    assert set(Event.objects.filter(verb="tickets.linked").values_list("ticket_id", flat=True)) == {
        ticket.pk,
        other.pk,
    }
    unlink_tickets(link=link, by=viewer)
    assert not TicketLink.objects.exists()


def test_a_ticket_has_one_parent_and_is_never_its_own_ancestor(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    third = write("And a third", subject="Third").ticket
    link_tickets(ticket=ticket, other=other, role="child", by=viewer)
    link_tickets(ticket=third, other=other, role="parent", by=viewer)
    with pytest.raises(ValidationError, match="a parent already"):
        link_tickets(ticket=third, other=other, role="child", by=viewer)
    with pytest.raises(ValidationError, match="own ancestor"):
        link_tickets(ticket=third, other=ticket, role="child", by=viewer)
    with pytest.raises(ValidationError, match="another ticket"):
        link_tickets(ticket=third, other=third, role="related", by=viewer)


def test_links_need_sight_of_both_tickets(
    ticket: Ticket, other: Ticket, viewer: Viewer, private_team: Team
) -> None:
    Ticket.objects.filter(pk=other.pk).update(team=private_team)
    with pytest.raises(Ticket.DoesNotExist):
        link_tickets(ticket=ticket, other=other, role="related", by=viewer)


# --- merging ----------------------------------------------------------------------------------------------------------


def test_a_merge_closes_the_source_and_shows_both_conversations(
    ticket: Ticket, other: Ticket, viewer: Viewer
) -> None:
    add_note(ticket=other, body="Looks the same", by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    source, target = again(other), again(ticket)
    assert (source.merged_into_id, source.status_id) == (ticket.pk, "closed")
    assert (target.merged_count, target.inbound_count) == (1, 2)
    assert target.last_message_preview == "Same thing here"
    items = conversation(target, viewer)
    shown = [(item.text, item.merged_number) for item in items if isinstance(item, MessageItem)]
    assert shown == [
        ("Where is my invoice?", 0),
        ("Same thing here", other.number),
        ("Looks the same", other.number),
    ]
    lines = [item for item in items if isinstance(item, EventItem)]
    told = [(line.sentence, line.object) for line in lines if "merge" in line.verb]
    assert ("merged another ticket", f"#{other.number}") in told
    alone = [item for item in conversation(source, viewer) if isinstance(item, EventItem)]
    assert ("merged the ticket", f"into #{ticket.number}") in [(one.sentence, one.object) for one in alone]
    assert not [line for line in lines if line.verb == "tickets.status_changed"]
    assert Message.objects.filter(ticket=other).count() == 2


def test_taking_a_merge_back_restores_what_was(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    change_status(ticket=other, status="on_hold", by=viewer)
    before = columns([ticket, other])
    merge_tickets(ticket=other, into=ticket, by=viewer)
    unmerge_ticket(ticket=other, by=viewer)
    assert columns([ticket, other]) == before
    with pytest.raises(ValidationError, match="not merged"):
        unmerge_ticket(ticket=other, by=viewer)


def test_what_customers_write_to_a_merged_ticket_arrives_where_it_goes_on(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    third = write("Third", subject="Third").ticket
    merge_tickets(ticket=other, into=ticket, by=viewer)
    merge_tickets(ticket=ticket, into=third, by=viewer)
    received = write("Any news?", ticket=again(other), sender="jo@halden.example")
    assert (received.outcome, received.ticket.pk) == ("appended", third.pk)
    assert merge_target(again(other)) == third
    assert set(family_of(again(third))) == {ticket.pk, other.pk, third.pk}


def test_the_merged_requester_and_copies_get_the_answers(
    ticket: Ticket, other: Ticket, viewer: Viewer
) -> None:
    add_cc(ticket=other, by=viewer, email="kim@halden.example")
    merge_tickets(ticket=other, into=ticket, by=viewer)
    answer = recipients_of_answer(again(ticket))
    assert [one.address for one in answer.to] == ["mette@halden.example"]
    assert {one.address for one in answer.cc} == {"jo@halden.example", "kim@halden.example"}
    remove_cc(ticket=ticket, contact=other.contact, by=viewer)
    assert [one.address for one in recipients_of_answer(again(ticket)).cc] == ["kim@halden.example"]
    unmerge_ticket(ticket=other, by=viewer)
    assert recipients_of_answer(again(ticket)).cc == ()


def test_a_merged_ticket_rests(ticket: Ticket, other: Ticket, viewer: Viewer, agent: User) -> None:
    follow_ticket(ticket=other, by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    for act in (
        lambda: change_status(ticket=other, status="open", by=viewer),
        lambda: reply_to_ticket(ticket=other, body="Hello", by=viewer),
        lambda: add_note(ticket=other, body="Hello", by=viewer),
    ):
        with pytest.raises(ValidationError, match=f"merged into #{ticket.number}"):
            act()
    assert followers_of(ticket.pk) == {agent.pk}


def test_merges_that_must_not_be_are_refused(
    ticket: Ticket, other: Ticket, viewer: Viewer, lead_user: User, private_team: Team, write: Write
) -> None:
    with pytest.raises(ValidationError, match="into itself"):
        merge_tickets(ticket=ticket, into=ticket, by=viewer)
    stranger = write("Hello", sender="a@elsewhere.example").ticket
    Ticket.objects.filter(pk=stranger.pk).update(account=Account.objects.create(name="Elsewhere"))
    with pytest.raises(ValidationError, match="different customers"):
        merge_tickets(ticket=stranger, into=ticket, by=viewer)
    third = write("Third", subject="Third").ticket
    change_status(ticket=third, status="closed", by=viewer)
    with pytest.raises(ValidationError, match="is closed"):
        merge_tickets(ticket=ticket, into=third, by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    with pytest.raises(ValidationError, match="into itself"):
        merge_tickets(ticket=ticket, into=other, by=viewer)
    with pytest.raises(ValidationError, match="merged before"):
        merge_tickets(ticket=other, into=stranger, by=viewer)
    fourth = write("Fourth", subject="Fourth").ticket
    Ticket.objects.filter(pk=fourth.pk).update(team=private_team)
    with pytest.raises(Ticket.DoesNotExist):
        merge_tickets(ticket=fourth, into=ticket, by=viewer)
    with pytest.raises(ValidationError, match="private team"):
        merge_tickets(ticket=fourth, into=ticket, by=lead_user.as_viewer())


@pytest.fixture
def strangers(write: Write) -> tuple[Ticket, Ticket]:
    """Tickets of two people whom no account joins."""
    first = write("My parcel", subject="Parcel", sender="ann@one.example").ticket
    second = write("A parcel", subject="Parcel too", sender="ben@two.example").ticket
    assert first.account_id is None
    assert second.account_id is None
    return first, second


def test_strangers_are_merged_only_when_somebody_confirms_it(
    strangers: tuple[Ticket, Ticket], ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    ann, ben = strangers
    for source, target in ((ann, ben), (ann, ticket), (ticket, ann)):
        with pytest.raises(ValidationError, match=r"ann@one\.example") as refused:
            merge_tickets(ticket=source, into=target, by=viewer)
        assert set(refused.value.message_dict) == {"confirm_different_requesters"}
    same = write("Another one", subject="Again", sender="ann@one.example").ticket
    merge_tickets(ticket=same, into=ann, by=viewer)
    merge_tickets(ticket=ann, into=ben, by=viewer, confirm_different_requesters=True)
    assert again(ann).merged_into_id == ben.pk
    # What belongs to different customers is not merged, confirmed or not.
    elsewhere = Account.objects.create(name="Elsewhere")
    Ticket.objects.filter(pk=ben.pk).update(account=elsewhere)
    with pytest.raises(ValidationError, match="different customers"):
        merge_tickets(ticket=again(ben), into=ticket, by=viewer, confirm_different_requesters=True)


def test_a_split_between_strangers_is_taken_back_without_a_question(
    strangers: tuple[Ticket, Ticket], viewer: Viewer, write: Write
) -> None:
    ann, _ben = strangers
    message = write("I have one, too", ticket=ann, sender="cat@three.example").message
    made = split_ticket(ticket=ann, message=message, subject="Third", by=viewer)
    assert made.contact_id != ann.contact_id
    merge_tickets(ticket=made, into=ann, by=viewer)
    assert again(made).merged_into_id == ann.pk


def test_the_dialog_warns_of_strangers_and_takes_the_word_for_these_two_only(
    strangers: tuple[Ticket, Ticket], ticket: Ticket, agent: User, login: Any
) -> None:
    ann, ben = strangers
    browser = login(agent)
    address = f"/inbox/{ann.pk}/merge/"
    assert "confirm_different_requesters" not in browser.get(address).content.decode()
    found = browser.get(f"/inbox/{ann.pk}/choices/merge/?q={ben.number}").content.decode()
    assert f'value="{ben.pk}"' in found
    asked = browser.post(address, {"into": ben.pk})
    page = asked.content.decode()
    assert asked.status_code == 422
    assert "ann@one.example" in page
    assert "ben@two.example" in page
    assert f'name="confirm_different_requesters" value="{ben.pk}"' in page
    assert re.search(rf'value="{ben.pk}" checked', page)
    # The confirmation was for another ticket.
    assert (
        browser.post(address, {"into": ticket.pk, "confirm_different_requesters": ben.pk}).status_code == 422
    )
    done = browser.post(address, {"into": ben.pk, "confirm_different_requesters": ben.pk})
    assert (done.status_code, again(ann).merged_into_id) == (200, ben.pk)


def test_rest_and_bulk_merge_strangers_only_when_confirmed(
    strangers: tuple[Ticket, Ticket], api: Any, viewer: Viewer
) -> None:
    ann, ben = strangers
    rest = api("tickets:read", "tickets:write")
    address = f"/api/v1/tickets/{ann.pk}/merge/"
    refused = rest.post(address, {"into": ben.pk}, format="json")
    assert refused.status_code == 400
    assert "confirm_different_requesters" in str(refused.json())
    confirmed = {"into": ben.pk, "confirm_different_requesters": True}
    assert rest.post(address, confirmed, format="json").status_code == 200
    assert rest.delete(address).status_code == 200
    for value, merged in (({"into": ben.pk}, None), (confirmed, ben.pk)):
        bulk = {"act": "merge", "value": value, "tickets": [ann.pk]}
        assert rest.post("/api/v1/tickets/bulk/", bulk, format="json").status_code in {200, 201, 202}
        assert again(ann).merged_into_id == merged


def test_a_merged_ticket_that_went_private_is_not_shown_in_its_target(
    ticket: Ticket, other: Ticket, viewer: Viewer, lead_user: User, private_team: Team
) -> None:
    merge_tickets(ticket=other, into=ticket, by=viewer)
    Ticket.objects.filter(pk=other.pk).update(team=private_team)

    def texts(who: Viewer) -> list[str]:
        return [item.text for item in conversation(again(ticket), who) if isinstance(item, MessageItem)]

    assert texts(viewer) == ["Where is my invoice?"]
    assert texts(lead_user.as_viewer()) == ["Where is my invoice?", "Same thing here"]


def test_the_conversation_of_many_merged_tickets_costs_one_query_more(
    ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            conversation(ticket_of(viewer, ticket.pk), viewer)
        return len(queries)

    alone = count()
    merge_tickets(ticket=write("1", subject="1").ticket, into=ticket, by=viewer)
    one = count()
    for number in range(4):
        merge_tickets(ticket=write(f"m{number}", subject="x").ticket, into=ticket, by=viewer)
    assert count() == one
    assert one <= alone + 2


COLUMNS = (
    "status_id",
    "status_category",
    "merged_into_id",
    "merged_count",
    "unread",
    "waiting_since",
    "resolved_at",
    "closed_at",
    "reopen_count",
    "inbound_count",
    "outbound_count",
    "last_message_at",
    "last_message_preview",
    "last_message_inbound",
    "snoozed_until",
)


def columns(tickets: list[Ticket]) -> list[tuple[Any, ...]]:
    """What merging changes, as the database has it."""
    ids = [ticket.pk for ticket in tickets]
    return list(Ticket.objects.filter(pk__in=ids).order_by("pk").values_list("pk", *COLUMNS))


_merging = given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["merge", "merge", "unmerge", "write"]), st.integers(0, 4), st.integers(0, 4)
        ),
        max_size=14,
    ),
    statuses=st.lists(
        st.sampled_from(["", "open", "waiting", "on_hold", "resolved"]), min_size=5, max_size=5
    ),
    answered=st.lists(st.booleans(), min_size=5, max_size=5),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@_merging
def test_no_order_of_merging_makes_a_circle_or_loses_anything(
    write: Write, viewer: Viewer, **case: Any
) -> None:
    merge_in_some_order(write, viewer, **case)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@_merging
def test_none_of_two_hundred_orders_of_merging_does(write: Write, viewer: Viewer, **case: Any) -> None:
    merge_in_some_order(write, viewer, **case)


def merge_in_some_order(
    write: Write, viewer: Viewer, *, steps: list[Any], statuses: list[str], answered: list[bool]
) -> None:
    """Merge, take back and write; at the end everything is where it was."""
    with transaction.atomic():
        tickets = [write(f"text {number}", subject=f"S{number}").ticket for number in range(5)]
        for ticket, status, answer in zip(tickets, statuses, answered, strict=True):
            if answer:
                reply_to_ticket(ticket=ticket, body="We look into it", by=viewer)
            if status:
                change_status(ticket=ticket, status=status, by=viewer)
        before = columns(tickets)
        home = dict(Message.objects.values_list("pk", "ticket_id"))
        wrote = False
        for act, first, second in steps:
            if act == "write":
                received = write("more", ticket=again(tickets[first]))
                home[received.message.pk] = received.message.ticket_id
                assert received.ticket.merged_into_id is None
                wrote = True
            else:
                attempt(act, tickets[first], tickets[second], viewer)
            check_families(tickets, viewer)
        for ticket in tickets:
            if again(ticket).merged_into_id is not None:
                unmerge_ticket(ticket=ticket, by=viewer)
        assert dict(Message.objects.values_list("pk", "ticket_id")) == home
        if not wrote:
            assert columns(tickets) == before
        transaction.set_rollback(True)


def attempt(act: str, ticket: Ticket, into: Ticket, viewer: Viewer) -> None:
    """Merge or take back, as far as it is allowed."""
    with suppress(ValidationError):
        if act == "merge":
            merge_tickets(ticket=ticket, into=into, by=viewer)
        else:
            unmerge_ticket(ticket=ticket, by=viewer)


def check_families(tickets: list[Ticket], viewer: Viewer) -> None:
    """Every chain ends, and every message is shown exactly once among the tickets that are not merged."""
    present = [again(ticket) for ticket in tickets]
    for ticket in present:
        assert merge_target(ticket).merged_into_id is None
        assert ticket.merged_count == sum(one.merged_into_id == ticket.pk for one in present)
    shown = [
        item.id
        for ticket in present
        if ticket.merged_into_id is None
        for item in conversation(ticket, viewer)
        if isinstance(item, MessageItem)
    ]
    all_of_them = Message.objects.filter(ticket__in=tickets)
    assert sorted(shown) == sorted(all_of_them.values_list("pk", flat=True))


def test_counting_anew_does_not_revive_a_wait_that_a_solution_has_ended(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    change_status(ticket=ticket, status="open", by=viewer)
    assert again(ticket).waiting_since is None
    Ticket.objects.filter(pk=other.pk).update(waiting_since=None)
    change_status(ticket=other, status="resolved", by=viewer)
    change_status(ticket=other, status="open", by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    assert again(ticket).waiting_since is None
    unmerge_ticket(ticket=other, by=viewer)
    assert (again(ticket).waiting_since, again(other).waiting_since) == (None, None)
    fresh = write("It is back", ticket=again(ticket)).message
    assert again(ticket).waiting_since == fresh.created_at
    merge_tickets(ticket=other, into=ticket, by=viewer)
    assert again(ticket).waiting_since == fresh.created_at


def test_a_solution_of_the_target_ends_the_wait_of_what_it_had_taken_in_by_then_only(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    third = write("Third", subject="Third").ticket
    merge_tickets(ticket=other, into=ticket, by=viewer)
    change_status(ticket=ticket, status="resolved", by=viewer)
    change_status(ticket=ticket, status="open", by=viewer)
    assert again(ticket).waiting_since is None
    merge_tickets(ticket=third, into=ticket, by=viewer)
    assert again(ticket).waiting_since == third.created_at
    unmerge_ticket(ticket=third, by=viewer)
    assert again(ticket).waiting_since is None
    assert again(third).waiting_since == third.created_at


def test_a_solution_that_was_taken_back_with_its_answer_ends_no_wait(
    ticket: Ticket, other: Ticket, viewer: Viewer
) -> None:
    since = again(ticket).waiting_since
    answer = reply_to_ticket(ticket=ticket, body="Done", by=viewer, status="resolved", undo_seconds=30)
    undo_answer(message=answer, by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    unmerge_ticket(ticket=other, by=viewer)
    assert again(ticket).waiting_since == since


def test_taking_a_merge_back_within_a_chain_counts_its_end(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write
) -> None:
    third = write("Third", subject="Third").ticket
    before = columns([other, ticket])
    merge_tickets(ticket=other, into=ticket, by=viewer)
    merge_tickets(ticket=ticket, into=third, by=viewer)
    reply_to_ticket(ticket=third, body="**Yes**", by=viewer)
    assert (again(third).inbound_count, again(third).outbound_count) == (3, 1)
    unmerge_ticket(ticket=other, by=viewer)
    assert (again(third).inbound_count, again(third).outbound_count) == (2, 1)
    assert again(third).last_message_preview == "Yes"
    assert again(other).waiting_since == other.created_at
    released = Event.objects.filter(verb="tickets.merge_released").values_list("ticket_id", flat=True)
    assert set(released) == {ticket.pk, third.pk}
    told = [line for line in lines_of(again(third), viewer) if line.verb == "tickets.merge_released"]
    assert [(line.object, line.merged_number) for line in told] == [(f"#{other.number}", 0)]
    unmerge_ticket(ticket=ticket, by=viewer)
    assert again(third).inbound_count == 1
    assert columns([other, ticket]) == before


def test_where_a_ticket_went_on_may_have_gone_out_of_sight(
    ticket: Ticket, other: Ticket, viewer: Viewer, agent: User, private_team: Team, write: Write, login: Any
) -> None:
    third = write("Third", subject="Third").ticket
    answer = schedule_answer(ticket=other, body="x", send_at=timezone.now() + timedelta(days=1), by=viewer)
    merge_tickets(ticket=other, into=ticket, by=viewer)
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    browser = login(agent)
    for address, form in (
        (f"/inbox/{other.pk}/unmerge/", {}),
        (f"/inbox/{third.pk}/merge/", {"into": other.pk}),
        (f"/inbox/{other.pk}/waiting/{answer.pk}/", {"act": "edit"}),
    ):
        refused = browser.post(address, form)
        assert refused.status_code == 422, address
        assert "you do not see" in refused.content.decode() + refused.headers.get("HX-Trigger", "")
    assert again(other).merged_into_id == ticket.pk


# --- splitting and moving ---------------------------------------------------------------------------------------------


def test_a_message_becomes_a_ticket_of_its_own(ticket: Ticket, viewer: Viewer, write: Write) -> None:
    second = write(
        "By the way, how do I add a user?",
        ticket=ticket,
        sender="jo@halden.example",
        files=[IncomingFile("screen.png", b"png", "image/png")],
        external_id="<m2@halden.example>",
        aliases=["<m2@halden.example>"],
    ).message
    made = split_ticket(ticket=ticket, message=second, subject="Adding users", by=viewer)
    second.refresh_from_db()
    old, new = again(ticket), again(made)
    assert second.ticket_id == new.pk
    assert second.attachments.count() == 1
    assert MessageAlias.objects.get(message_id="<m2@halden.example>").ticket_id == new.pk
    assert (new.subject, new.contact, new.account) == ("Adding users", second.contact, ticket.account)
    assert (new.inbound_count, new.waiting_since, new.created_at) == (1, second.created_at, second.created_at)
    assert (old.inbound_count, old.last_message_preview) == (1, "Where is my invoice?")
    assert TicketLink.objects.get().kind == "split"
    assert (f"#{new.number}" in [item.object for item in lines_of(old, viewer)]) is True
    assert f"from #{old.number}" in [item.object for item in lines_of(new, viewer)]


def lines_of(ticket: Ticket, viewer: Viewer) -> list[EventItem]:
    """The lines of a conversation."""
    return [item for item in conversation(ticket, viewer) if isinstance(item, EventItem)]


def test_splitting_in_a_private_team_stays_there(
    ticket: Ticket, lawyer: User, private_team: Team, write: Write, viewer: Viewer, minds: Any, pump: Any
) -> None:
    second = write("And another thing", ticket=ticket).message
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    made = split_ticket(ticket=ticket, message=second, subject="", by=lawyer.as_viewer())
    pump()
    assert again(made).team == private_team
    assert not Ticket.objects.visible_to(viewer).filter(pk=made.pk).exists()
    change_status(ticket=made, status="closed", by=lawyer.as_viewer())
    following = write("It is not over", ticket=made).ticket
    pump()
    assert again(following).follow_up_of == made
    assert again(following).team == private_team


def test_a_moved_message_takes_everything_along_and_comes_back(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write, inbox: Inbox
) -> None:
    second = write("This belongs to the other one", ticket=ticket, external_id="<m3@x>", aliases=["<m3@x>"])
    ledger = MailLedger.objects.create(
        inbox=inbox,
        sha256="a",
        storage_key="k",
        size=1,
        received_at=second.message.created_at,
        ticket=ticket,
        message=second.message,
    )
    before = columns([ticket, other])
    move_message(message=second.message, to=other, by=viewer)
    ledger.refresh_from_db()
    assert (again(ticket).inbound_count, again(other).inbound_count, ledger.ticket_id) == (1, 2, other.pk)
    assert MessageAlias.objects.get(message_id="<m3@x>").ticket_id == other.pk
    moved = Message.objects.get(pk=second.message.pk)
    move_message(message=moved, to=ticket, by=viewer)
    assert columns([ticket, other]) == before
    verbs = Event.objects.filter(verb__startswith="tickets.message_moved").values_list("verb", "ticket_id")
    assert sorted(verbs) == sorted(
        [
            ("tickets.message_moved_away", ticket.pk),
            ("tickets.message_moved_here", other.pk),
            ("tickets.message_moved_away", other.pk),
            ("tickets.message_moved_here", ticket.pk),
        ]
    )


def test_what_must_stay_stays(ticket: Ticket, other: Ticket, viewer: Viewer, write: Write) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Here", by=viewer)
    with pytest.raises(ValidationError, match="answer stays"):
        move_message(message=answer, to=other, by=viewer)
    only = other.messages.get()
    with pytest.raises(ValidationError, match="only message"):
        move_message(message=only, to=ticket, by=viewer)
    with pytest.raises(ValidationError, match="only message"):
        split_ticket(ticket=other, message=only, subject="", by=viewer)
    stranger = write("Hello", sender="a@elsewhere.example").ticket
    note = add_note(ticket=ticket, body="x", by=viewer)
    with pytest.raises(ValidationError, match="another customer"):
        move_message(message=note, to=stranger, by=viewer)
    with pytest.raises(ValidationError, match="in this ticket already"):
        move_message(message=note, to=ticket, by=viewer)
    move_message(message=note, to=other, by=viewer)
    assert (again(other).inbound_count, again(other).messages.count()) == (1, 2)


# --- pages ------------------------------------------------------------------------------------------------------------


def test_merging_in_the_inbox_opens_the_target_and_can_be_undone(
    ticket: Ticket, other: Ticket, agent: User, login: Any
) -> None:
    browser = login(agent)
    Draft.objects.create(
        ticket=other,
        user=agent,
        kind="reply",
        body="Dear Jo, we will look",
        created_at=other.created_at,
        updated_at=other.created_at,
    )
    dialog = browser.get(f"/inbox/{other.pk}/merge/").content.decode()
    assert f'value="{ticket.pk}"' in dialog
    refused = browser.post(f"/inbox/{other.pk}/merge/")
    assert (refused.status_code, "Choose a ticket." in refused.content.decode()) == (422, True)
    words = f"#{ticket.number}"
    done = browser.post(f"/inbox/{other.pk}/merge/", {"q": words}, headers={"HX-Request": "true"})
    html = done.content.decode()
    assert done["HX-Push-Url"].startswith(f"/inbox/{ticket.pk}/")
    assert done["HX-Retarget"] == "#conversation"
    assert "Same thing here" in html
    assert f"/inbox/{other.pk}/unmerge/?undo=1" in done["HX-Trigger"]
    merged = browser.get(f"/inbox/{other.pk}/").content.decode()
    assert "Merged into" in merged
    assert "Dear Jo, we will look" in merged
    assert "data-composer" not in merged
    assert browser.post(f"/inbox/{other.pk}/unmerge/?undo=1").status_code == 204
    assert again(other).merged_into_id is None
    assert browser.post(f"/inbox/{other.pk}/unmerge/").status_code == 422


def test_splitting_and_moving_in_the_inbox(
    ticket: Ticket, other: Ticket, agent: User, login: Any, write: Write
) -> None:
    browser = login(agent)
    second = write("Something else entirely. Really.", ticket=ticket).message
    address = f"/inbox/{ticket.pk}/messages/{second.pk}"
    page = browser.get(f"/inbox/{ticket.pk}/").content.decode()
    assert f"{address}/split/" in page
    assert "Something else entirely" in browser.get(f"{address}/split/").content.decode()
    moved = browser.post(f"{address}/move/", {"to": other.pk})
    assert moved["HX-Push-Url"].startswith(f"/inbox/{other.pk}/")
    undo = f"/inbox/{other.pk}/messages/{second.pk}/move/?to={ticket.pk}&undo=1"
    assert undo in moved["HX-Trigger"]
    assert browser.post(undo).status_code == 204
    made = browser.post(f"{address}/split/", {"subject": "Something else"})
    new = Ticket.objects.get(subject="Something else")
    assert made["HX-Push-Url"].startswith(f"/inbox/{new.pk}/")
    assert browser.post(f"/inbox/{new.pk}/merge/?into={ticket.pk}&undo=1").status_code == 204
    assert again(new).merged_into_id == ticket.pk


def test_links_copies_and_following_in_the_inbox(
    ticket: Ticket, other: Ticket, agent: User, login: Any
) -> None:
    browser = login(agent)
    linked = browser.post(f"/inbox/{ticket.pk}/links/", {"other": other.pk, "role": "child"})
    assert linked["HX-Retarget"] == "#panel-linked"
    html = linked.content.decode()
    assert (f"#{other.number}" in html, "0 of 1 solved" in html) == (True, True)
    link = TicketLink.objects.get()
    assert (
        "Linked with no other" in browser.post(f"/inbox/{ticket.pk}/links/{link.pk}/remove/").content.decode()
    )
    assert browser.post(f"/inbox/{ticket.pk}/copies/", {"email": "x"}).status_code == 422
    html = browser.post(f"/inbox/{ticket.pk}/copies/", {"email": "kim@other.example"}).content.decode()
    assert ("kim@other.example" in html, "outside" in html) == (True, True)
    kim = ContactIdentity.objects.get(value="kim@other.example").contact
    html = browser.post(f"/inbox/{ticket.pk}/copies/{kim.pk}/remove/").content.decode()
    assert "kim@other.example" not in html
    assert "Unfollow" in browser.post(f"/inbox/{ticket.pk}/follow/", {"on": "1"}).content.decode()
    assert followers_of(ticket.pk) == {agent.pk}
    assert "Unfollow" not in browser.post(f"/inbox/{ticket.pk}/follow/", {"on": ""}).content.decode()


def test_choices_are_the_customers_open_tickets_the_requesters_own_first(
    ticket: Ticket, other: Ticket, viewer: Viewer, write: Write, private_team: Team
) -> None:
    own = write("Mine too", subject="Mine").ticket
    closed = write("Old", subject="Old").ticket
    change_status(ticket=closed, status="closed", by=viewer)
    hidden = write("Hidden", subject="Hidden").ticket
    Ticket.objects.filter(pk=hidden.pk).update(team=private_team)
    stranger = write("Hello", sender="a@elsewhere.example").ticket
    assert candidates(viewer, ticket) == [own, other]
    assert candidates(viewer, ticket, "also") == [other]
    assert candidates(viewer, ticket, f"#{own.number}") == [own]
    assert candidates(viewer, ticket, own.reference.lower()) == [own]
    assert candidates(viewer, ticket, str(stranger.number)) == []
    assert candidates(viewer, ticket, str(stranger.number), any_customer=True) == [stranger]
    assert candidates(viewer, ticket, "old", closed_too=True) == [closed]


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_does_what_the_pages_do(
    ticket: Ticket, other: Ticket, api: Any, write: Write, agent: User
) -> None:
    rest = api("tickets:write")
    base = f"/api/v1/tickets/{ticket.pk}"
    assert rest.post(f"{base}/followers/", {"user": agent.email}, format="json").json()[0]["id"] == agent.pk
    assert rest.delete(f"{base}/followers/{agent.pk}/").status_code == 204
    assert rest.delete(f"{base}/followers/{agent.pk}/").status_code == 404
    copies = rest.post(f"{base}/copies/", {"email": "kim@other.example"}, format="json").json()
    reached = rest.get(f"{base}/recipients/").json()
    assert [(one["address"], one["is_outside"]) for one in reached["cc"]] == [("kim@other.example", True)]
    assert rest.delete(f"{base}/copies/{copies[0]['contact']['id']}/").status_code == 204
    assert rest.get(f"{base}/copies/").json() == []
    links = rest.post(f"{base}/links/", {"ticket": other.pk, "role": "related"}, format="json").json()
    assert (links[0]["role"], links[0]["ticket"]["number"]) == ("related", other.number)
    assert rest.delete(f"{base}/links/{links[0]['id']}/").status_code == 204
    assert rest.post(f"{base}/links/", {"ticket": other.pk, "role": "aunt"}, format="json").status_code == 400
    second = write("Something else", ticket=ticket).message
    moved = rest.post(f"{base}/messages/{second.pk}/move/", {"to": other.pk}, format="json")
    assert moved.json()["ticket"] == other.pk
    split = rest.post(
        f"/api/v1/tickets/{other.pk}/messages/{second.pk}/split/", {"subject": "New"}, format="json"
    )
    assert (split.status_code, split.json()["subject"]) == (201, "New")
    merged = rest.post(f"{base}/merge/", {"into": other.pk}, format="json")
    assert merged.json()["id"] == other.pk
    assert rest.get(f"{base}/").json()["merged_into"] == other.pk
    refused = rest.patch(f"{base}/", {"status": "open"}, format="json")
    assert (refused.status_code, "merged into" in str(refused.json())) == (400, True)
    assert rest.delete(f"{base}/merge/").json()["merged_into"] is None
    assert api("tickets:read").post(f"{base}/merge/", {"into": other.pk}, format="json").status_code == 403


# --- mail -------------------------------------------------------------------------------------------------------------


def test_the_answer_threads_for_both_customers_and_shows_no_internal_number(
    ticket: Ticket, viewer: Viewer, write: Write, mailoutbox: Any
) -> None:
    own = write("Any news?", ticket=ticket, external_id="<a1@halden.example>").message
    twin = write(
        "Same here", subject="Same", sender="jo@halden.example", external_id="<b1@halden.example>"
    ).ticket
    merge_tickets(ticket=twin, into=ticket, by=viewer)
    reply_to_ticket(ticket=again(ticket), body="Solved for both of you.", by=viewer)
    send_due()
    [mail] = mailoutbox
    assert (mail.to, mail.cc) == (["Mette Aas <mette@halden.example>"], ["jo@halden.example"])
    assert mail.extra_headers["In-Reply-To"] == own.external_id
    assert "<b1@halden.example>" in mail.extra_headers["References"]
    said = " ".join((mail.subject, mail.body, *map(str, mail.reply_to), mail.extra_headers["Message-ID"]))
    assert str(ticket.number) not in said
    assert ticket.reference.lower() in said.lower()


def test_who_is_in_copy_takes_part(ticket: Ticket, viewer: Viewer) -> None:
    assert not takes_part(ticket, "kim@other.example")
    copy = add_cc(ticket=ticket, by=viewer, email="kim@other.example")
    assert takes_part(ticket, "kim@other.example")
    remove_cc(ticket=ticket, contact=copy.contact, by=viewer)
    assert not takes_part(ticket, "kim@other.example")


def test_no_page_of_a_merged_ticket_breaks(
    ticket: Ticket, other: Ticket, admin: User, login: Any, viewer: Viewer
) -> None:
    merge_tickets(ticket=other, into=ticket, by=viewer)
    before = columns([ticket, other])
    browser = login(admin)
    posts = {
        "status": "open",
        "priority": "high",
        "assignee": str(admin.pk),
        "body": "x",
        "kind": "note",
        "tag": "x",
    }
    seen = 0
    for pattern in urlpatterns:
        if not isinstance(pattern, URLPattern) or not str(pattern.pattern).startswith(
            "inbox/<int:ticket_id>/"
        ):
            continue
        if set(pattern.pattern.converters) != {"ticket_id"} or pattern.name == "inbox-unmerge":
            continue
        address = reverse(pattern.name or "", args=[other.pk])
        assert browser.get(address).status_code in (200, 204, 302, 404, 405, 422), address
        assert browser.post(address, posts).status_code in (200, 204, 302, 400, 404, 405, 409, 422), address
        seen += 1
    assert seen > 15
    assert columns([ticket, other]) == before


def test_taking_a_merge_back_beside_its_target_answers_the_links(
    ticket: Ticket, other: Ticket, agent: User, viewer: Viewer, login: Any
) -> None:
    merge_tickets(ticket=other, into=ticket, by=viewer)
    browser = login(agent)
    assert "Merged into this" in browser.get(f"/inbox/{ticket.pk}/panels/linked/").content.decode()
    answer = browser.post(f"/inbox/{other.pk}/unmerge/?beside={ticket.pk}").content.decode()
    assert "Linked with no other ticket" in answer
