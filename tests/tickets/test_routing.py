"""Routing from its answers: what is applied, what is only suggested, and what agents are told about why."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ml.classifiers.beside import Input, text_of
from ml.models import Feedback, Prediction
from people.models import Team, User
from tests.tickets.conftest import suggestion
from tickets.models import Category, Ticket
from tickets.routing import RoutingSuggestion

pytestmark = pytest.mark.django_db
Write = Callable[..., Any]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def suggesting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that is sure, of a class that is only suggested."""

    def suggest(inputs: Sequence[Input], *_rest: object) -> list[RoutingSuggestion]:
        answers = [suggestion(text_of(given), True) for given in inputs]
        urgent = replace(answers[0].prediction, label="urgent")
        return [
            replace(one, mode="suggest", priority=urgent, priority_served=one.served, priority_mode="suggest")
            for one in answers
        ]

    monkeypatch.setattr("tickets.routing.suggest_routing", suggest)


def test_a_suggested_class_waits_for_one_click(
    suggesting: None, write: Write, category: Category, team: Team, pump: Any, agent: User,
    login: Callable[[User], Client],
) -> None:  # fmt: skip
    ticket = write("my invoice").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category, ticket.priority) == ("triage", None, "normal")
    kept = Prediction.objects.get(task="routing")
    assert (kept.mode, kept.abstained, kept.reasons[-1]) == ("suggest", True, {"because": "suggested"})
    browser = login(agent)
    page = browser.get(reverse("inbox-ticket", args=[ticket.pk])).content.decode()
    assert "Suggested: <b>Billing questions</b>" in page
    assert 'is-warn">Unsure' not in page
    assert "to triage, with a suggestion" in page
    answer = browser.post(reverse("inbox-confirm", args=[ticket.pk]), headers=HTMX)
    assert answer.status_code == 200
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category, ticket.team) == ("manual", category, team)
    assert Feedback.objects.get().source == Feedback.Source.CONFIRMATION


def test_an_applied_answer_says_so(write: Write, category: Category, pump: Any, minds: Any) -> None:
    write("my invoice")
    write("hello")
    pump()
    assert list(Prediction.objects.filter(task="routing").order_by("pk").values_list("mode", flat=True)) == [
        "automatic",
        "",
    ]
    assert Ticket.objects.filter(routing_state="routed").count() == 1
