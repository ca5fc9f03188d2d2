"""Routing from its answers: what is applied, what is only suggested, and what agents are told about why."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ml.classifiers.beside import Input, text_of
from ml.models import Feedback, ModelAlias, ModelVersion, Prediction, SubjectVector
from ml.registry import ml_tasks
from people.models import Team, User
from tests.tickets.conftest import suggestion
from tickets.models import Category, SimilarTickets, Ticket, TopicChange
from tickets.routing import RoutingSuggestion

pytestmark = pytest.mark.django_db
Write = Callable[..., Any]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def suggesting(minds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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


# --- why ----------------------------------------------------------------------------------------------------------------


def solved(ticket: Ticket, category: Category) -> int:
    """Let a ticket have been solved in a category, and be found by its meaning."""
    Ticket.objects.filter(pk=ticket.pk).update(
        category=category, status_id="resolved", status_category="resolved"
    )
    SubjectVector.objects.create(
        subject_kind="ticket", subject_id=ticket.pk, encoder="x", text_digest="x", vector=b""
    )
    return int(ticket.pk)


@pytest.fixture
def shipping(team: Team) -> Category:
    """Another category of the same team."""
    return Category.objects.create(name="Shipping", team=team)


def test_similar_solved_tickets_say_where_they_went_to_who_may_see_them(
    write: Write, category: Category, shipping: Category, pump: Any, minds: Any, agent: User,
    private_team: Team, login: Callable[[User], Client], api: Callable[..., Any],
) -> None:  # fmt: skip
    found = [solved(write(f"one more {number}").ticket, category) for number in range(3)]
    found.append(solved(write("a parcel").ticket, shipping))
    hidden = solved(write("secret").ticket, category)
    ticket = write("my invoice").ticket
    pump()
    for pk in found:
        Ticket.objects.filter(pk=pk).update(category=shipping if pk == found[3] else category)
    Ticket.objects.filter(pk=hidden).update(team=private_team)
    SimilarTickets.objects.update_or_create(
        ticket=ticket,
        defaults={"tickets": [[pk, 0.9] for pk in [hidden, *found]], "searched_at": timezone.now()},
    )
    browser = login(agent)
    head = browser.get(reverse("inbox-ticket", args=[ticket.pk])).content.decode()
    address = reverse("inbox-routing-reasons", args=[ticket.pk])
    assert address in head
    line = browser.get(address).content.decode()
    assert "3 of 4 most similar solved tickets went to Billing questions" in line
    assert reverse("inbox-ticket", args=[found[0]]) in line
    assert reverse("inbox-ticket", args=[hidden]) not in line
    told = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/routing-reasons/").json()
    assert (told["suggested"], told["agree"], len(told["solved"]), told["topic"]) == (
        category.name,
        3,
        4,
        None,
    )


# --- the topic changes --------------------------------------------------------------------------------------------------


class _Topics:
    """A champion that knows parcels and invoices, and hesitates where somebody says "perhaps"."""

    def predict(self, inputs: Sequence[Input]) -> list[Any]:
        """One answer for each."""
        words = [text_of(given) for given in inputs]
        return [
            suggestion(
                text, "perhaps" not in text, "Shipping" if "parcel" in text else "Billing questions"
            ).prediction
            for text in words
        ]


@pytest.fixture
def champion(
    monkeypatch: pytest.MonkeyPatch, minds: Any, category: Category, shipping: Category
) -> ModelVersion:
    """A routing model in service."""
    version = ModelVersion.objects.create(task="routing", number=1, kind="fake", digest="fake")
    ModelAlias.objects.create(task="routing", version=version)
    monkeypatch.setattr("ml.serving.door.load_version", lambda _version, **_limit: _Topics())
    return version


def test_a_later_message_about_something_else_is_only_a_suggestion(
    champion: ModelVersion, write: Write, pump: Any, category: Category, shipping: Category, agent: User,
    login: Callable[[User], Client],
) -> None:  # fmt: skip
    ticket = write("my invoice").ticket
    pump()
    write("perhaps the parcel", ticket=ticket)
    write("thank you for the invoice", ticket=ticket)
    pump()
    assert not TopicChange.objects.exists()
    write("now the parcel is lost", ticket=ticket)
    pump()
    ticket.refresh_from_db()
    assert ticket.category == category
    browser = login(agent)
    line = browser.get(reverse("inbox-routing-reasons", args=[ticket.pk])).content.decode()
    assert "A later message is about <b>Shipping</b>" in line
    moved = browser.post(reverse("inbox-topic-follow", args=[ticket.pk]), headers=HTMX)
    assert moved.status_code == 200
    ticket.refresh_from_db()
    assert (ticket.category, ticket.routing_state) == (shipping, "manual")
    assert not Feedback.objects.exists()
    again = browser.post(reverse("inbox-topic-follow", args=[ticket.pk]), headers=HTMX)
    assert again.status_code == 422
    rows = {row.subject_id: row for row in ml_tasks.get("routing").rows()}
    assert rows[ticket.pk].label == category.name


def test_a_dismissed_topic_is_not_proposed_again(
    champion: ModelVersion, write: Write, pump: Any, category: Category, api: Callable[..., Any]
) -> None:
    ticket = write("my invoice").ticket
    pump()
    write("where is the parcel", ticket=ticket)
    pump()
    client = api("tickets:read", "tickets:write")
    address = f"/api/v1/tickets/{ticket.pk}/routing-reasons/"
    assert client.get(address).json()["topic"]["category"] == "Shipping"
    assert api("tickets:read").post(address, {"follow": False}, format="json").status_code == 403
    assert client.post(address, {"follow": False}, format="json").json()["topic"] is None
    write("the parcel again", ticket=ticket)
    pump()
    assert TopicChange.objects.get().state == "dismissed"
    ticket.refresh_from_db()
    assert ticket.category == category


# --- what stands beside the text ----------------------------------------------------------------------------------------


def test_the_tier_of_the_day_is_what_training_learns_from(
    write: Write, pump: Any, minds: Any, category: Category, contact: Any
) -> None:
    ticket = write("my invoice, please have a look at it for us").ticket
    old = write("an older invoice").ticket
    account = ticket.account
    assert account is not None
    account.tier = "growth"
    account.save()
    pump()
    assert Prediction.objects.get(task="routing", subject_id=ticket.pk).facts["tier"] == "growth"
    Prediction.objects.filter(subject_id=old.pk).update(facts={})
    account.tier = "enterprise"
    account.save()
    Ticket.objects.update(category=category, status_id="resolved", status_category="resolved")
    rows = {row.subject_id: row.features for row in ml_tasks.get("routing").rows()}
    assert rows[ticket.pk] == {"channel": "email", "language": "en", "tier": "growth"}
    assert rows[old.pk]["tier"] is None
