"""Categories under categories: settings, REST, filters, and tickets of which only the parent is certain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.classifiers import TextPrediction
from ml.classifiers.beside import Input, text_of
from ml.evaluation.class_precision import Precision
from ml.models import ModelAlias, ModelVersion, Prediction
from ml.registry import ml_tasks
from people.models import Team, User
from people.viewer import Viewer
from tickets.category_tree import category_path
from tickets.models import Category, Ticket
from tickets.rolled_up import rolled_up
from tickets.routing import suggest_routing
from tickets.selectors import filter_tickets
from tickets.services.correct_routing import correct_routing
from tickets.services.save_category import save_category

pytestmark = pytest.mark.django_db
Write = Callable[..., Any]


@pytest.fixture
def hardware(team: Team) -> Category:
    """A category with a team, and two kinds that have none."""
    parent = Category.objects.create(name="Hardware", team=team)
    for name in ("Laptop", "Printer"):
        Category.objects.create(name=name, parent=parent)
    return parent


def save(by: Viewer, name: str, parent: Category | None, category: Category | None = None) -> Category:
    """Save a category as the settings page does."""
    return save_category(name=name, description="", parent=parent, team=None, by=by, category=category)


# --- the tree -----------------------------------------------------------------------------------------------------------


def test_a_kind_is_made_and_listed_below_its_parent(
    admin: User, login: Callable[[User], Client], hardware: Category, api: Callable[..., Any]
) -> None:
    browser = login(admin)
    assert "Hardware &gt; Laptop" in browser.get("/settings/categories/new/").content.decode()
    laptop = Category.objects.get(name="Laptop")
    browser.post("/settings/categories/new/", {"name": "Battery", "parent": laptop.pk, "is_active": "on"})
    battery = Category.objects.get(name="Battery")
    assert (battery.parent, battery.responsible_team) == (laptop, hardware.team)
    page = browser.get("/settings/categories/")
    names = [item.name for item in page.context["items"]]
    assert names == [
        "Hardware",
        "Hardware > Laptop",
        "Hardware > Laptop > Battery",
        "Hardware > Printer",
    ]
    assert {item.right for item in page.context["items"]} == {str(hardware.team)}
    told = api("tickets:read").get(f"/api/v1/categories/?parent={laptop.pk}").json()["results"]
    assert [(one["path"], one["parent"], one["team"]) for one in told] == [
        ("Hardware > Laptop > Battery", laptop.pk, None)
    ]


def test_circles_and_a_fourth_level_are_refused(admin: User, hardware: Category) -> None:
    by = admin.as_viewer()
    laptop = Category.objects.get(name="Laptop")
    battery = save(by, "Battery", laptop)
    for parent in (hardware, battery):
        with pytest.raises(ValidationError) as circle:
            save(by, "Hardware", parent, hardware)
        assert circle.value.message_dict == {
            "parent": ["A category cannot be a kind of itself or of one of its kinds."]
        }
    printer = Category.objects.get(name="Printer")
    devices = save(by, "Devices", None)
    for name, parent, moved in (
        ("Cell", battery, None),
        ("Laptop", printer, laptop),
        ("Hardware", devices, hardware),
    ):
        with pytest.raises(ValidationError) as deep:
            save(by, name, parent, moved)
        assert deep.value.message_dict == {"parent": ["Categories are at most 3 levels deep."]}
    assert save(by, "Laptop", devices, laptop).parent == devices


def test_lists_cost_the_same_for_few_and_many(
    admin: User, login: Callable[[User], Client], hardware: Category
) -> None:
    browser = login(admin)
    browser.get("/settings/categories/")
    with CaptureQueriesContext(connection) as few:
        browser.get("/settings/categories/")
    for number in range(6):
        Category.objects.create(name=f"Kind {number}", parent=Category.objects.get(name="Laptop"))
    category_path(hardware.pk)
    with CaptureQueriesContext(connection) as many:
        browser.get("/settings/categories/")
    assert len(many) <= len(few)


def test_who_asks_for_a_category_means_its_kinds_too(
    write: Write, hardware: Category, category: Category, viewer: Viewer, api: Callable[..., Any]
) -> None:
    laptop = Category.objects.get(name="Laptop")
    below, above, other = (write(text).ticket for text in ("one", "two", "three"))
    for ticket, chosen in ((below, laptop), (above, hardware), (other, category)):
        Ticket.objects.filter(pk=ticket.pk).update(category=chosen)
    everything = Ticket.objects.all()
    for filters in (
        {"category": str(hardware.pk)},
        {"where": f'{{"field": "category", "is": "in", "value": ["{hardware.pk}"]}}'},
        {"where": f'{{"field": "category", "is": "not_in", "value": ["{category.pk}"]}}'},
    ):
        assert set(filter_tickets(everything, filters, viewer)) == {below, above}
    assert list(filter_tickets(everything, {"category": str(laptop.pk)}, viewer)) == [below]
    rest = api("tickets:read")
    listed = rest.get(f"/api/v1/tickets/?category={hardware.pk}").json()["results"]
    assert {one["id"] for one in listed} == {below.pk, above.pk}


def test_a_kind_without_a_team_goes_to_the_one_above(
    ticket: Ticket, hardware: Category, viewer: Viewer
) -> None:
    moved = correct_routing(ticket=ticket, category=Category.objects.get(name="Laptop"), by=viewer)
    assert moved.team == hardware.team


# --- routing ------------------------------------------------------------------------------------------------------------


class _Kinds:
    """A champion that knows hardware when it reads of it, and never which kind."""

    def predict(self, inputs: Sequence[Input]) -> list[TextPrediction]:
        """Half laptop and half printer; "strange" is unlike all it knows, anything else could be anything."""
        return [self._one(text_of(given)) for given in inputs]

    @staticmethod
    def _one(text: str) -> TextPrediction:
        shares = (("Laptop", 0.48), ("Printer", 0.46), ("Billing questions", 0.06))
        if "device" not in text:
            shares = (("Laptop", 0.4), ("Billing questions", 0.35), ("Printer", 0.25))
        because = "unfamiliar" if "strange" in text else "unsure"
        label, share = shares[0]
        return TextPrediction(label, share, shares, abstained=True, because=because, least=0.8)


@pytest.fixture
def champion(
    monkeypatch: pytest.MonkeyPatch, minds: Any, category: Category, hardware: Category
) -> ModelVersion:
    """A routing model in service, asked through the door."""
    version = ModelVersion.objects.create(task="routing", number=1, kind="fake", digest="fake")
    ModelAlias.objects.create(task="routing", version=version)
    monkeypatch.setattr("tickets.routing.suggest_routing", suggest_routing)
    monkeypatch.setattr("ml.serving.door.load_version", lambda _version, **_limit: _Kinds())
    return version


def test_a_ticket_of_which_only_the_parent_is_certain_goes_to_it(
    champion: ModelVersion, write: Write, pump: Any, hardware: Category, agent: User,
    login: Callable[[User], Client],
) -> None:  # fmt: skip
    ticket = write("my device is broken").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category, ticket.team) == ("routed", hardware, hardware.team)
    kept = Prediction.objects.get(task="routing")
    assert (kept.label, kept.abstained) == ("Laptop", True)
    assert kept.reasons == [{"because": "kind_open", "category": "Hardware", "probability": 0.94}]
    page = login(agent).get(reverse("inbox-ticket", args=[ticket.pk])).content.decode()
    assert f"Routed to <b>{hardware.team}</b> · Hardware, which kind is open" in page
    assert f"to Hardware · {hardware.team}, which kind is open" in page
    # That it stays there teaches nothing about the kinds; a person's word does.
    Ticket.objects.filter(pk=ticket.pk).update(status_id="resolved", status_category="resolved")
    assert not list(ml_tasks.get("routing").rows())


@pytest.mark.parametrize("text", ["a strange device", "hello"])
def test_others_wait_for_a_person_as_before(
    champion: ModelVersion, write: Write, pump: Any, text: str
) -> None:
    ticket = write(text).ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category) == ("triage", None)


@pytest.mark.parametrize("change", ["flat", "inactive", "class"])
def test_nothing_rolls_up_without_a_parent_in_use_and_classes_that_may_act(
    champion: ModelVersion, write: Write, pump: Any, hardware: Category, change: str
) -> None:
    if change == "flat":
        Category.objects.update(parent=None)
    elif change == "inactive":
        Category.objects.filter(pk=hardware.pk).update(is_active=False)
    else:
        measured(champion, {"Laptop": "automatic", "Printer": "suggest"})
    ticket = write("my device is broken").ticket
    pump()
    ticket.refresh_from_db()
    assert (ticket.routing_state, ticket.category) == ("triage", None)


def test_classes_that_are_applied_carry_their_parent(
    champion: ModelVersion, write: Write, pump: Any, hardware: Category
) -> None:
    measured(champion, {"Laptop": "automatic", "Printer": "automatic", "Billing questions": "off"})
    ticket = write("my device is broken").ticket
    pump()
    ticket.refresh_from_db()
    assert ticket.category == hardware


def measured(version: ModelVersion, modes: Mapping[str, str]) -> None:
    """Let the classes of the version have been measured to earn these modes."""
    precision = asdict(Precision.of(40, 40))
    version.metrics = {
        "class_modes": {
            "least": 0.8,
            "classes": {
                label: {
                    "rows": 50, "mode": mode, "threshold": 0.9,
                    "precision": precision, "at_threshold": precision, "held_out": precision,
                }
                for label, mode in modes.items()
            },
        }
    }  # fmt: skip
    version.save()


# --- the sum ------------------------------------------------------------------------------------------------------------

PARENTS = {"Laptop": "Hardware", "Printer": "Hardware", "Battery": "Laptop", "Screen": "Laptop"}
SHARES = st.dictionaries(
    st.sampled_from([*PARENTS, "Hardware", "Bills"]), st.floats(0.001, 1.0), min_size=1, max_size=4
)


@settings(deadline=None)
@given(SHARES, st.floats(0.05, 1.0))
def test_the_lowest_parent_that_is_certain_is_taken(raw: dict[str, float], least: float) -> None:
    total = sum(raw.values())
    shares = {name: share / total for name, share in raw.items()}
    laptop = sum(shares.get(name, 0.0) for name in ("Laptop", "Battery", "Screen"))
    hardware = laptop + shares.get("Printer", 0.0) + shares.get("Hardware", 0.0)
    found = rolled_up(shares, PARENTS, least)
    for edge in (laptop, hardware):
        if abs(edge - least) < 1e-9:
            return
    wanted = ("Laptop", laptop) if laptop >= least else ("Hardware", hardware) if hardware >= least else None
    if wanted is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], abs(found[1] - wanted[1]) < 1e-9) == (wanted[0], True)
    assert rolled_up(shares, {}, least) is None
