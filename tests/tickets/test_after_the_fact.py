"""Routing and sentiment as subscribers: once per ticket whatever is repeated, triage when unsure, people first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.delivery import pump as deliver
from core.models import DeadLetter, Event, Notification, SubscriberPosition
from customers.models import Contact
from ml.classifiers.beside import text_of
from ml.models import ModelAlias, ModelVersion, Prediction, ShadowPrediction
from ml.registry import ml_tasks
from ml.services.answer_in_shadow import answer_in_shadow
from ml.serving.answers import Served
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tests.tickets.conftest import FakeMinds, suggestion
from tickets.models import Category, Inbox, Message, SLAPolicy, SLATarget, Ticket
from tickets.mood import conversation_mood
from tickets.routing import suggest_routing
from tickets.services.change_status import change_status
from tickets.services.correct_routing import correct_routing
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.route_ticket import route_ticket

Write = Callable[..., Received]
Pump = Callable[[], int]


@pytest.fixture(autouse=True)
def _minds(minds: FakeMinds) -> FakeMinds:
    """No test here loads a transformer."""
    return minds


def test_sure_routing_fills_the_ticket_and_gives_it_to_somebody(
    write: Write, category: Category, agent: User, pump: Pump
) -> None:
    ticket = write("my invoice").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.category, ticket.team, ticket.assignee) == (category, category.team, agent)
    assert ticket.routing_state == "routed"
    prediction = Prediction.objects.get(task="routing")
    assert (prediction.subject_id, prediction.label, prediction.probability) == (
        ticket.pk,
        category.name,
        0.93,
    )
    routed = Event.objects.get(verb="tickets.routed")
    created = Event.objects.get(verb="tickets.created")
    assigned = Event.objects.get(verb="tickets.assigned")
    assert (routed.cause_id, assigned.cause_id) == (created.pk, routed.pk)
    assert Notification.objects.get().user == agent


def test_unsure_routing_goes_to_triage_and_to_nobody(
    write: Write, category: Category, agent: User, pump: Pump, inbox: Inbox
) -> None:
    ticket = write("hm").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category, ticket.assignee) == ("triage", None, None)
    assert ticket.team == inbox.default_team
    assert Prediction.objects.get(task="routing").abstained is True


def test_a_category_that_is_gone_goes_to_triage(ticket: Ticket) -> None:
    route_ticket(ticket_id=ticket.pk, suggestion=suggestion("x", True, "Gone"), by=system_viewer("task"))
    ticket.refresh_from_db()
    assert ticket.routing_state == "triage"


def test_a_persons_choice_stands(
    write: Write, category: Category, team: Team, viewer: Viewer, pump: Pump
) -> None:
    other = Category.objects.create(name="Access", team=team)
    ticket = write("my invoice").ticket
    correct_routing(ticket=ticket, category=other, by=viewer)
    pump()
    ticket.refresh_from_db()
    assert (ticket.category, ticket.routing_state) == (other, "manual")
    assert Prediction.objects.filter(task="routing").count() == 1


def test_duplicate_delivery_changes_nothing(
    write: Write, category: Category, agent: User, pump: Pump, minds: FakeMinds
) -> None:
    tickets = [write(f"invoice {index}").ticket for index in range(5)]
    pump()
    counted = Event.objects.count(), Prediction.objects.count(), Notification.objects.count()
    SubscriberPosition.objects.update(seq=0)
    pump()
    assert (Event.objects.count(), Prediction.objects.count(), Notification.objects.count()) == counted
    assert (len(minds.routed), len(minds.scored)) == (5, 5)
    for ticket in tickets:
        verbs = Event.objects.filter(ticket_id=ticket.pk).values_list("verb", flat=True)
        assert sorted(verbs) == [
            "tickets.assigned",
            "tickets.created",
            "tickets.message_received",
            "tickets.routed",
            "tickets.sentiment_changed",
        ]
    assert not DeadLetter.objects.exists()


def test_private_inbox_keeps_its_team(
    write: Write, inbox: Inbox, private_team: Team, pump: Pump, category: Category
) -> None:
    inbox.default_team = private_team
    inbox.save()
    ticket = write("my invoice").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.category, ticket.team) == (category, private_team)


def test_priority_of_a_trained_model_moves_the_promise(ticket: Ticket, category: Category) -> None:
    policy = SLAPolicy.objects.create(name="P")
    for priority, seconds in (("normal", 7200), ("urgent", 600)):
        SLATarget.objects.create(
            policy=policy, priority=priority, first_response_seconds=seconds, resolution_seconds=seconds
        )
    version = ModelVersion.objects.create(task="priority", number=1, kind="fake", digest="d")
    sure = suggestion("x", True)
    urgent = suggestion("x", True, "urgent").prediction
    with_priority = replace(sure, priority=urgent, priority_served=Served(version.label, version))
    route_ticket(ticket_id=ticket.pk, suggestion=with_priority, by=system_viewer("task"))
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.priority_rank) == ("urgent", 3)
    assert ticket.first_response_due_at is not None
    assert (ticket.first_response_due_at - ticket.created_at).total_seconds() == 600
    assert Prediction.objects.get(task="priority").version == version


def test_moods_add_up_over_a_conversation(write: Write, contact: Contact, pump: Pump) -> None:
    ticket = write("terrible").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.sentiment_label, ticket.sentiment_probability) == ("negative", pytest.approx(0.8))
    write("thank you", ticket=ticket)
    write("thank you again", ticket=ticket)
    pump()
    ticket.refresh_from_db()
    assert ticket.sentiment_label == "positive"
    labels = list(Message.objects.order_by("pk").values_list("sentiment_label", flat=True))
    assert labels == ["negative", "positive", "positive"]
    assert Prediction.objects.filter(task="sentiment", subject_kind="message").count() == 3
    contact.refresh_from_db()
    assert contact.sentiment_label == "positive"


def test_what_the_model_cannot_read_is_an_abstention(write: Write, pump: Pump) -> None:
    ticket = write("¿Hola?").ticket
    pump()
    prediction = Prediction.objects.get(task="sentiment", subject_kind="message")
    assert (prediction.abstained, prediction.label) == (True, "neutral")
    ticket.refresh_from_db()
    assert ticket.sentiment_label == "neutral"


def test_what_we_write_is_never_the_mood_of_the_customer(
    ticket: Ticket, viewer: Viewer, pump: Pump, minds: FakeMinds
) -> None:
    pump()
    before = list(minds.scored)
    reply_to_ticket(ticket=ticket, body="This is terrible, I am sorry.", by=viewer)
    pump()
    assert minds.scored == before


def test_quoted_words_are_not_scored(write: Write, pump: Pump, minds: FakeMinds) -> None:
    text = "Thank you.\n> this is terrible"
    write(text, folds=[(text.index(">"), len(text), "quote")])
    pump()
    assert minds.scored == ["Thank you."]


def test_mood_of_one_message_is_its_own() -> None:
    mood = conversation_mood([{"negative": 0.7, "neutral": 0.2, "positive": 0.1}])
    assert mood is not None
    assert (mood.label, mood.probability, mood.score) == ("negative", pytest.approx(0.7), pytest.approx(-0.6))
    assert conversation_mood([]) is None


class _Champion:
    def predict(self, inputs: list[Any]) -> list[Any]:
        texts = [text_of(given) for given in inputs]
        return [suggestion(text, True, "urgent" if "down" in text else "normal").prediction for text in texts]


def test_champions_answer_when_there_are_some(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    for task in ("routing", "priority"):
        version = ModelVersion.objects.create(task=task, number=3, kind="fake", digest="fake")
        ModelAlias.objects.create(task=task, version=version)
    monkeypatch.setattr("ml.serving.door.load_version", lambda _version, **_limit: _Champion())
    [answer] = suggest_routing_unpatched(["all is down"])
    assert (answer.served.source, answer.prediction.label) == ("routing-v3", "urgent")
    assert answer.priority is not None
    assert answer.priority.label == "urgent"


suggest_routing_unpatched = suggest_routing


def test_a_version_in_the_shadow_answers_about_priorities(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = write("all is down").ticket
    version = ModelVersion.objects.create(task="priority", number=1, kind="fake", digest="fake")
    ModelAlias.objects.create(task="priority", name="shadow", version=version)
    sure = suggestion("x", True)
    said = replace(sure, priority=suggestion("x", True, "normal").prediction, priority_served=Served("v"))
    route_ticket(ticket_id=ticket.pk, suggestion=said, by=system_viewer("task"))
    monkeypatch.setattr("ml.services.answer_in_shadow.load_version", lambda *_v, **_limit: _Champion())
    assert answer_in_shadow() == 1
    assert ShadowPrediction.objects.get().label == "urgent"


class _WordEncoder:
    """Three directions: money, doors, and everything else."""

    digest = "words"

    def encode(self, texts: Sequence[str]) -> Any:
        """Unit vectors by the words of each text."""
        rows = []
        for text in texts:
            words = set(text.lower().replace(".", " ").split())
            row = [len(words & {"invoice", "charged", "money"}), len(words & {"login", "password"}), 0.1]
            rows.append(np.array(row, dtype=np.float32) / np.linalg.norm(row))
        return np.stack(rows)


def test_without_history_descriptions_route_and_words_explain(
    category: Category, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    Category.objects.create(name="Access", description="login password", team=None)
    monkeypatch.setattr("tickets.routing.sentence_encoder", _WordEncoder)
    Category.objects.filter(pk=category.pk).update(description="invoice charged")
    team.description = ""
    team.save()
    money, door = suggest_routing_unpatched(["I was charged twice", "my password fails"])
    assert (money.served.source, money.prediction.label, door.prediction.label) == (
        "cold-start",
        category.name,
        "Access",
    )
    assert [reason.term for reason in money.prediction.reasons] == ["charged"]
    assert [reason.term for reason in door.prediction.reasons] == ["password"]


def test_without_any_category_or_team_people_choose(db: None) -> None:
    [answer] = suggest_routing_unpatched(["hello"])
    assert (answer.served.source, answer.prediction.abstained, answer.prediction.because) == (
        "none",
        True,
        "no_classes",
    )


def test_training_rows_are_final_states_and_corrections(
    write: Write, category: Category, team: Team, viewer: Viewer
) -> None:
    access = Category.objects.create(name="Access", team=team)
    resolved, corrected, untouched = (write(text).ticket for text in ("one", "two", "three"))
    Ticket.objects.update(category=category)
    change_status(ticket=resolved, status="resolved", by=viewer)
    correct_routing(ticket=corrected, category=access, by=viewer)
    task: Any = ml_tasks.get("routing")
    assert {(row.text, row.label, row.label_source) for row in task.rows()} == {
        ("A question\none", "Billing questions", "final_state"),
        ("A question\ntwo", "Access", "correction"),
    }
    priority: Any = ml_tasks.get("priority")
    assert [(row.text, row.label) for row in priority.rows()] == [("A question\none", "normal")]
    assert untouched.pk not in {resolved.pk, corrected.pk}
    assert not ModelAlias.objects.exists()


def test_unavailable_scorer_parks_and_comes_back(
    write: Write, pump: Pump, monkeypatch: pytest.MonkeyPatch, minds: FakeMinds
) -> None:
    def broken(texts: list[str]) -> list[Any]:
        raise OSError("weights are gone")

    monkeypatch.setattr("ml.sentiment.scorer.score_messages", broken)
    ticket = write("terrible").ticket
    for _attempt in range(3):
        deliver("ml")
        SubscriberPosition.objects.update(retry_at=None)
    letter = DeadLetter.objects.get()
    assert (letter.subscriber, letter.event.ticket_id) == ("tickets.sentiment", ticket.pk)
    ticket.refresh_from_db()
    assert ticket.routing_state == "triage"
