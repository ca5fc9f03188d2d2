"""Suggested tags: stored once, shown as chips, accepted, dismissed, and applied only where both model and people allow it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from ml.artefacts import Artefact
from ml.classifiers import Reason
from ml.classifiers.label_sets import LabelSet, SaidLabel
from ml.evaluation.label_precision import BARS
from ml.label_sets import label_of
from ml.models import Feedback, Prediction
from ml.registry import ml_tasks
from ml.services.set_class_mode import set_class_mode
from ml.serving import loading
from people.models import User
from tests.ml.versions import put_into_service, version_of
from tests.tickets.conftest import FakeMinds
from tickets.models import Tag, TagSuggestion, Ticket
from tickets.models_ml.tags import TagsTask
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.receive_message import Received
from tickets.services.save_tag import save_tag

pytestmark = pytest.mark.django_db
Write = Callable[..., Received]
Pump = Callable[[], int]


class _Says:
    """A text that has the word gets the tag; "surely" makes it surer."""

    def predict(self, texts: list[str]) -> list[LabelSet]:
        words = {"invoice": "billing", "refund": "refund", "angry": "angry"}
        return [
            LabelSet(
                tuple(
                    SaidLabel(tag, 0.97 if "surely" in text else 0.7, (Reason(word, 0.4),))
                    for word, tag in words.items()
                    if word in text
                )
            )
            for text in texts
        ]


class _Tags(TagsTask):
    def load(self, artefact: Artefact) -> Any:
        return _Says()


@pytest.fixture(autouse=True)
def version(minds: FakeMinds, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model in service whose tag "billing" was measured to be sure from 0.95 on."""
    monkeypatch.setattr(ml_tasks, "_parts", {part.key: part for part in ml_tasks} | {TagsTask.key: _Tags()})
    monkeypatch.setattr(loading, "_loaded", {})
    row = version_of(TagsTask.key, Artefact({"model": {}}))
    seen = {"said": 60, "right": 60, "value": 1.0, "low": 0.96, "high": 1.0}
    row.metrics["class_modes"] = {
        "bars": {"automatic": BARS.automatic, "suggest": BARS.suggest},
        "least": 0.0,
        "classes": {
            name: {
                "rows": 80, "precision": seen, "mode": mode, "threshold": 0.95, "at_threshold": seen, "held_out": seen,
            }
            for name, mode in (("billing", "automatic"), ("refund", "suggest"), ("angry", "off"))
        },
    }  # fmt: skip
    row.save()
    for name in ("billing", "refund", "angry"):
        Tag.objects.create(name=name)
    return put_into_service(row)


def tags_of(ticket: Ticket) -> set[str]:
    return set(ticket.ticket_tags.values_list("tag__name", flat=True))


def states(ticket: Ticket) -> dict[str, str]:
    return dict(TagSuggestion.objects.filter(ticket=ticket).values_list("tag__name", "state"))


def labels(ticket: Ticket) -> list[tuple[str, str, str]]:
    rows = Feedback.objects.filter(task="tags", subject_id=ticket.pk).order_by("pk")
    return list(rows.values_list("predicted_label", "label", "source"))


@pytest.fixture
def asked(write: Write, pump: Pump) -> Ticket:
    """A ticket with two suggestions."""
    ticket = write("The invoice is wrong, I want a refund and I am angry.").ticket
    pump()
    return ticket


def test_tags_are_suggested_once_and_never_applied_unasked(asked: Ticket, write: Write, pump: Pump) -> None:
    assert states(asked) == {"billing": "open", "refund": "open"}  # "angry" is off
    assert tags_of(asked) == set()
    prediction = Prediction.objects.get(task="tags", subject_id=asked.pk)
    assert (prediction.label, prediction.mode) == ("billing,refund", "")
    Tag.objects.filter(name="refund").update(is_active=False)
    sure = write("surely the invoice and the refund", subject="Again").ticket
    pump()
    assert (states(sure), tags_of(sure)) == ({"billing": "open"}, set())


def test_a_tag_applies_itself_when_it_is_measured_and_switched_on(
    write: Write, pump: Pump, admin: User, version: Any
) -> None:
    Tag.objects.update(applies_itself=True)
    set_class_mode(
        version=version, label="refund", mode="automatic", reason="We trust it", by=admin.as_viewer()
    )
    sure = write("surely the invoice and the refund").ticket
    unsure = write("the invoice", subject="Again").ticket
    pump()
    assert states(sure) == {"billing": "applied", "refund": "open"}  # by a person's word alone is not enough
    assert (tags_of(sure), tags_of(unsure)) == ({"billing"}, set())
    assert labels(sure) == []
    change_tags(ticket=sure, remove=["billing"], by=admin.as_viewer())
    assert states(sure)["billing"] == "dismissed"
    assert labels(sure) == [("billing", "", "correction")]


def test_only_administrators_switch_it_on(
    admin: User, api: Callable[..., APIClient], login: Callable[[User], Client]
) -> None:
    tag = Tag.objects.get(name="billing")
    key = api("tickets:configure")
    address = f"/api/v1/tags/{tag.pk}/"
    assert key.patch(address, {"applies_itself": True}, format="json").status_code == 403
    form = {"name": "billing", "description": "", "is_active": "on", "applies_itself": "on"}
    login(admin).post(reverse("settings-tag", args=[tag.pk]), form)
    assert key.patch(address, {"description": "Money"}, format="json").json()["applies_itself"] is True
    by = replace(admin.as_viewer(), permissions=frozenset({"tickets.configure"}))
    with pytest.raises(PermissionDenied):
        save_tag(tag=tag, name="billing", applies_itself=False, by=by)


def test_chips_are_accepted_and_dismissed_on_the_page(
    asked: Ticket, agent: User, login: Callable[[User], Client]
) -> None:
    browser = login(agent)
    head = browser.get(reverse("inbox-head", args=[asked.pk])).content.decode()
    assert "Add the tag billing" in head
    assert "Dismiss the tag refund" in head
    assert "Add the tag angry" not in head
    address = reverse("inbox-tag-suggested", args=[asked.pk])
    head = browser.post(address, {"tag": "billing", "verdict": "accept"}).content.decode()
    assert "Add the tag billing" not in head
    assert "Add the tag refund" in head
    browser.post(address, {"tag": "refund", "verdict": "dismiss"})
    assert browser.post(address, {"tag": "refund", "verdict": "accept"}).status_code == 422
    assert browser.post(address, {"tag": "refund", "verdict": "?"}).status_code == 404
    assert (states(asked), tags_of(asked)) == ({"billing": "accepted", "refund": "dismissed"}, {"billing"})
    assert labels(asked) == [("billing", "billing", "confirmation"), ("refund", "", "correction")]


def test_rest_tells_and_takes_the_word(asked: Ticket, api: Callable[..., APIClient]) -> None:
    client = api("tickets:read", "tickets:write")
    address = f"/api/v1/tickets/{asked.pk}/tag-suggestions/"
    told = client.get(address).json()["results"]
    assert [one["tag"] for one in told] == ["billing", "refund"]
    assert told[0]["reasons"] == [{"term": "invoice", "weight": 0.4}]
    left = client.post(address, {"tag": "refund", "accept": True}, format="json").json()["results"]
    assert [one["tag"] for one in left] == ["billing"]
    again = client.post(address, {"tag": "refund", "accept": True}, format="json")
    assert again.status_code in {400, 422}
    assert tags_of(asked) == {"refund"}


def test_who_may_not_see_the_ticket_sees_no_suggestion(
    asked: Ticket, private_team: Any, agent: User, login: Callable[[User], Client]
) -> None:
    Ticket.objects.filter(pk=asked.pk).update(team=private_team)
    assert not TagSuggestion.objects.visible_to(agent.as_viewer()).exists()
    answer = login(agent).post(
        reverse("inbox-tag-suggested", args=[asked.pk]), {"tag": "billing", "verdict": "accept"}
    )
    assert answer.status_code == 404


def test_finished_and_judged_tickets_teach(asked: Ticket, write: Write, admin: User) -> None:
    by = admin.as_viewer()
    change_tags(ticket=asked, add=["refund", "by hand"], by=by)
    done = write("Nothing special", subject="Done").ticket
    change_status(ticket=done, status="resolved", by=by)
    write("Not done yet", subject="Open")
    rows = {row.subject_id: row.label for row in TagsTask().rows()}
    assert rows == {asked.pk: label_of({"refund", "by hand"}), done.pk: ","}
