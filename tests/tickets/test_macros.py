"""Canned replies and macros: variables, who may keep which, applying them by service, page and REST."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from hypothesis import given
from hypothesis import strategies as st

from core.models import Event, Outbound
from people.models import Team, User
from people.viewer import Viewer
from tickets.macro_variables import VARIABLES, render, unknown_variables
from tickets.models import Macro, Message, Ticket
from tickets.services.apply_macro import apply_macro, preview_macro
from tickets.services.receive_message import Received
from tickets.services.save_macro import delete_macro, save_macro

Write = Callable[..., Received]

# --- variables --------------------------------------------------------------------------------------------------------

_PIECES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                "{{",
                "}}",
                "|",
                "{{contact.name}}",
                "{{ contact.name | there }}",
                "{{__class__}}",
                "{%x%}",
                "{{a.b|{{c}}}}",
            ]
        ),
    ),
    max_size=12,
).map("".join)


@given(_PIECES, st.dictionaries(st.sampled_from(list(VARIABLES)), st.text(max_size=20)))
def test_any_text_is_rendered_and_nothing_is_evaluated(text: str, values: dict[str, str]) -> None:
    rendered = render(text, values)
    for name in rendered.unfilled:
        assert name in rendered.text
    if "{{" not in text:
        assert rendered.text == text


@given(st.sampled_from(list(VARIABLES)), st.text())
def test_a_value_is_not_looked_at_again(name: str, value: str) -> None:
    assert render("{{" + name + "}}", {name: value + "{{contact.name}}"}).text == value + "{{contact.name}}"


def test_defaults_stand_in_and_the_unknown_stays_visible() -> None:
    values = {"contact.first_name": "", "account.name": "Halden"}
    rendered = render(
        "Hi {{contact.first_name|there}}, {{account.name}} {{contact.first_name}} {{nope|x}}", values
    )
    assert rendered.text == "Hi there, Halden {{contact.first_name}} {{nope|x}}"
    assert rendered.unfilled == ("contact.first_name", "nope")
    assert unknown_variables("{{nope}} {{contact.name}} {{nope|a}}") == ["nope"]


# --- keeping them -----------------------------------------------------------------------------------------------------


def canned(by: Viewer, **fields: Any) -> Macro:
    """A canned reply."""
    return save_macro(**{"name": "Hello", "reply": "Hi {{contact.first_name|there}}", "by": by, **fields})


def macro(by: Viewer, *actions: dict[str, Any], **fields: Any) -> Macro:
    """A macro with actions."""
    return save_macro(**{"name": "Act", "kind": "macro", "actions": actions, "by": by, **fields})


def test_everybody_keeps_own_ones_and_leads_the_shared(viewer: Viewer, lead_user: User, team: Team) -> None:
    own = canned(viewer)
    assert (own.owner_id, own.scope) == (viewer.user_id, "personal")
    for scope in ("team", "everyone"):
        with pytest.raises(ValidationError, match="for yourself only"):
            canned(viewer, scope=scope, team=team)
    lead = lead_user.as_viewer()
    shared = canned(lead, scope="everyone")
    of_team = canned(lead, scope="team", team=team)
    elsewhere = canned(lead, scope="team", team=Team.objects.create(name="Elsewhere"))
    assert set(Macro.objects.visible_to(viewer)) == {own, shared, of_team}
    assert set(Macro.objects.visible_to(lead)) == {shared, of_team, elsewhere}
    for row, by in ((shared, viewer), (own, lead)):
        with pytest.raises(PermissionDenied):
            canned(by, macro=row)
        with pytest.raises(PermissionDenied):
            delete_macro(macro=row, by=by)
    delete_macro(macro=shared, by=lead)
    assert Event.objects.filter(verb="tickets.macro_deleted").exists()


def test_what_cannot_be_done_is_refused_when_it_is_saved(viewer: Viewer) -> None:
    for refused in (
        {"reply": " "},
        {"kind": "macro", "reply": ""},
        {"kind": "macro", "actions": [{"action": "explode"}]},
        {"kind": "macro", "actions": [{"action": "status", "status": "nonsense"}]},
        {"kind": "macro", "actions": [{"action": "status", "status": "new"}]},
        {"condition": {"field": "nope", "is": "in", "value": ["x"]}},
    ):
        with pytest.raises(ValidationError):
            canned(viewer, **refused)
    assert not Macro.objects.exists()


def test_a_canned_reply_is_its_text_alone(viewer: Viewer) -> None:
    row = canned(viewer, note="psst", sends=True, actions=[{"action": "status", "status": "open"}])
    assert (row.note, row.sends, row.actions) == ("", False, [])


# --- applying ---------------------------------------------------------------------------------------------------------


def test_a_macro_does_everything_at_once(ticket: Ticket, agent: User, viewer: Viewer) -> None:
    row = macro(
        viewer,
        {"action": "status", "status": "resolved"},
        {"action": "priority", "priority": "high"},
        {"action": "assign", "to": "me"},
        reply="Hi {{contact.first_name}}, all done. {{agent.name}}",
        note="Told {{contact.name}}",
        sends=True,
    )
    preview = preview_macro(ticket=ticket, macro=row, by=viewer)
    assert preview.acts == ("Set the status to Resolved", "Set the priority to High", "Assign to you")
    assert preview.reply == "Hi Mette, all done. Priya Raman"
    assert not Message.objects.filter(ticket=ticket).exclude(kind="inbound").exists()
    result = apply_macro(ticket=ticket, macro=row, by=viewer, token="t")
    ticket.refresh_from_db()
    assert (ticket.status_id, ticket.priority, ticket.assignee) == ("resolved", "high", agent)
    assert result.answer is not None
    assert result.note is not None
    assert (result.answer.body_text, result.note.body_text) == (
        "Hi Mette, all done. Priya Raman",
        "Told Mette Aas",
    )
    assert Outbound.objects.filter(ticket_id=ticket.pk).count() == 1
    row.refresh_from_db()
    assert row.use_count == 1
    assert row.last_used_at is not None
    assert Event.objects.get(verb="tickets.macro_applied").ticket_id == ticket.pk


def test_a_reply_that_is_not_sent_comes_back_as_draft(ticket: Ticket, viewer: Viewer) -> None:
    row = macro(viewer, reply="Hi {{contact.first_name}} {{nope}}")
    result = apply_macro(ticket=ticket, macro=row, by=viewer)
    assert (result.draft, result.unfilled, result.answer) == ("Hi Mette {{nope}}", ("nope",), None)


def test_all_or_nothing(ticket: Ticket, viewer: Viewer, analyst: User) -> None:
    gone = macro(
        viewer, {"action": "priority", "priority": "high"}, {"action": "assign", "to": str(viewer.user_id)}
    )
    gone.actions[1]["to"] = str(analyst.pk)
    gone.save()
    with pytest.raises(ValidationError, match="cannot answer tickets"):
        apply_macro(ticket=ticket, macro=gone, by=viewer)
    unfilled = macro(viewer, {"action": "priority", "priority": "high"}, reply="{{nope}}", sends=True)
    with pytest.raises(ValidationError, match="no value for"):
        apply_macro(ticket=ticket, macro=unfilled, by=viewer)
    ticket.refresh_from_db()
    assert ticket.priority == "normal"
    assert not Event.objects.filter(verb__in=["tickets.macro_applied", "tickets.priority_changed"]).exists()


def test_a_macro_is_for_its_tickets_and_its_people(ticket: Ticket, viewer: Viewer, csm: User) -> None:
    urgent = {"field": "priority", "is": "in", "value": ["urgent"]}
    row = macro(viewer, {"action": "status", "status": "open"}, condition=urgent)
    with pytest.raises(ValidationError, match="for other tickets: priority is Urgent"):
        apply_macro(ticket=ticket, macro=row, by=viewer)
    Macro.objects.filter(pk=row.pk).update(condition={})
    row.refresh_from_db()
    with pytest.raises(ValidationError, match="You may not do this"):
        apply_macro(ticket=ticket, macro=row, by=csm.as_viewer())


def test_what_hides_the_ticket_comes_last(ticket: Ticket, viewer: Viewer, private_team: Team) -> None:
    first = {"action": "team", "team": private_team.pk}
    row = macro(viewer, first, {"action": "priority", "priority": "high"})
    with pytest.raises(ValidationError, match="let the macro do that last"):
        apply_macro(ticket=ticket, macro=row, by=viewer)
    row = macro(viewer, {"action": "priority", "priority": "high"}, first)
    assert apply_macro(ticket=ticket, macro=row, by=viewer).ticket.team == private_team
