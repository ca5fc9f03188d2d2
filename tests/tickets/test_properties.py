"""Type, tags, language, custom fields, snooze, checklist and worked time of a ticket; the settings behind them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from core.models import Event
from people.models import User
from people.viewer import Viewer
from tickets.custom_fields import values_of
from tickets.models import CustomField, Status, Tag, Ticket, TicketType
from tickets.services.change_language import change_language
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.change_type import change_type
from tickets.services.close_resolved_tickets import close_resolved_tickets
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.set_field_values import set_field_values
from tickets.services.snooze_ticket import snooze_ticket, wake_due_tickets, wake_ticket


def own(key: str, kind: str = "text", **fields: Any) -> CustomField:
    """Create a custom field."""
    types = fields.pop("types", [])
    field = CustomField.objects.create(
        key=key, label=fields.pop("label", key.replace("_", " ").capitalize()), kind=kind, **fields
    )
    field.types.set(types)
    return field


def last_detail(verb: str) -> dict[str, Any]:
    """What the newest event of a kind tells."""
    detail = Event.objects.filter(verb=verb).order_by("pk").last().detail.data  # type: ignore[union-attr]
    assert isinstance(detail, dict)
    return detail


@pytest.fixture
def incident(db: None) -> TicketType:
    """A type that starts with two steps."""
    return TicketType.objects.create(name="Incident", checklist=["Find the cause", "Tell the customer"])


# --- type and checklist -----------------------------------------------------------------------------------------------


def test_a_type_brings_its_steps_and_another_one_takes_the_undone_away(
    ticket: Ticket, viewer: Viewer, incident: TicketType
) -> None:
    change_type(ticket=ticket, type=incident, by=viewer)
    assert list(ticket.checklist.values_list("text", flat=True)) == ["Find the cause", "Tell the customer"]
    first = ticket.checklist.first()
    assert first is not None
    first.done_at = timezone.now()
    first.save()
    question = TicketType.objects.create(name="Question", checklist=["Link an article"])
    changed = change_type(ticket=ticket, type=question, by=viewer)
    assert changed.type == question
    assert list(ticket.checklist.values_list("text", flat=True)) == ["Link an article", "Find the cause"]
    assert last_detail("tickets.type_changed") == {"from": incident.pk, "to": question.pk, "name": "Question"}


def test_the_same_type_again_changes_nothing_and_an_idle_one_is_refused(
    ticket: Ticket, viewer: Viewer, incident: TicketType
) -> None:
    changed = change_type(ticket=ticket, type=incident, by=viewer)
    again = change_type(ticket=ticket, type=incident, by=viewer)
    assert again.version == changed.version
    idle = TicketType.objects.create(name="Fax", is_active=False)
    with pytest.raises(ValidationError):
        change_type(ticket=ticket, type=idle, by=viewer)


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_are_written_in_one_way_and_made_when_they_are_new(ticket: Ticket, viewer: Viewer) -> None:
    change_tags(ticket=ticket, add=["  Late   Invoice ", "#VIP", "vip"], by=viewer)
    assert set(ticket.tags.values_list("name", flat=True)) == {"late invoice", "vip"}
    change_tags(ticket=ticket, add=["refund"], remove=["VIP", "unknown"], by=viewer)
    assert set(ticket.tags.values_list("name", flat=True)) == {"late invoice", "refund"}
    assert last_detail("tickets.tags_changed") == {"added": ["refund"], "removed": ["vip"]}
    assert Tag.objects.filter(name="vip").exists()


@pytest.mark.parametrize("name", ["", "   ", "a,b", "x" * 41, "nul\x00"])
def test_what_is_no_tag_is_refused_and_nothing_is_changed(ticket: Ticket, viewer: Viewer, name: str) -> None:
    with pytest.raises(ValidationError):
        change_tags(ticket=ticket, add=["good", name], by=viewer)
    assert not ticket.tags.exists()


def test_an_idle_tag_and_too_many_are_refused(ticket: Ticket, viewer: Viewer) -> None:
    Tag.objects.create(name="old", is_active=False)
    with pytest.raises(ValidationError, match="not in use"):
        change_tags(ticket=ticket, add=["old"], by=viewer)
    with pytest.raises(ValidationError, match="at most 50"):
        change_tags(ticket=ticket, add=[f"t{number}" for number in range(51)], by=viewer)


# --- language ---------------------------------------------------------------------------------------------------------


def test_a_language_is_a_code(ticket: Ticket, viewer: Viewer) -> None:
    assert change_language(ticket=ticket, language="pt_BR", by=viewer).language == "pt-br"
    with pytest.raises(ValidationError):
        change_language(ticket=ticket, language="German", by=viewer)
    assert change_language(ticket=ticket, language="", by=viewer).language == ""


# --- custom fields ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "held"),
    [
        ("text", "  A-17 ", "A-17"),
        ("number", "12.50", 12.5),
        ("number", 7, 7),
        ("choice", "Berlin", "Berlin"),
        ("multi", ["Oslo", "Berlin"], ["Berlin", "Oslo"]),
        ("date", "2026-03-31", "2026-03-31"),
        ("bool", "no", False),
    ],
)
def test_each_kind_holds_what_it_is_given(
    ticket: Ticket, viewer: Viewer, kind: str, given: Any, held: Any
) -> None:
    own("it", kind, options=["Berlin", "Oslo", "Paris"])
    set_field_values(ticket=ticket, values={"it": given}, by=viewer)
    assert values_of(ticket) == {"it": held}
    set_field_values(ticket=ticket, values={"it": None}, by=viewer)
    assert values_of(ticket) == {}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", "x" * 501),
        ("text", ["a"]),
        ("number", "twelve"),
        ("number", "NaN"),
        ("number", True),
        ("number", "1e999999999999"),
        ("number", "0.1234567"),
        ("number", "12345678901234567"),
        ("choice", "Rome"),
        ("multi", ["Berlin", "Rome"]),
        ("multi", [7]),
        ("date", "31.3.2026"),
        ("date", 20260331),
        ("bool", "maybe"),
    ],
)
def test_each_kind_refuses_what_it_cannot_hold(ticket: Ticket, viewer: Viewer, kind: str, given: Any) -> None:
    own("it", kind, options=["Berlin", "Oslo"])
    own("other")
    with pytest.raises(ValidationError) as refused:
        set_field_values(ticket=ticket, values={"other": "kept out", "it": given}, by=viewer)
    assert set(refused.value.message_dict) == {"field:it"}
    assert values_of(ticket) == {}


def test_a_choice_that_is_gone_stays_where_it_was_chosen(ticket: Ticket, viewer: Viewer) -> None:
    field = own("city", "choice", options=["Berlin", "Oslo"])
    set_field_values(ticket=ticket, values={"city": "Oslo"}, by=viewer)
    field.options = ["Berlin"]
    field.save()
    set_field_values(ticket=ticket, values={"city": "Oslo"}, by=viewer)
    assert values_of(ticket) == {"city": "Oslo"}
    set_field_values(ticket=ticket, values={"city": "Berlin"}, by=viewer)
    with pytest.raises(ValidationError):
        set_field_values(ticket=ticket, values={"city": "Oslo"}, by=viewer)


def test_a_reference_points_only_to_what_the_person_may_see(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received], private_team: Any, lawyer: User
) -> None:
    own("cause", "reference", reference="ticket")
    secret = write("Our contract", sender="mette@halden.example").ticket
    secret.team = private_team
    secret.save()
    with pytest.raises(ValidationError):
        set_field_values(ticket=ticket, values={"cause": secret.pk}, by=viewer)
    with pytest.raises(ValidationError):
        set_field_values(ticket=ticket, values={"cause": f"#{secret.number}"}, by=viewer)
    set_field_values(ticket=ticket, values={"cause": f"#{secret.number}"}, by=lawyer.as_viewer())
    assert values_of(ticket) == {"cause": secret.pk}
    # what somebody else has set stays when the form is sent again
    set_field_values(ticket=ticket, values={"cause": secret.pk}, by=viewer)
    assert secret.subject not in str(last_detail("tickets.fields_changed"))


def test_a_field_belongs_to_its_types_and_appears_when_its_condition_holds(
    ticket: Ticket, viewer: Viewer, incident: TicketType
) -> None:
    own("cause", types=[incident])
    own(
        "plan", condition={"match": "all", "of": [{"field": "field:cause", "is": "contains", "value": "dns"}]}
    )
    with pytest.raises(ValidationError, match="does not have this field"):
        set_field_values(ticket=ticket, values={"cause": "DNS"}, by=viewer)
    change_type(ticket=ticket, type=incident, by=viewer)
    with pytest.raises(ValidationError, match="does not have this field"):
        set_field_values(ticket=ticket, values={"cause": "Disk", "plan": "Replace it"}, by=viewer)
    set_field_values(ticket=ticket, values={"plan": "Change the server", "cause": "DNS"}, by=viewer)
    assert values_of(ticket) == {"cause": "DNS", "plan": "Change the server"}


def test_what_is_required_must_be_there_before_a_person_resolves(
    ticket: Ticket, viewer: Viewer, incident: TicketType
) -> None:
    own("root_cause", types=[incident], required_on_resolve=True)
    own("note", required_on_resolve=False)
    change_type(ticket=ticket, type=incident, by=viewer)
    for attempt in (
        lambda: change_status(ticket=ticket, status="resolved", by=viewer),
        lambda: change_status(ticket=ticket, status="closed", by=viewer),
        lambda: reply_to_ticket(ticket=ticket, body="Solved.", status="resolved", by=viewer),
    ):
        with pytest.raises(ValidationError, match="Root cause"):
            attempt()
    assert not ticket.messages.filter(kind="outbound").exists()
    set_field_values(ticket=ticket, values={"root_cause": "A loose cable"}, by=viewer)
    change_status(ticket=ticket, status="resolved", by=viewer)
    ticket.refresh_from_db()
    assert ticket.status_category == "resolved"


def test_closing_after_grace_asks_for_no_field(ticket: Ticket, viewer: Viewer) -> None:
    change_status(ticket=ticket, status="resolved", by=viewer)
    own("root_cause", required_on_resolve=True)
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - timedelta(days=30))
    assert close_resolved_tickets() == 1


# --- snooze -----------------------------------------------------------------------------------------------------------


def test_a_ticket_put_aside_comes_back_at_its_time_open_and_unread(ticket: Ticket, viewer: Viewer) -> None:
    until = timezone.now() + timedelta(hours=3)
    change_status(ticket=ticket, status="waiting", by=viewer)
    snooze_ticket(ticket=ticket, until=until, by=viewer)
    assert wake_due_tickets() == 0
    assert wake_due_tickets(now=until) == 1
    ticket.refresh_from_db()
    assert (ticket.snoozed_until, ticket.status_category, ticket.unread) == (None, "open", True)
    assert last_detail("tickets.woken")["reason"] == "time"
    assert wake_due_tickets(now=until) == 0


def test_the_customer_wakes_a_ticket_and_a_machine_does_not(
    ticket: Ticket, viewer: Viewer, write: Callable[..., Received]
) -> None:
    snooze_ticket(ticket=ticket, until=timezone.now() + timedelta(days=2), by=viewer)
    change_status(ticket=ticket, status="on_hold", by=viewer)
    write("I am on holiday", ticket=ticket, is_automatic=True)
    ticket.refresh_from_db()
    assert ticket.snoozed_until is not None
    write("Any news?", ticket=ticket)
    ticket.refresh_from_db()
    assert (ticket.snoozed_until, ticket.status_category) == (None, "open")


def test_resolving_forgets_the_snooze_and_what_is_over_cannot_be_put_aside(
    ticket: Ticket, viewer: Viewer
) -> None:
    until = timezone.now() + timedelta(days=1)
    snooze_ticket(ticket=ticket, until=until, by=viewer)
    change_status(ticket=ticket, status="resolved", by=viewer)
    ticket.refresh_from_db()
    assert ticket.snoozed_until is None
    with pytest.raises(ValidationError, match="over"):
        snooze_ticket(ticket=ticket, until=until, by=viewer)


def test_a_time_that_has_passed_or_is_too_far_is_refused(ticket: Ticket, viewer: Viewer) -> None:
    for until in (timezone.now() - timedelta(minutes=1), timezone.now() + timedelta(days=400)):
        with pytest.raises(ValidationError):
            snooze_ticket(ticket=ticket, until=until, by=viewer)
    snoozed = snooze_ticket(ticket=ticket, until=timezone.now() + timedelta(days=1), by=viewer)
    awake = wake_ticket(ticket=snoozed, by=viewer)
    assert awake.snoozed_until is None
    assert wake_ticket(ticket=awake, by=viewer).version == awake.version


def test_who_may_not_edit_changes_nothing(ticket: Ticket, analyst: User, incident: TicketType) -> None:
    by = analyst.as_viewer()
    own("it")
    for act in (
        lambda: change_type(ticket=ticket, type=incident, by=by),
        lambda: change_tags(ticket=ticket, add=["x"], by=by),
        lambda: change_language(ticket=ticket, language="de", by=by),
        lambda: set_field_values(ticket=ticket, values={"it": "x"}, by=by),
        lambda: snooze_ticket(ticket=ticket, until=timezone.now() + timedelta(days=1), by=by),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_an_idle_status_is_no_longer_given(ticket: Ticket, viewer: Viewer) -> None:
    Status.objects.create(key="paused", name="Paused", category="on_hold", is_active=False)
    with pytest.raises(ValidationError):
        change_status(ticket=ticket, status="paused", by=viewer)
