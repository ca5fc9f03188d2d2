"""Answers on their way out: taken back, scheduled, held, sent once; what they do to the ticket and when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.models import Event, Notification, Outbound
from core.outbox import retry_outbound, send_due
from people.models import User
from people.services.create_api_key import create_api_key
from people.services.revoke_api_key import revoke_api_key
from people.services.save_user import deactivate_user
from people.viewer import Viewer, system_viewer
from tickets.models import Draft, Message, Ticket
from tickets.send_later import send_times
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_status import change_status
from tickets.services.merge_tickets import merge_tickets
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_draft import add_draft_file, save_draft
from tickets.services.schedule_answer import (
    discard_scheduled,
    edit_scheduled,
    schedule_answer,
    send_scheduled_now,
)
from tickets.services.undo_answer import undo_answer

Write = Callable[..., Received]
# What an answer changes on a ticket, and what may not be left behind when it is taken back.
EFFECTS = (
    "status_id", "status_category", "assignee_id", "assigned_reason", "unread", "waiting_since",
    "first_responded_at", "last_message_at", "last_message_preview", "last_message_inbound", "outbound_count",
    "reopen_count", "resolved_at", "closed_at", "next_due_at", "first_response_due_at",
)  # fmt: skip


def state_of(ticket: Ticket) -> dict[str, Any]:
    """The columns that an answer touches, as stored."""
    return Ticket.objects.values(*EFFECTS).get(pk=ticket.pk)


def tomorrow() -> datetime:
    """A time to come."""
    return timezone.now() + timedelta(days=1)


def later(days: float = 2) -> Any:
    """Travel past what is scheduled."""
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


# --- undo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["", "waiting", "resolved"])
def test_answer_taken_back_leaves_no_trace_but_an_event(ticket: Ticket, viewer: Viewer, status: str) -> None:
    before = state_of(ticket)
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, status=status, undo_seconds=15)
    assert state_of(ticket) != before
    undo_answer(message=answer, by=viewer)
    assert state_of(ticket) == before
    assert not Message.objects.filter(kind="outbound").exists()
    with later():
        send_due()
    assert mail.outbox == []
    assert Event.objects.filter(verb="tickets.reply_undone", ticket_id=ticket.pk).count() == 1


def test_words_and_files_go_back_into_the_draft(ticket: Ticket, viewer: Viewer) -> None:
    add_draft_file(
        ticket=ticket, kind="reply", name="a.txt", content_type="text/plain", content=b"abc", by=viewer
    )
    draft = save_draft(ticket=ticket, kind="reply", body="With a file", by=viewer).draft
    answer = reply_to_ticket(ticket=ticket, body="With a file", by=viewer, undo_seconds=15, draft=draft)
    assert [one.name for one in answer.attachments.all()] == ["a.txt"]
    assert not Draft.objects.exists()
    save_draft(ticket=ticket, kind="reply", body="Already writing the next one", by=viewer)
    undo_answer(message=answer, by=viewer)
    again = Draft.objects.get()
    assert again.body == "With a file\n\nAlready writing the next one"
    assert [one["name"] for one in again.files] == ["a.txt"]


def test_what_has_moved_on_since_stays(ticket: Ticket, viewer: Viewer, write: Write) -> None:
    asked_at = Ticket.objects.get(pk=ticket.pk).waiting_since
    answer = reply_to_ticket(ticket=ticket, body="Done", by=viewer, status="resolved", undo_seconds=30)
    write("No, it is not!", ticket=ticket)
    undo_answer(message=answer, by=viewer)
    ticket.refresh_from_db()
    assert ticket.status_id == "open"
    assert ticket.last_message_preview == "No, it is not!"
    assert ticket.outbound_count == 0
    assert ticket.first_responded_at is None
    # Whoever has waited since the first question has waited since then.
    assert ticket.waiting_since == asked_at


def test_two_answers_taken_back_in_either_order(ticket: Ticket, viewer: Viewer, lead_user: User) -> None:
    before = state_of(ticket)
    for newest_first in (False, True):
        answers = [
            reply_to_ticket(ticket=ticket, body="One", by=viewer, undo_seconds=30),
            reply_to_ticket(ticket=ticket, body="Two", by=lead_user.as_viewer(), undo_seconds=30),
        ]
        for answer in reversed(answers) if newest_first else answers:
            writer = viewer if answer.author_id == viewer.user_id else lead_user.as_viewer()
            undo_answer(message=answer, by=writer)
        after = state_of(ticket)
        left = ("first_responded_at", "last_message_at", "last_message_preview", "outbound_count")
        assert {name: after[name] for name in left} == {name: before[name] for name in left}


def test_answer_of_a_colleague_stays_the_first_one(ticket: Ticket, viewer: Viewer, lead_user: User) -> None:
    mine = reply_to_ticket(ticket=ticket, body="Mine", by=viewer, undo_seconds=30)
    theirs = reply_to_ticket(ticket=ticket, body="Theirs", by=lead_user.as_viewer())
    undo_answer(message=mine, by=viewer)
    ticket.refresh_from_db()
    assert ticket.first_responded_at == theirs.created_at
    assert (ticket.waiting_since, ticket.last_message_preview) == (None, "Theirs")


def test_only_the_author_and_only_in_time(
    ticket: Ticket, viewer: Viewer, lead_user: User, django_capture_on_commit_callbacks: Any
) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Mine", by=viewer, undo_seconds=15)
    with pytest.raises(ValidationError):
        undo_answer(message=answer, by=lead_user.as_viewer())
    send_due()
    assert mail.outbox == []
    with later(0.01):
        send_due()
        assert len(mail.outbox) == 1
        with pytest.raises(ValidationError):
            undo_answer(message=answer, by=viewer)
    answer.refresh_from_db()
    assert answer.delivery == Message.Delivery.SENT
    assert answer.leaves_at is None


def test_answer_without_a_wait_cannot_be_taken_back(ticket: Ticket, viewer: Viewer) -> None:
    answer = reply_to_ticket(ticket=ticket, body="Gone", by=viewer)
    with pytest.raises(ValidationError):
        undo_answer(message=answer, by=viewer)
    send_due()
    assert len(mail.outbox) == 1


def test_the_target_of_a_merge_is_left_as_all_its_messages_say(
    ticket: Ticket, viewer: Viewer, lead_user: User, write: Write
) -> None:
    twin = write("And the other one?", subject="Twin").ticket
    colleague = reply_to_ticket(ticket=twin, body="We **look**", by=lead_user.as_viewer())
    merge_tickets(ticket=twin, into=ticket, by=viewer)
    before = state_of(ticket)
    assert before["last_message_preview"] == "We look"
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, undo_seconds=30)
    undo_answer(message=answer, by=viewer)
    assert state_of(ticket) == before
    assert colleague.created_at == state_of(ticket)["last_message_at"]


def test_an_answer_taken_back_after_a_merge_leaves_the_older_question_waiting(
    ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    question = write("Since yesterday", subject="Twin")
    Ticket.objects.filter(pk=ticket.pk).update(waiting_since=timezone.now())
    answer = reply_to_ticket(ticket=ticket, body="Too early", by=viewer, undo_seconds=30)
    merge_tickets(ticket=question.ticket, into=ticket, by=viewer)
    undo_answer(message=answer, by=viewer)
    after = state_of(ticket)
    assert (after["outbound_count"], after["last_message_preview"]) == (0, "Since yesterday")
    assert after["waiting_since"] <= question.message.created_at


def test_one_key_cannot_take_back_what_another_has_written(
    ticket: Ticket, api: Callable[..., Any], viewer: Viewer
) -> None:
    first, second = api("tickets:write"), api("tickets:write")
    sent = first.post(
        f"/api/v1/tickets/{ticket.pk}/answers/", {"body": "Mine", "undo_seconds": 60}, format="json"
    ).json()
    address = f"/api/v1/tickets/{ticket.pk}/messages/{sent['id']}/undo/"
    assert second.post(address).status_code == 400
    answer = Message.objects.get(pk=sent["id"])
    for other in (viewer, system_viewer()):
        with pytest.raises(ValidationError):
            undo_answer(message=answer, by=other)
    assert first.post(address).status_code == 200
    own = reply_to_ticket(ticket=ticket, body="A person's", by=viewer, undo_seconds=60)
    assert first.post(f"/api/v1/tickets/{ticket.pk}/messages/{own.pk}/undo/").status_code == 400


# --- later ------------------------------------------------------------------------------------------------------------


def test_scheduled_answer_acts_when_it_leaves(ticket: Ticket, viewer: Viewer) -> None:
    before = state_of(ticket)
    schedule_answer(ticket=ticket, body="Good morning", send_at=tomorrow(), by=viewer, status="waiting")
    send_due()
    assert state_of(ticket) == before
    assert not Message.objects.filter(kind="outbound").exists()
    with later():
        send_due()
        send_due()
        left_at = timezone.now()
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.first_responded_at) == ("waiting", left_at)
    message = Message.objects.get(kind="outbound")
    assert (message.author_id, message.body_text) == (viewer.user_id, "Good morning")
    assert [one.body for one in mail.outbox] == ["Good morning"]
    assert not Draft.objects.exists()


def test_held_when_the_customer_writes_first(
    ticket: Ticket, viewer: Viewer, write: Write, pump: Callable[[], int]
) -> None:
    answer = schedule_answer(ticket=ticket, body="Good morning", send_at=tomorrow(), by=viewer)
    write("It works again, thank you.", ticket=ticket)
    pump()
    answer.refresh_from_db()
    assert (answer.state, answer.held_because) == (Draft.State.HELD, Draft.HeldBecause.CUSTOMER_WROTE)
    note = Notification.objects.get(user_id=viewer.user_id, verb="tickets.answer_held")
    assert f"#{ticket.number}" in note.text
    with later():
        send_due()
    assert mail.outbox == []
    send_scheduled_now(answer=answer, by=viewer)
    send_due()
    assert len(mail.outbox) == 1


def test_held_even_when_no_subscriber_ran(ticket: Ticket, viewer: Viewer, write: Write) -> None:
    answer = schedule_answer(ticket=ticket, body="Good morning", send_at=tomorrow(), by=viewer)
    write("Wait.", ticket=ticket)
    with later():
        send_due()
    answer.refresh_from_db()
    assert answer.state == Draft.State.HELD
    assert mail.outbox == []


def test_held_when_the_customer_wrote_before_it_was_scheduled(
    ticket: Ticket, viewer: Viewer, write: Write
) -> None:
    seen = ticket.messages.latest("pk").pk
    write("Forget it, it works.", ticket=ticket)
    answer = schedule_answer(
        ticket=ticket, body="Try this", send_at=tomorrow(), by=viewer, seen_message_id=seen
    )
    with later():
        send_due()
    answer.refresh_from_db()
    assert (answer.state, mail.outbox) == (Draft.State.HELD, [])


def test_leaves_over_a_new_message_when_so_wished(ticket: Ticket, viewer: Viewer, write: Write) -> None:
    schedule_answer(
        ticket=ticket, body="Anyway", send_at=tomorrow(), by=viewer, hold_if_customer_writes=False
    )
    write("Wait.", ticket=ticket)
    with later():
        send_due()
    assert [one.body for one in mail.outbox] == ["Anyway"]


def test_automatic_mail_holds_nothing(ticket: Ticket, viewer: Viewer, write: Write) -> None:
    schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=viewer)
    write("I am on holiday.", ticket=ticket, is_automatic=True)
    with later():
        send_due()
    assert len(mail.outbox) == 1


def test_held_when_the_ticket_is_closed(ticket: Ticket, viewer: Viewer, pump: Callable[[], int]) -> None:
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=viewer)
    change_status(ticket=ticket, status="closed", by=viewer)
    pump()
    answer.refresh_from_db()
    assert (answer.state, answer.held_because) == ("held", "closed")


def test_writer_who_may_not_answer_any_more_holds_it(ticket: Ticket, agent: User) -> None:
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=agent.as_viewer())
    agent.is_active = False
    agent.save()
    with later():
        send_due()
    answer.refresh_from_db()
    assert (answer.state, answer.held_because) == ("held", "writer")
    assert mail.outbox == []


def told_of_held() -> set[int]:
    """Who was told that an answer is held."""
    return set(Notification.objects.filter(verb="tickets.answer_held").values_list("user_id", flat=True))


def test_answer_of_somebody_who_left_is_held_at_once_and_the_responsible_know(
    ticket: Ticket, agent: User, lead_user: User, admin: User, pump: Callable[[], int]
) -> None:
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=agent.as_viewer())
    pump()
    deactivate_user(user=agent, by=admin.as_viewer())
    pump()
    answer.refresh_from_db()
    assert (answer.state, answer.held_because) == ("held", "writer")
    assert answer.held_detail == "Priya Raman does not work here any more."
    assert told_of_held() == {lead_user.pk}
    assert "Priya Raman" in Notification.objects.get(user_id=lead_user.pk).text


def test_answer_of_a_revoked_key_is_held_at_once_and_its_maker_and_assignee_know(
    ticket: Ticket, agent: User, admin: User, pump: Callable[[], int]
) -> None:
    key, _secret = create_api_key(name="Shop", scopes=["tickets:write"], by=admin.as_viewer())
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=key.as_viewer())
    assign_ticket(ticket=ticket, assignee=agent, by=admin.as_viewer())
    pump()
    assert Draft.objects.get().state == "scheduled"
    revoke_api_key(key=key, by=admin.as_viewer())
    pump()
    answer.refresh_from_db()
    assert (answer.held_because, answer.held_detail) == ("writer", "The API key “Shop” was revoked.")
    assert told_of_held() == {agent.pk, admin.pk}
    with later():
        send_due()
    assert mail.outbox == []


def test_answer_of_a_key_that_has_expired_is_held_when_it_would_leave(ticket: Ticket, admin: User) -> None:
    key, _secret = create_api_key(
        name="Shop",
        scopes=["tickets:write"],
        by=admin.as_viewer(),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=key.as_viewer())
    with later():
        send_due()
    answer.refresh_from_db()
    assert answer.held_detail == "The API key “Shop” has expired."
    assert mail.outbox == []


def test_answer_of_a_key_leaves_as_the_keys(ticket: Ticket, admin: User) -> None:
    key, _secret = create_api_key(name="Shop", scopes=["tickets:write"], by=admin.as_viewer())
    schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=key.as_viewer())
    with later():
        send_due()
        send_due()
    assert len(mail.outbox) == 1
    event = Event.objects.get(verb="tickets.replied")
    assert (event.actor_kind, event.actor_id) == ("api_key", key.pk)


def test_answer_that_nobody_can_be_named_for_does_not_leave(ticket: Ticket, viewer: Viewer) -> None:
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=viewer)
    Draft.objects.update(user=None)
    with later():
        send_due()
    answer.refresh_from_db()
    assert (answer.state, answer.held_because, mail.outbox) == ("held", "writer", [])


def fail_for_good(ticket: Ticket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> Draft:
    """A scheduled answer that the outbox has given up."""
    answer = schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=viewer)

    def broken(**_fields: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("tickets.outbound.scheduled_answer.release_scheduled", broken)
    for day in range(2, 12):
        with later(day):
            send_due()
    monkeypatch.undo()
    assert Outbound.objects.get().state == Outbound.State.FAILED
    answer.refresh_from_db()
    return answer


def test_failed_answer_shows_as_failed_and_is_sent_again(
    ticket: Ticket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = fail_for_good(ticket, viewer, monkeypatch)
    assert (answer.state, answer.held_because) == ("held", "failed")
    assert answer.held_detail == "the disk is full"
    assert told_of_held() == {viewer.user_id}
    assert "has not left" in Notification.objects.get(verb="tickets.answer_held").text
    # What an operator repeats in the outbox does not leave behind the back of who decides on the ticket.
    retry_outbound(outbound=Outbound.objects.get(), by=viewer)
    send_due()
    assert mail.outbox == []
    send_scheduled_now(answer=answer, by=viewer)
    send_due()
    assert [one.body for one in mail.outbox] == ["Hello"]
    assert not Draft.objects.exists()


def test_failed_answer_goes_back_into_the_draft(
    ticket: Ticket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = fail_for_good(ticket, viewer, monkeypatch)
    draft = edit_scheduled(answer=answer, by=viewer)
    assert (draft.state, draft.body) == ("draft", "Hello")
    schedule_answer(ticket=ticket, body=draft.body, send_at=tomorrow(), by=viewer, draft=draft)
    with later():
        send_due()
        send_due()
    assert len(mail.outbox) == 1


def test_held_answer_of_a_merged_ticket_is_edited_where_it_goes_on_or_thrown_away(
    ticket: Ticket, viewer: Viewer, write: Write, pump: Callable[[], int]
) -> None:
    target = write("Same", subject="Same").ticket
    first = schedule_answer(ticket=ticket, body="One", send_at=tomorrow(), by=viewer)
    second = schedule_answer(ticket=ticket, body="Two", send_at=tomorrow(), by=viewer)
    merge_tickets(ticket=ticket, into=target, by=viewer)
    pump()
    first.refresh_from_db()
    assert first.held_because == "merged"
    draft = edit_scheduled(answer=first, by=viewer)
    assert (draft.ticket_id, draft.body) == (target.pk, "One")
    discard_scheduled(answer=second, by=viewer)
    assert [one.body for one in Draft.objects.all()] == ["One"]


def test_edited_or_discarded_answer_never_leaves(ticket: Ticket, viewer: Viewer) -> None:
    first = schedule_answer(ticket=ticket, body="One", send_at=tomorrow(), by=viewer, cc=["a@x.example"])
    second = schedule_answer(ticket=ticket, body="Two", send_at=tomorrow(), by=viewer)
    edit_scheduled(answer=first, by=viewer)
    discard_scheduled(answer=second, by=viewer)
    draft = Draft.objects.get()
    assert (draft.state, draft.body, draft.cc) == ("draft", "One", ["a@x.example"])
    with later():
        send_due()
    assert mail.outbox == []
    with pytest.raises(ValidationError):
        send_scheduled_now(answer=second, by=viewer)


def test_form_sent_twice_is_scheduled_once(ticket: Ticket, viewer: Viewer) -> None:
    for _again in range(2):
        schedule_answer(ticket=ticket, body="Once", send_at=tomorrow(), by=viewer, token="form")
    assert Draft.objects.count() == Outbound.objects.count() == 1


def test_worker_killed_while_it_sends_neither_loses_nor_repeats(
    ticket: Ticket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_answer(ticket=ticket, body="Hello", send_at=tomorrow(), by=viewer)

    class Killed(BaseException):
        """The end of a process."""

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    # once before anything is written, once after the message is written
    monkeypatch.setattr("tickets.outbound.scheduled_answer.release_scheduled", die)
    with later(), pytest.raises(Killed):
        send_due()
    monkeypatch.undo()
    assert Draft.objects.get().state == Draft.State.SCHEDULED
    # the row of the dead worker is found, nothing has arrived, so it is sent: and the next worker dies behind that
    monkeypatch.setattr("core.outbox._settle", die)
    with later(3), pytest.raises(Killed):
        send_due()
    monkeypatch.undo()
    with later(4):
        send_due()
        send_due()
    assert Message.objects.filter(kind="outbound").count() == 1
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    "fields",
    [{"body": " "}, {"send_at": timezone.now()}, {"status": "closed"}, {"cc": ["no address"]}],
)
def test_refusals_name_the_field(ticket: Ticket, viewer: Viewer, fields: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {"body": "Hello", "send_at": tomorrow(), **fields}
    with pytest.raises(ValidationError) as refused:
        schedule_answer(ticket=ticket, by=viewer, **wanted)
    assert set(refused.value.message_dict) == set(fields)


def test_offers_are_mornings_where_they_are_meant(ticket: Ticket, agent: User) -> None:
    agent.timezone = "America/New_York"
    friday_noon = datetime.fromisoformat("2026-03-06T12:00:00+00:00")
    offers = {one.key: one for one in send_times(ticket, agent, now=friday_noon)}
    assert offers["tomorrow"].at.isoformat() == "2026-03-07T09:00:00+01:00"  # Oslo, where the customer is
    assert offers["workday"].at.astimezone(offers["workday"].at.tzinfo) == datetime.fromisoformat(
        "2026-03-09T09:00:00-04:00"  # over the weekend and the change of the clocks
    )
    assert offers["monday"].at.isoformat() == "2026-03-09T09:00:00+01:00"


# --- the mail ---------------------------------------------------------------------------------------------------------


def test_mail_carries_text_and_form_and_signatures(ticket: Ticket, agent: User) -> None:
    ticket.inbox.signature = "Desk\nEvery day"  # type: ignore[union-attr]
    ticket.inbox.save()  # type: ignore[union-attr]
    agent.preferences = {"signature": "Priya <b>"}
    agent.save()
    reply_to_ticket(ticket=ticket, body="Please **restart**.\n\n- one\n- <two>", by=agent.as_viewer())
    send_due()
    [sent] = mail.outbox
    assert sent.body == "Please **restart**.\n\n- one\n- <two>\n\n-- \nPriya <b>\nDesk\nEvery day\n"
    html = str(sent.alternatives[0][0])  # type: ignore[attr-defined]
    assert "<strong>restart</strong>" in html
    assert "&lt;two&gt;" in html
    assert "Priya &lt;b&gt;<br>Desk<br>Every day" in html


def test_edited_copies_are_checked_by_the_server(ticket: Ticket, viewer: Viewer) -> None:
    answer = reply_to_ticket(
        ticket=ticket,
        body="Hello",
        by=viewer,
        cc=["Boss@Halden.example", "support@desk.example", "mette@halden.example", "boss@halden.example"],
    )
    assert [one["address"] for one in answer.recipients["cc"]] == ["Boss@Halden.example"]
    with pytest.raises(ValidationError):
        reply_to_ticket(ticket=ticket, body="Hello", by=viewer, cc=["a@x.example\nBcc: b@x.example"])
