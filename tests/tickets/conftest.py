"""Fixtures of the tickets tests: a classifier and a scorer that need no transformer, incoming messages, tickets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from customers.models import Contact
from ml.classifiers import Reason, TextPrediction
from ml.classifiers.beside import Input, facts_of, text_of
from ml.sentiment.scorer import Reading, Sentiment
from ml.serving.answers import Served
from people.models import Team, User
from people.viewer import system_viewer
from tickets.incoming import IncomingMessage
from tickets.models import Category, Inbox, Ticket
from tickets.routing import RoutingSuggestion
from tickets.services.receive_message import Received, receive_message

SHARES = {
    "negative": {"negative": 0.8, "neutral": 0.15, "positive": 0.05},
    "neutral": {"negative": 0.1, "neutral": 0.8, "positive": 0.1},
    "positive": {"negative": 0.05, "neutral": 0.15, "positive": 0.8},
}


class FakeMinds:
    """A router and a scorer that go by one word; they count what they were asked."""

    version = "fake/1"

    def __init__(self) -> None:
        self.routed: list[str] = []
        self.scored: list[str] = []

    def suggest_routing(
        self, inputs: Sequence[Input], ticket_ids: Sequence[int] | None = None
    ) -> list[RoutingSuggestion]:
        """Texts with "invoice" are about Billing, others leave it to people."""
        texts = [text_of(given) for given in inputs]
        self.routed += texts
        return [
            replace(suggestion(text, "invoice" in text), facts=facts_of(given))
            for text, given in zip(texts, inputs, strict=True)
        ]

    def score_messages(self, texts: Sequence[str]) -> list[Reading]:
        """ "terrible" is negative, "thank" positive, all else neutral; what begins with "¿" is in no language it knows."""
        self.scored += texts
        return [
            Reading(self._score(text.lower()), "en", supported=not text.startswith("¿")) for text in texts
        ]

    @staticmethod
    def _score(text: str) -> Sentiment:
        label = "negative" if "terrible" in text else "positive" if "thank" in text else "neutral"
        shares = SHARES[label]
        return Sentiment(label, shares[label], shares["positive"] - shares["negative"], shares)


def suggestion(text: str, sure: bool, label: str = "Billing questions") -> RoutingSuggestion:
    """A suggestion as the cold start would make it."""
    probability = 0.93 if sure else 0.31
    prediction = TextPrediction(
        label=label,
        probability=probability,
        alternatives=((label, probability),),
        reasons=(Reason("invoice", 0.41),) if sure else (),
        abstained=not sure,
        because="" if sure else "unsure",
    )
    return RoutingSuggestion(text, prediction, Served("cold-start"))


@pytest.fixture
def minds(monkeypatch: pytest.MonkeyPatch) -> FakeMinds:
    """Replace the models by words."""
    fake = FakeMinds()
    monkeypatch.setattr("tickets.routing.suggest_routing", fake.suggest_routing)
    monkeypatch.setattr("ml.sentiment.scorer.score_messages", fake.score_messages)
    monkeypatch.setattr("ml.sentiment.scorer.sentiment_model", lambda: fake)
    return fake


@pytest.fixture
def category(team: Team) -> Category:
    """What the team handles."""
    return Category.objects.create(name="Billing questions", description="Invoices and refunds.", team=team)


@pytest.fixture
def write(inbox: Inbox, contact: Contact) -> Callable[..., Received]:
    """Let the customer write: ``write("text", subject=…, ticket=…)``."""

    def receive(text: str = "Where is my invoice?", **fields: Any) -> Received:
        ticket = fields.pop("ticket", None)
        incoming = IncomingMessage(
            channel=fields.pop("channel", "email"),
            sender=fields.pop("sender", "mette@halden.example"),
            text=text,
            subject=fields.pop("subject", "A question"),
            **fields,
        )
        return receive_message(incoming=incoming, by=system_viewer("mail"), inbox=inbox, ticket=ticket)

    return receive


@pytest.fixture
def ticket(write: Callable[..., Received]) -> Ticket:
    """A ticket of the customer, not routed yet."""
    return write().ticket


@pytest.fixture
def private_team(db: None) -> Team:
    """A team whose tickets only its members see."""
    return Team.objects.create(name="Legal", description="Contracts", is_private=True)


@pytest.fixture
def lawyer(private_team: Team) -> User:
    """A member of the private team."""
    from tests.conftest import make_user

    user = make_user("agent", "Olav Brekke")
    private_team.memberships.create(user=user)
    return user
