"""The settings of statuses, types, tags, custom fields and grace, through their pages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from core.job_runner import run_jobs
from core.models import Event, Job
from people.models import User
from people.viewer import Viewer
from tickets.models import CustomField, Status, Tag, Ticket, TicketTag, TicketType
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.receive_message import Received, reopen_days
from tickets.services.save_tag import save_tag
from tickets.services.set_field_values import set_field_values

Write = Callable[..., Received]


@pytest.fixture
def browser(admin: User, login: Callable[[User], Client]) -> Client:
    """The administrator."""
    return login(admin)


def verbs() -> list[str]:
    """The verbs of all events in order."""
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_a_status_is_added_renamed_and_moved(browser: Client) -> None:
    page = browser.get("/settings/statuses/new-status/").content.decode()
    assert 'value="on_hold"' in page
    assert 'value="new"' not in page
    answer = browser.post(
        "/settings/statuses/new-status/",
        {
            "name": "With engineering",
            "customer_label": "Being worked on",
            "category": "on_hold",
            "pauses_sla": "on",
        },
    )
    assert answer.status_code == 302
    status = Status.objects.get(pk="with_engineering")
    assert (status.category, status.pauses_sla, status.position) == ("on_hold", True, 6)
    browser.post("/settings/statuses/with_engineering/move/", {"way": "up"})
    assert list(Status.objects.values_list("pk", flat=True))[-2:] == ["with_engineering", "closed"]
    answer = browser.post(
        "/settings/statuses/with_engineering/",
        {"name": "At engineering", "customer_label": "Hm", "category": "closed", "is_active": "on"},
    )
    status.refresh_from_db()
    assert (status.name, status.category, status.pauses_sla) == ("At engineering", "on_hold", False)
    assert verbs().count("tickets.status_saved") == 3


def test_the_built_in_ones_are_renamed_and_stay(browser: Client) -> None:
    page = browser.get("/settings/statuses/new/").content.decode()
    assert "is_active" not in page
    browser.post("/settings/statuses/new/", {"name": "Fresh", "customer_label": "Received"})
    fresh = Status.objects.get(pk="new")
    assert (fresh.name, fresh.is_active) == ("Fresh", True)
    browser.post("/settings/statuses/new/delete/")
    assert Status.objects.filter(pk="new").exists()


def test_a_status_in_use_goes_only_with_a_replacement(
    browser: Client, ticket: Ticket, viewer: Viewer
) -> None:
    for key in ("paused", "parked"):
        Status.objects.create(key=key, name=key.capitalize(), category="on_hold", customer_label="x")
    change_status(ticket=ticket, status="paused", by=viewer)
    form = {"name": "Paused", "customer_label": "x"}
    refused = browser.post("/settings/statuses/paused/", form)
    assert refused.status_code == 422
    assert "Choose which one they get instead" in refused.content.decode()
    browser.post("/settings/statuses/paused/delete/")
    assert Status.objects.get(pk="paused").is_active
    wrong = browser.post("/settings/statuses/paused/", {**form, "replacement": "waiting"})
    assert wrong.status_code == 422
    assert browser.post("/settings/statuses/paused/", {**form, "replacement": "parked"}).status_code == 302
    run_jobs("batch")
    ticket.refresh_from_db()
    assert ticket.status_id == "parked"
    assert not Status.objects.get(pk="paused").is_active
    browser.post("/settings/statuses/paused/delete/")
    assert not Status.objects.filter(pk="paused").exists()


def test_an_idle_status_is_offered_nowhere(
    browser: Client, ticket: Ticket, agent: User, login: Callable[[User], Client]
) -> None:
    Status.objects.create(
        key="paused", name="Paused by us", category="on_hold", customer_label="x", is_active=False
    )
    assert "Paused by us" not in login(agent).get(f"/inbox/{ticket.pk}/").content.decode()


# --- types ------------------------------------------------------------------------------------------------------------


def test_a_type_is_saved_with_its_steps(browser: Client) -> None:
    browser.post(
        "/settings/types/new/",
        {"name": "Incident", "checklist": "Find it\n\n  Fix it \nFix it", "is_active": "on"},
    )
    row = TicketType.objects.get()
    assert row.checklist == ["Find it", "Fix it"]
    assert "Find it\nFix it" in browser.get(f"/settings/types/{row.pk}/").content.decode()
    twice = browser.post("/settings/types/new/", {"name": "incident", "is_active": "on"})
    assert twice.status_code == 422
    assert "2 steps" in browser.get("/settings/types/").content.decode()


# --- tags -------------------------------------------------------------------------------------------------------------


def test_a_tag_is_renamed_and_conditions_follow(browser: Client, ticket: Ticket, viewer: Viewer) -> None:
    change_tags(ticket=ticket, add=["refnd"], by=viewer)
    clause = {"field": "tags", "is": "any", "value": ["refnd", "vip"]}
    field = CustomField.objects.create(
        key="amount", label="Amount", kind="number", condition={"match": "all", "of": [clause]}
    )
    tag = Tag.objects.get(name="refnd")
    answer = browser.post(f"/settings/tags/{tag.pk}/", {"name": "Refund", "is_active": "on"})
    assert answer.status_code == 302
    assert list(ticket.tags.values_list("name", flat=True)) == ["refund"]
    field.refresh_from_db()
    assert field.condition["of"][0]["value"] == ["refund", "vip"]
    run_jobs("batch")
    found = browser.get("/api/v1/search/", {"q": "refund"})
    assert str(ticket.number) in found.content.decode()
    assert Job.objects.get().result == {"indexed": 1}


def test_a_name_that_is_taken_is_refused(browser: Client) -> None:
    one = Tag.objects.create(name="one")
    Tag.objects.create(name="two")
    answer = browser.post(f"/settings/tags/{one.pk}/", {"name": "TWO", "is_active": "on"})
    assert answer.status_code == 422
    assert "Merge them instead" in answer.content.decode()


def test_a_tag_is_merged_into_another_ticket_by_ticket(browser: Client, write: Write, viewer: Viewer) -> None:
    both, one, none = (write(str(number)).ticket for number in range(3))
    change_tags(ticket=both, add=["bug", "defect"], by=viewer)
    change_tags(ticket=one, add=["bug"], by=viewer)
    change_tags(ticket=none, add=["other"], by=viewer)
    bug, defect = Tag.objects.get(name="bug"), Tag.objects.get(name="defect")
    browser.post(f"/settings/tags/{bug.pk}/merge/", {"into": defect.pk})
    assert not Tag.objects.get(pk=bug.pk).is_active
    run_jobs("batch")
    assert Job.objects.get().state == "done"
    assert not Tag.objects.filter(pk=bug.pk).exists()
    assert set(TicketTag.objects.filter(tag=defect).values_list("ticket", flat=True)) == {both.pk, one.pk}
    assert list(none.tags.values_list("name", flat=True)) == ["other"]


def test_a_tag_is_not_merged_into_itself(browser: Client) -> None:
    tag = Tag.objects.create(name="one")
    browser.post(f"/settings/tags/{tag.pk}/merge/", {"into": tag.pk})
    assert Tag.objects.get().is_active
    assert not Job.objects.exists()


# --- custom fields ----------------------------------------------------------------------------------------------------


def test_a_field_is_made_with_choices_types_and_a_condition(browser: Client) -> None:
    incident = TicketType.objects.create(name="Incident")
    answer = browser.post(
        "/settings/fields/new/",
        {
            "label": "Product area",
            "kind": "choice",
            "options": "Billing\nLogin\nBilling",
            "types": [incident.pk],
            "condition": '{"match": "all", "of": [{"field": "priority", "is": "in", "value": ["high"]}]}',
            "required_on_resolve": "on",
            "is_active": "on",
        },
    )
    assert answer.status_code == 302
    field = CustomField.objects.get()
    assert (field.key, field.options, field.required_on_resolve) == (
        "product_area",
        ["Billing", "Login"],
        True,
    )
    assert list(field.types.all()) == [incident]
    listed = browser.get("/settings/fields/").content.decode()
    assert "when priority is High" in listed
    assert "Incident" in listed
    page = browser.get(f"/settings/fields/{field.pk}/").content.decode()
    assert "Billing\nLogin" in page
    assert 'name="kind"' not in page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"label": "Area", "kind": "choice"}, "Give at least one choice"),
        ({"label": "Area", "kind": "reference"}, "Choose what the field refers to"),
        ({"label": "Area", "kind": "text", "key": "taken"}, "There is a field with this key"),
        ({"label": "???", "kind": "text"}, "Give a key in letters and digits"),
        (
            {
                "label": "Area",
                "kind": "text",
                "condition": '{"match": "all", "of": [{"field": "nothing", "is": "in", "value": ["x"]}]}',
            },
            "There is no field",
        ),
    ],
)
def test_what_cannot_be_a_field_is_refused_with_a_sentence(
    browser: Client, form: dict[str, str], sentence: str
) -> None:
    CustomField.objects.create(key="taken", label="Taken", kind="text")
    answer = browser.post("/settings/fields/new/", {**form, "is_active": "on"})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert CustomField.objects.count() == 1


def test_a_field_cannot_depend_on_itself(browser: Client) -> None:
    field = CustomField.objects.create(key="area", label="Area", kind="text")
    condition = '{"match": "all", "of": [{"field": "field:area", "is": "contains", "value": "x"}]}'
    answer = browser.post(
        f"/settings/fields/{field.pk}/", {"label": "Area", "condition": condition, "is_active": "on"}
    )
    assert answer.status_code == 422


def test_a_field_in_use_is_not_deleted(browser: Client, ticket: Ticket, viewer: Viewer) -> None:
    field = CustomField.objects.create(key="area", label="Area", kind="text")
    set_field_values(ticket=ticket, values={"area": "x"}, by=viewer)
    browser.post(f"/settings/fields/{field.pk}/delete/")
    assert CustomField.objects.exists()
    set_field_values(ticket=ticket, values={"area": ""}, by=viewer)
    browser.post(f"/settings/fields/{field.pk}/delete/")
    assert not CustomField.objects.exists()


def test_fields_and_types_are_moved(browser: Client) -> None:
    first, second, third = (
        CustomField.objects.create(key=key, label=key, kind="text", position=place)
        for place, key in enumerate("abc")
    )
    browser.post(f"/settings/fields/{third.pk}/move/", {"way": "up"})
    browser.post(f"/settings/fields/{first.pk}/move/", {"way": "up"})
    assert list(CustomField.objects.values_list("pk", flat=True)) == [first.pk, third.pk, second.pk]


# --- grace ------------------------------------------------------------------------------------------------------------


def test_the_days_of_grace_are_set(browser: Client) -> None:
    assert browser.post("/settings/closing/", {"days": "14"}).status_code == 302
    assert reopen_days() == 14
    assert browser.post("/settings/closing/", {"days": "-1"}).status_code == 422
    assert browser.post("/settings/closing/", {"days": "91"}).status_code == 422
    assert reopen_days() == 14


def test_services_ask_for_the_permission(viewer: Viewer, db: None) -> None:
    with pytest.raises(PermissionDenied):
        save_tag(name="x", by=viewer)


@pytest.mark.parametrize("page", ["statuses", "closing", "types", "tags", "fields"])
def test_agents_see_no_settings(agent: User, login: Callable[[User], Client], page: str) -> None:
    browser: Any = login(agent)
    assert browser.get(f"/settings/{page}/").status_code == 403
