"""Resolution episodes: what the event log and the messages say about each way of a ticket to its solution."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import OpeningHours
from core.services.dead_letters import replay_subscriber
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.episodes import Happened, History, Said, split_into_episodes
from tickets.models import Category, Episode, Ticket
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.correct_routing import correct_routing
from tickets.services.log_time import log_time
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.undo_answer import undo_answer

pytestmark = pytest.mark.usefixtures("minds")


def episodes(ticket: Ticket) -> list[Episode]:
    return list(Episode.objects.filter(ticket=ticket).order_by("number"))


def columns(ticket: Ticket) -> list[dict[str, Any]]:
    return list(Episode.objects.filter(ticket=ticket).order_by("number").values())


def test_one_answer_that_solves_is_one_episode_and_one_touch(
    ticket: Ticket, viewer: Viewer, agent: User, pump: Callable[[], int]
) -> None:
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    [episode] = episodes(ticket)
    assert (episode.number, episode.replies, episode.inbound_count) == (1, 1, 1)
    assert episode.replies_by_channel == {"email": 1}
    assert episode.one_touch
    assert not episode.reopened
    assert episode.resolved_by == agent
    assert episode.assignee == agent
    assert episode.first_response_at == episode.resolved_at
    assert episode.first_response_seconds is not None
    assert episode.resolution_seconds == int((episode.resolved_at - episode.opened_at).total_seconds())  # type: ignore[operator]


def test_a_reopened_ticket_has_a_second_episode_and_the_first_was_no_one_touch(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    write("It is not there.", ticket=ticket)
    pump()
    first, second = episodes(ticket)
    assert first.reopened
    assert not first.one_touch
    assert (first.inbound_count, second.inbound_count) == (1, 1)
    assert second.resolved_at is None
    assert second.replies == 0
    reply_to_ticket(ticket=ticket, body="Now it is.", status="resolved", by=viewer)
    pump()
    first, second = episodes(ticket)
    assert second.one_touch
    assert second.resolved_at is not None
    assert second.opened_at > (first.resolved_at or second.opened_at)


def test_values_are_those_at_the_end_of_the_episode(
    ticket: Ticket,
    viewer: Viewer,
    agent: User,
    lead_user: User,
    category: Category,
    pump: Callable[[], int],
) -> None:
    lead = lead_user.as_viewer()
    correct_routing(ticket=ticket, category=category, by=viewer)
    change_priority(ticket=ticket, priority="high", by=viewer)
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    change_status(ticket=ticket, status="resolved", by=viewer)
    change_status(ticket=ticket, status="open", by=lead)
    change_priority(ticket=ticket, priority="low", by=viewer)
    assign_ticket(ticket=ticket, assignee=lead_user, by=lead)
    pump()
    first, second = episodes(ticket)
    assert (first.priority, first.assignee, first.category) == ("high", agent, category)
    assert (second.priority, second.assignee, second.team) == ("low", lead_user, category.team)


def test_automatic_messages_and_notes_are_nobodys_words(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    from tickets.services.add_note import add_note

    write("I am away.", ticket=ticket, is_automatic=True)
    add_note(ticket=ticket, body="Look at this.", by=viewer)
    pump()
    [episode] = episodes(ticket)
    assert (episode.inbound_count, episode.replies, episode.first_response_at) == (1, 0, None)


def test_a_replay_and_a_rebuild_write_the_same(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    write("It is not there.", ticket=ticket)
    pump()
    before = columns(ticket)
    replay_subscriber(key="tickets.episodes", from_seq=0, by=system_viewer("command"))
    pump()
    assert columns(ticket) == before
    Episode.objects.all().delete()
    call_command("rebuild_episodes", "--slice", "1")
    strip = [{name: value for name, value in row.items() if name != "id"} for row in before]
    after = [{name: value for name, value in row.items() if name != "id"} for row in columns(ticket)]
    assert after == strip


def test_a_merged_ticket_is_not_counted(
    ticket: Ticket, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    from tickets.services.build_episodes import build_episodes

    other = write("The same again", subject="Again").ticket
    Ticket.objects.filter(pk=ticket.pk).update(merged_into=other)
    build_episodes(ticket_ids=[ticket.pk, other.pk])
    assert [episodes(one)[0].is_counted for one in (ticket, other)] == [False, True]


# --- the pure function ------------------------------------------------------------------------------------------------

START = timezone.now().replace(microsecond=0) - timedelta(days=30)


def at(minutes: int) -> Any:
    return START + timedelta(minutes=minutes)


def status(minutes: int, before: str, after: str, reason: str = "") -> Happened:
    return Happened(at(minutes), "status", {"from_category": before, "to_category": after, "reason": reason})


def history(events: list[Happened], messages: list[Said], **fields: Any) -> History:
    return History(
        opened_at=START, values={"priority": "normal"}, events=events, messages=messages,
        hours=OpeningHours.always(), **fields,
    )  # fmt: skip


def test_a_solution_that_was_taken_back_is_none() -> None:
    events = [status(5, "open", "resolved", "reply"), status(6, "resolved", "open", "undo")]
    [episode] = split_into_episodes(history(events, [Said(at(0), inbound=True)]))
    assert episode.resolved_at is None
    assert episode.replies == 0
    assert not episode.reopened


def test_promises_are_decided_once_and_by_what_came_first() -> None:
    promised = frozenset({"first", "resolution"})
    said = [Said(at(0), inbound=True), Said(at(20), inbound=False)]
    late = [Happened(at(10), "first_breach"), status(20, "new", "resolved")]
    [episode] = split_into_episodes(history(late, said, promised=promised, first_due_at=at(10)))
    assert (episode.first_response.met, episode.first_response.at) == (False, at(10))
    assert (episode.resolution.met, episode.resolution.at) == (True, at(20))
    [episode] = split_into_episodes(history([status(20, "new", "resolved")], said))
    assert episode.first_response.met is None
    assert episode.resolution.met is None


def test_a_promise_broken_before_cannot_be_kept_after_a_reopening() -> None:
    events = [
        Happened(at(10), "resolution_breach"),
        status(20, "open", "resolved"),
        status(30, "resolved", "open"),
        status(40, "open", "resolved"),
    ]
    first, second = split_into_episodes(
        history(events, [Said(at(0), inbound=True)], promised=frozenset({"resolution"}))
    )
    assert first.resolution.met is False
    assert second.resolution.met is None


def test_business_seconds_leave_the_closed_hours_out() -> None:
    hours = OpeningHours.parse(
        timezone="UTC", windows={str(day): [["09:00", "17:00"]] for day in range(5)}, holidays=[]
    )
    monday = START.replace(hour=16, minute=0, second=0) - timedelta(days=START.weekday())
    past = History(
        opened_at=monday,
        values={},
        events=[Happened(monday + timedelta(hours=18), "status", {"to_category": "resolved"})],
        messages=[],
        hours=hours,
    )
    [episode] = split_into_episodes(past)
    assert episode.resolution_seconds == (18 * 3600, 2 * 3600)


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.sampled_from(["open", "waiting", "resolved", "closed"])),
        max_size=30,
    ),
    st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=30),
)
def test_episodes_never_overlap_and_share_out_every_message(
    changes: list[tuple[int, str]], said: list[tuple[int, bool]]
) -> None:
    events = [status(minute, "", category) for minute, category in sorted(changes)]
    messages = [Said(at(minute), inbound=inbound) for minute, inbound in sorted(said)]
    found = split_into_episodes(history(events, messages))
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert sum(one.inbound_count for one in found) == sum(inbound for _minute, inbound in said)
    for one, following in pairwise(found):
        assert one.resolved_at is not None
        assert one.opened_at <= one.resolved_at <= following.opened_at
        assert one.reopened
    assert not found[-1].reopened


# --- what is taken back -----------------------------------------------------------------------------------------------


def test_an_answer_that_was_taken_back_solved_nothing(
    ticket: Ticket, viewer: Viewer, pump: Callable[[], int]
) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer, undo_seconds=15)
    pump()
    assert episodes(ticket)[0].one_touch
    undo_answer(message=answer, by=viewer)
    pump()
    [episode] = episodes(ticket)
    assert (episode.resolved_at, episode.replies, episode.first_response_at) == (None, 0, None)
    assert not episode.reopened


def test_a_merge_that_was_taken_back_is_no_solution(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    other = write("The same again", subject="Again").ticket
    merge_tickets(ticket=other, into=ticket, by=viewer)
    pump()
    assert not episodes(other)[0].is_counted
    unmerge_ticket(ticket=other, by=viewer)
    pump()
    [episode] = episodes(other)
    assert episode.is_counted
    assert (episode.resolved_at, episode.reopened) == (None, False)


def test_a_slip_of_the_hand_is_no_solution(
    ticket: Ticket, viewer: Viewer, lead_user: User, pump: Callable[[], int]
) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    change_status(ticket=ticket, status="open", by=viewer)
    pump()
    [episode] = episodes(ticket)
    assert (episode.resolved_at, episode.reopened) == (None, False)
    change_status(ticket=ticket, status="resolved", by=viewer)
    change_status(ticket=ticket, status="open", by=lead_user.as_viewer())
    pump()
    assert [one.reopened for one in episodes(ticket)] == [True, False]


def test_the_same_person_may_reopen_later() -> None:
    by = {"staff_id": 7}
    events = [
        Happened(at(5), "status", {"to_category": "resolved"}, **by),
        Happened(at(8), "status", {"to_category": "open"}, **by),
    ]
    assert len(split_into_episodes(history(events, []))) == 2


def test_logged_time_belongs_to_the_last_episode_that_had_begun(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], pump: Callable[[], int]
) -> None:
    log_time(ticket=ticket, minutes=25, by=viewer)
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    write("It is not there.", ticket=ticket)
    log_time(ticket=ticket, minutes=5, by=viewer)
    pump()
    assert [one.worked_minutes for one in episodes(ticket)] == [25, 5]
    before = columns(ticket)
    call_command("rebuild_episodes")
    assert columns(ticket) == before
