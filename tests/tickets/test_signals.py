"""What conversations say: stored, shown, corrected, watched."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Notification, SubscriberPosition
from customers.models import Contact
from customers.services.erase_contact import erase_contact
from ml.models import Feedback
from ml.sentiment.scorer import Reading
from ml.sentiment.trust import heads_worth_showing, wilson_low
from people.models import Team, User
from people.viewer import Viewer
from tests.conftest import make_user
from tests.tickets.conftest import FakeMinds
from tickets.models import ConversationSignal, Message, Ticket
from tickets.selectors import ticket_list
from tickets.services.judge_signal import add_signal, judge_signal
from tickets.services.merge_tickets import merge_tickets
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.undo_answer import undo_answer
from tickets.services.watch_promises import watch_promises

Pump = Callable[[], int]
Write = Callable[..., Received]
LEAVES = "We have decided to leave at the end of the year."
LONG = "Here is the report that we talked about, with all figures."


@pytest.fixture(autouse=True)
def reader(minds: FakeMinds, monkeypatch: pytest.MonkeyPatch) -> FakeMinds:
    """Words decide: "leave" is churn, "crash" a bug, "furious" anger, which the model cannot be trusted with."""
    plain = minds.score_messages

    def read(texts: list[str]) -> list[Reading]:
        return [replace(one, **_said(text)) for one, text in zip(plain(texts), texts, strict=True)]

    monkeypatch.setattr("ml.sentiment.scorer.score_messages", read)
    monkeypatch.setattr("ml.sentiment.scorer.answers_version", lambda: "fake/1")
    monkeypatch.setattr(
        "tickets.signal_answers.trusted_heads", lambda: frozenset({"churn", "bug", "pressing"})
    )
    return minds


def _said(text: str) -> dict[str, Any]:
    words = {"leave": "churn", "crash": "bug", "furious": "anger", "soon": "pressing"}
    true = frozenset(kind for word, kind in words.items() if word in text.lower())
    return {"answers": {kind: 0.87 if kind in true else 0.04 for kind in words.values()}, "true": true}


@pytest.fixture
def leaving(write: Write, pump: Pump) -> Ticket:
    """A ticket whose customer says that they leave."""
    found = write(LEAVES).ticket
    pump()
    found.refresh_from_db()
    return found


def kinds(ticket: Ticket) -> list[tuple[str, str]]:
    rows = ConversationSignal.objects.filter(message__ticket=ticket)
    return list(rows.values_list("kind", "state"))


def answer(ticket: Ticket, body: str, by: User, pump: Pump, **fields: Any) -> Message:
    message = reply_to_ticket(ticket=ticket, body=body, by=by.as_viewer(), **fields)
    pump()
    return Message.objects.get(pk=message.pk)


def promise_of(ticket: Ticket) -> ConversationSignal:
    return ConversationSignal.objects.get(message__ticket=ticket, kind="promise")


def card(**heads: dict[str, Any]) -> dict[str, Any]:
    return {"measured": {"corpus_held_out": {"fully labelled": {"rows": 480}, "heads": heads}}}


def test_a_message_is_read_once_for_what_the_model_can_be_trusted_with(write: Write, pump: Pump) -> None:
    found = write("It crashes. I am furious, and soon we leave.").ticket
    pump()
    pump()
    assert sorted(kinds(found)) == [("bug", "open"), ("churn", "open")]
    row = ConversationSignal.objects.get(kind="churn")
    assert (row.probability, row.source, row.said_at) == (0.87, "fake/1", row.message.created_at)
    seen = Event.objects.filter(verb="tickets.signal_seen", ticket_id=found.pk)
    assert {event.detail.data["kind"] for event in seen} == {"churn", "bug"}
    found.refresh_from_db()
    assert found.says == " bug churn "


def test_what_a_machine_wrote_says_nothing(write: Write, pump: Pump) -> None:
    found = write(LEAVES, is_automatic=True).ticket
    pump()
    assert kinds(found) == []


@pytest.mark.parametrize(
    ("figures", "is_shown"),
    [
        ({"precision": 0.9, "recall": 0.8, "true": 30}, True),
        # right less often than wrong
        ({"precision": 0.45, "recall": 0.9, "true": 60}, False),
        # two of three right says little where a third of all are true
        ({"precision": 0.667, "recall": 0.0125, "true": 160}, False),
        ({"precision": None, "recall": 0.0, "true": 26}, False),
        ({"precision": 1.0, "recall": 0.0, "true": 26}, False),
    ],
)
def test_only_answers_that_beat_chance_on_held_out_messages_are_shown(
    figures: dict[str, Any], is_shown: bool
) -> None:
    assert heads_worth_showing(card(churn=figures)) == (frozenset({"churn"}) if is_shown else frozenset())


def test_without_figures_nothing_is_shown() -> None:
    assert heads_worth_showing({}) == heads_worth_showing(card()) == frozenset()
    assert wilson_low(0.9, 0) == 0


def test_a_judgement_is_stored_as_a_label(leaving: Ticket, agent: User) -> None:
    row = ConversationSignal.objects.get(kind="churn")
    judge_signal(signal=row, state="dismissed", by=agent.as_viewer())
    [label] = Feedback.objects.all()
    assert (label.task, label.subject_id, label.predicted_label, label.label, label.source, label.user) == (
        "signal.churn", row.message_id, "yes", "no", "correction", agent,
    )  # fmt: skip
    leaving.refresh_from_db()
    assert leaving.says == ""
    assert Message.objects.get(pk=row.message_id).said == []
    judge_signal(signal=row, state="confirmed", by=agent.as_viewer())
    assert Feedback.objects.filter(label="yes", source="confirmation").count() == 1
    assert Event.objects.filter(verb="tickets.signal_judged", ticket_id=leaving.pk).count() == 2
    with pytest.raises(ValidationError):
        judge_signal(signal=row, state="kept", by=agent.as_viewer())
    with pytest.raises(ValidationError):
        judge_signal(signal=row, due_at=timezone.now(), by=agent.as_viewer())


def test_what_was_missed_is_added(leaving: Ticket, agent: User) -> None:
    message = leaving.messages.get()
    row = add_signal(message=message, kind="bug", by=agent.as_viewer())
    assert (row.state, row.source, row.decided_by) == ("confirmed", "person", agent)
    label = Feedback.objects.get()
    assert (label.label, label.predicted_label, label.source) == ("yes", "no", "correction")
    assert add_signal(message=message, kind="bug", by=agent.as_viewer()) == row
    for kind in ("promise", "nonsense"):
        with pytest.raises(ValidationError):
            add_signal(message=message, kind=kind, by=agent.as_viewer())


def test_a_promise_is_read_from_an_answer_with_its_day(ticket: Ticket, agent: User, pump: Pump) -> None:
    agent.timezone = "Europe/Oslo"
    agent.save()
    message = answer(ticket, "Sorry! **We'll send the report** by 3 May 2027. Best, Ada", agent, pump)
    row = promise_of(ticket)
    assert (row.words, row.state, row.message) == ("We'll send the report by 3 May 2027", "open", message)
    # No hours are known: six in the evening where the author works.
    assert row.due_at is not None
    assert row.due_at.isoformat() == "2027-05-03T16:00:00+00:00"
    ticket.refresh_from_db()
    assert ticket.promise_due_at == row.due_at
    assert Event.objects.get(verb="tickets.promise_made").detail.data["words"] == row.words


def test_an_answer_with_content_before_the_day_keeps_the_promise(
    ticket: Ticket, agent: User, pump: Pump
) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    row = promise_of(ticket)
    answer(ticket, "Thank you!", agent, pump)
    row.refresh_from_db()
    assert row.state == "open"
    kept = answer(ticket, LONG, agent, pump)
    row.refresh_from_db()
    assert (row.state, row.kept_by) == ("kept", kept)
    ticket.refresh_from_db()
    assert ticket.promise_due_at is None
    assert Event.objects.filter(verb="tickets.promise_kept").count() == 1
    assert watch_promises(now=timezone.now() + timedelta(days=5)) == 0


def test_putting_off_does_not_keep_a_promise(ticket: Ticket, agent: User, pump: Pump) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    answer(ticket, "It takes longer, I will send the report within five days, promised.", agent, pump)
    states = ConversationSignal.objects.filter(kind="promise").values_list("state", flat=True)
    assert list(states) == ["open", "open"]


def test_a_repetition_does_not_take_a_put_off_promise_for_kept(
    ticket: Ticket, agent: User, pump: Pump
) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    answer(ticket, "It takes longer, I will send the report within five days, promised.", agent, pump)
    SubscriberPosition.objects.filter(subscriber="tickets.promises").update(seq=0)
    pump()
    states = ConversationSignal.objects.filter(kind="promise").values_list("state", flat=True)
    assert list(states) == ["open", "open"]


def test_old_answers_that_nobody_has_read_promise_nothing(ticket: Ticket, agent: User, pump: Pump) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=4)):
        reply_to_ticket(ticket=ticket, body="We will send the report within 48 hours.", by=agent.as_viewer())
    pump()
    assert watch_promises() == 0
    pump()
    assert (kinds(ticket), told("promise_broken")) == ([], set())


def test_an_answer_after_a_merge_keeps_what_the_merged_ticket_promised(
    ticket: Ticket, agent: User, write: Write, pump: Pump
) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    target = write("Where is the report?").ticket
    merge_tickets(ticket=ticket, into=target, by=agent.as_viewer())
    kept = answer(target, LONG, agent, pump)
    row = promise_of(ticket)
    assert (row.state, row.kept_by) == ("kept", kept)
    target.refresh_from_db()
    assert target.promise_due_at is None


def test_an_answer_in_time_that_is_read_late_keeps_the_promise(
    ticket: Ticket, agent: User, pump: Pump
) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    kept = reply_to_ticket(ticket=ticket, body=LONG, by=agent.as_viewer())
    watch_promises(now=timezone.now() + timedelta(days=3))
    assert promise_of(ticket).state == "broken"
    pump()
    assert (promise_of(ticket).state, promise_of(ticket).kept_by) == ("kept", kept)


def test_an_answer_that_was_taken_back_kept_nothing(ticket: Ticket, agent: User, pump: Pump) -> None:
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    kept = reply_to_ticket(ticket=ticket, body=LONG, by=agent.as_viewer(), undo_seconds=30)
    pump()
    assert promise_of(ticket).state == "kept"
    undo_answer(message=kept, by=agent.as_viewer())
    pump()
    row = promise_of(ticket)
    assert row.state == "open"
    assert row.remind_at is not None
    ticket.refresh_from_db()
    assert ticket.promise_due_at == row.due_at


def test_the_author_is_reminded_once_and_the_lead_hears_of_a_broken_promise(
    ticket: Ticket, agent: User, team: Team, pump: Pump
) -> None:
    lead = make_user("lead", "Priya Raman")
    team.memberships.create(user=lead)
    Ticket.objects.filter(pk=ticket.pk).update(team=team)
    answer(ticket, "We will send the report within 48 hours.", agent, pump)
    row = promise_of(ticket)
    assert row.due_at is not None
    assert watch_promises(now=row.due_at - timedelta(hours=5)) == 0
    for expected in (1, 0):
        assert watch_promises(now=row.due_at - timedelta(hours=3)) == expected
    pump()
    assert told("promise_due") == {agent.name}
    for expected in (1, 0):
        assert watch_promises(now=row.due_at + timedelta(minutes=1)) == expected
    pump()
    assert told("promise_broken") == {agent.name, lead.name}
    row.refresh_from_db()
    assert row.state == "broken"
    judge_signal(signal=row, state="kept", by=agent.as_viewer())
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("kept", agent)


def told(kind: str) -> set[str]:
    rows = Notification.objects.filter(kind=f"tickets.{kind}").select_related("user")
    return {row.user.name for row in rows}


def test_a_promise_can_be_put_off_and_is_then_no_longer_broken(
    ticket: Ticket, agent: User, pump: Pump
) -> None:
    answer(ticket, "We will send the report in ten minutes.", agent, pump)
    row = promise_of(ticket)
    watch_promises(now=timezone.now() + timedelta(hours=1))
    later = timezone.now() + timedelta(days=2)
    judge_signal(signal=row, due_at=later, by=agent.as_viewer())
    row.refresh_from_db()
    assert (row.state, row.due_at) == ("open", later)
    with pytest.raises(ValidationError):
        judge_signal(signal=row, due_at=row.said_at, by=agent.as_viewer())


def test_lists_know_promises_and_who_leaves(leaving: Ticket, agent: User, write: Write, pump: Pump) -> None:
    other = write("Nothing of note").ticket
    answer(other, "We will send the report within 48 hours.", agent, pump)
    viewer = agent.as_viewer()
    assert [row.id for row in ticket_list(viewer, view="leaving").rows] == [leaving.pk]
    assert [row.id for row in ticket_list(viewer, view="promised").rows] == [other.pk]


def test_a_merge_carries_what_was_said(leaving: Ticket, agent: User, write: Write, pump: Pump) -> None:
    target = write("Another thing").ticket
    pump()
    merge_tickets(ticket=leaving, into=target, by=agent.as_viewer())
    pump()
    target.refresh_from_db()
    assert target.says == " churn "


def test_chips_and_panel_show_it_and_one_click_corrects_it(
    leaving: Ticket, agent: User, login: Any, pump: Pump
) -> None:
    browser = login(agent)
    answer(leaving, "We will send an offer within 48 hours.", agent, pump)
    page = browser.get(f"/inbox/{leaving.pk}/").content.decode()
    assert "Says they leave" in page
    assert "We promised" in page
    panel = browser.get(f"/inbox/{leaving.pk}/panels/signals/").content.decode()
    assert "We will send an offer within 48 hours" in panel
    assert "87 %" in panel
    row = ConversationSignal.objects.get(kind="churn")
    url = f"/inbox/{leaving.pk}/signals/{row.pk}/"
    answered = browser.post(url, {"state": "dismissed", "from": "thread"})
    assert answered.status_code == 200
    assert "Says they leave" not in answered.content.decode()
    promise = promise_of(leaving)
    answered = browser.post(f"/inbox/{leaving.pk}/signals/{promise.pk}/", {"state": "kept"})
    assert "Kept" in answered.content.decode()
    answered = browser.post(f"/inbox/{leaving.pk}/signals/{promise.pk}/", {"due_on": "2026-99-99"})
    assert answered.status_code == 422
    added = browser.post(f"/inbox/{leaving.pk}/signals/", {"message": row.message_id, "kind": "bug"})
    assert "Reports a bug" in added.content.decode()


def test_private_teams_keep_it_to_themselves(
    leaving: Ticket, agent: User, lawyer: User, private_team: Team, login: Any, api: Any
) -> None:
    Ticket.objects.filter(pk=leaving.pk).update(team=private_team, assignee=None)
    row = ConversationSignal.objects.get()
    for user, expected in ((agent, 404), (lawyer, 200)):
        browser = login(user)
        assert browser.get(f"/inbox/{leaving.pk}/panels/signals/").status_code == expected
        url = f"/inbox/{leaving.pk}/signals/{row.pk}/"
        assert browser.post(url, {"state": "confirmed"}).status_code == expected
        assert ConversationSignal.objects.visible_to(user.as_viewer()).count() == (expected == 200)


def test_clients_list_and_correct(leaving: Ticket, api: Any) -> None:
    client = api("tickets:read", "tickets:write")
    [row] = client.get("/api/v1/signals/?kind=churn").json()["results"]
    assert (row["ticket"], row["state"], row["probability"], row["words"]) == (leaving.pk, "open", 0.87, "")
    assert client.get("/api/v1/signals/?kind=bug").json()["results"] == []
    url = f"/api/v1/tickets/{leaving.pk}/signals/"
    [same] = client.get(url).json()
    assert same == row
    changed = client.patch(f"{url}{row['id']}/", {"state": "confirmed"}, format="json")
    assert changed.json()["state"] == "confirmed"
    assert client.patch(f"{url}{row['id']}/", {}, format="json").status_code == 400
    assert client.patch(f"{url}{row['id']}/", {"state": "kept"}, format="json").status_code == 400
    added = client.post(url, {"message": row["message"], "kind": "bug"}, format="json")
    assert (added.status_code, added.json()["found_by"]) == (201, "person")
    assert api("tickets:read").post(url, {"message": 1, "kind": "bug"}, format="json").status_code == 403


def test_erasure_takes_the_words(
    ticket: Ticket, contact: Contact, agent: User, admin: User, pump: Pump
) -> None:
    answer(ticket, "We will send the report to Mette within 48 hours.", agent, pump)
    erase_contact(contact=contact, confirmation=contact.name, by=admin.as_viewer())
    run_jobs("batch")
    row = promise_of(ticket)
    assert (row.words, row.start, row.state) == ("", None, "open")
    assert "words" not in (Event.objects.get(verb="tickets.promise_made").detail.data or {})


def test_reading_the_thread_costs_nothing_more(
    leaving: Ticket, agent: User, login: Any, django_assert_max_num_queries: Any
) -> None:
    browser = login(agent)
    browser.get("/inbox/")
    with django_assert_max_num_queries(16):
        browser.get(f"/inbox/{leaving.pk}/conversation/", headers={"HX-Request": "true"})


def test_the_deadline_follows_the_calendar_of_the_author(
    ticket: Ticket, agent: User, pump: Pump, viewer: Viewer
) -> None:
    from core.models import Calendar

    agent.working_hours = Calendar.objects.create(
        name="Oslo", timezone="Europe/Oslo", windows={str(day): [["08:00", "16:30"]] for day in range(7)}
    )
    agent.save()
    answer(ticket, "We will send the report by 3 May 2027.", agent, pump)
    due_at = promise_of(ticket).due_at
    assert isinstance(due_at, datetime)
    assert due_at.isoformat() == "2027-05-03T14:30:00+00:00"
