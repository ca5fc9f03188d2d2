"""Canned replies and macros: variables, who may keep which, applying them by service, page and REST."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.models import Event, Outbound
from core.outbox import send_due
from customers.models import Contact
from people.models import Team, User
from people.viewer import Viewer
from tickets.custom_fields import values_of
from tickets.macro_variables import VARIABLES, render, unknown_variables
from tickets.mentions import find_mentions
from tickets.models import CustomField, Draft, Macro, Message, Ticket, TicketType
from tickets.rich_text import as_html, code_of, without_marks
from tickets.services.apply_macro import apply_macro, preview_macro
from tickets.services.change_priority import change_priority
from tickets.services.change_tags import change_tags
from tickets.services.receive_message import Received
from tickets.services.save_macro import delete_macro, save_macro
from tickets.services.set_field_values import set_field_values
from tickets.services.undo_answer import undo_answer

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
    rendered = render("{{" + name + "}}", {name: value + "{{contact.name}}"})
    assert rendered.text.endswith("{{contact.name}}")
    assert rendered.unfilled == ()


_MARKS = st.sampled_from(
    ["**", "*", "_", "`", "```", "~~~", "[a](http://x.example)", "https://x.example", "http", "s://", "<", ">", "@",
     "@Priya", "@[Priya](user:7)", "- ", "+ ", "1. ", "2) ", "\\", "\\*", "a", "Mette Aas", " ", "(", ")", "]", "#",
     "!", "&amp;", ":", "//"]
)  # fmt: skip
_VALUES = st.lists(_MARKS, min_size=1, max_size=8).map(lambda parts: "".join(parts).strip()).filter(bool)


@given(_VALUES, _VALUES)
def test_values_give_a_text_no_form_and_show_what_they_are(first: str, second: str) -> None:
    values = {"contact.name": first, "ticket.subject": second}
    for text in (
        "{{contact.name}}",
        "Dear {{contact.name}}, about “{{ticket.subject}}”:",
        "{{contact.name}}{{ticket.subject}}",
    ):
        rendered = render(text, values)
        shown = text.replace("{{contact.name}}", first).replace("{{ticket.subject}}", second)
        read = html.unescape(re.sub(r"</?p>", "", as_html(rendered.text)).strip())
        assert re.sub(r"[ ]+", " ", read) == re.sub(r"[ ]+", " ", shown)
        assert rendered.plain == shown
        assert without_marks(rendered.text) == shown
        assert find_mentions(rendered.text, [User(pk=7, name="Priya"), User(pk=8, name="Mette Aas")])[1] == []


def test_an_at_sign_before_a_variable_names_nobody() -> None:
    [people] = [[User(pk=7, name="Mette Aas")]]
    rendered = render("Ask @{{contact.name}}", {"contact.name": "Mette Aas"})
    assert find_mentions(rendered.text, people)[1] == []
    assert rendered.plain == "Ask @Mette Aas"
    assert render("@{{nope}} @{{team.name|all}}", {"team.name": ""}).text == "@{{nope}} @all"


def test_a_value_in_code_stands_as_it_is_unless_it_would_leave_it() -> None:
    values = {"ticket.subject": "a*b*c", "contact.name": "x` **y** `z"}
    code = "Run `check {{ticket.subject}}`:\n\n```\n{{ticket.subject}}\n```\n{{ticket.subject}}"
    assert render(code, values).text.count("a*b*c") == 2
    assert "<strong>" not in as_html(render("`{{contact.name}}`", values).text)


def test_no_value_ends_a_block_of_code() -> None:
    for value in ("~~~", "~~~~", "```"):
        for fence in ("~~~", "```"):
            shown = as_html(
                render(f"{fence}\n{{{{contact.name}}}}\n*a*\n{fence}", {"contact.name": value}).text
            )
            assert "<em>" not in shown
            assert shown.count("<pre>") == 1


def test_a_text_is_read_once_however_many_variables_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str) -> str:
        read.append(text)
        return code_of(text)

    monkeypatch.setattr("tickets.macro_variables.code_of", noted)
    places = 12
    text = "`{{ticket.subject}}` {{ticket.subject}}\n" * places
    shown = render(text, {"ticket.subject": "a*b*c"}).text
    assert len(read) == 1
    assert shown == "`a*b*c` a\\*b\\*c\n" * places


def test_a_preview_of_marks_reads_each_line_once() -> None:
    assert (
        without_marks("> Hi\n>\n> there\n - one\n1. two\n\n  * three\n-")
        == "Hi\n\nthere\none\ntwo\n\nthree\n-"
    )
    # Read over and over from every line, these would take hours.
    empty = "\n" * 1_000_000
    assert without_marks(empty) == empty


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


def test_a_customer_called_like_markup_writes_no_markup(
    ticket: Ticket, viewer: Viewer, agent: User, mailoutbox: Any
) -> None:
    called = f"**Mette** @[{agent.name}](user:{agent.pk}) @{agent.name}"
    Contact.objects.filter(pk=ticket.contact_id).update(name=called)
    subject = "See [this](https://evil.example) https://evil.example"
    Ticket.objects.filter(pk=ticket.pk).update(subject=subject)
    text = "Dear **{{contact.name}}**: {{ticket.subject}}"
    row = macro(viewer, reply=text, note=text, sends=True)
    result = apply_macro(ticket=ticket, macro=row, by=viewer)
    send_due()
    said = f"{called}**: {subject}"
    assert result.note is not None
    assert not result.note.mentions.exists()
    assert "<a " not in result.note.body_html
    assert 'class="at"' not in result.note.body_html
    [sent] = mailoutbox
    assert sent.body.startswith(f"Dear **{said}")
    [form, _kind] = sent.alternatives[0]
    assert f"<strong>{html.escape(called, quote=False)}</strong>: {subject}</p>" in form
    ticket.refresh_from_db()
    assert ticket.last_message_preview == f"Dear {called}: {subject}"


# --- pages ------------------------------------------------------------------------------------------------------------


def test_slash_offers_what_fits_the_ticket_and_the_words(
    ticket: Ticket, agent: User, viewer: Viewer, login: Callable[[User], Client]
) -> None:
    canned(viewer, name="Refund", shortcut="refund", reply="Dear {{contact.name}}")
    canned(viewer, name="Hello again", reply="Hello about the refund")
    urgent = {"field": "priority", "is": "in", "value": ["urgent"]}
    canned(viewer, name="Refund now", condition=urgent)
    canned(viewer, name="Refund off", is_active=False)
    browser = login(agent)
    every = browser.get(f"/inbox/{ticket.pk}/canned/").content.decode()
    assert "Refund" in every
    assert "Hello again" in every
    assert "Refund now" not in every
    assert "Refund off" not in every
    found = browser.get(f"/inbox/{ticket.pk}/canned/?q=refund").content.decode()
    assert found.index("Dear Mette Aas") < found.index("Hello again")
    none = browser.get(f"/inbox/{ticket.pk}/canned/?q=zebra").content.decode()
    assert "No canned reply fits" in none
    menu = browser.get(f"/inbox/{ticket.pk}/macros/?macro_q=hello").content.decode()
    assert "Hello again" in menu
    assert "Refund" not in menu


def test_the_preview_says_what_happens_and_applying_does_it(
    ticket: Ticket, agent: User, viewer: Viewer, login: Callable[[User], Client]
) -> None:
    row = macro(
        viewer, {"action": "priority", "priority": "high"}, reply="Hi {{contact.first_name}}, {{nope}}"
    )
    browser = login(agent)
    preview = browser.get(f"/inbox/{ticket.pk}/macros/{row.pk}/").content.decode()
    for words in ("Set the priority to High", "Hi Mette", "{{nope}}", "to fill in by hand"):
        assert words in preview
    done = browser.post(f"/inbox/{ticket.pk}/macros/{row.pk}/apply/", headers={"HX-Request": "true"})
    assert done.status_code == 200
    triggers = json.loads(done["HX-Trigger-After-Swap"])
    assert triggers["composer-insert"] == {"text": "Hi Mette, {{nope}}", "kind": "reply"}
    assert "{{nope}}" in triggers["toast"]["text"]
    ticket.refresh_from_db()
    assert ticket.priority == "high"
    assert browser.post(f"/inbox/{ticket.pk}/macros/{row.pk}/use/").status_code == 204
    row.refresh_from_db()
    assert row.use_count == 2


def test_a_refused_macro_leaves_the_page_as_it_is(
    ticket: Ticket, agent: User, viewer: Viewer, write: Write, login: Callable[[User], Client]
) -> None:
    row = macro(viewer, {"action": "priority", "priority": "high"}, reply="Hi", sends=True)
    seen = write("one more thing", ticket=ticket).message.pk - 1
    browser = login(agent)
    refused = browser.post(f"/inbox/{ticket.pk}/macros/{row.pk}/apply/", {"seen": seen})
    assert (refused.status_code, refused["HX-Reswap"]) == (422, "none")
    assert "newer message" in refused["HX-Trigger"]
    ticket.refresh_from_db()
    assert ticket.priority == "normal"


def test_a_macro_that_takes_the_ticket_out_of_sight_closes_it(
    ticket: Ticket, agent: User, viewer: Viewer, private_team: Team, login: Callable[[User], Client]
) -> None:
    row = macro(viewer, {"action": "team", "team": private_team.pk})
    done = login(agent).post(f"/inbox/{ticket.pk}/macros/{row.pk}/apply/", headers={"HX-Request": "true"})
    assert done["HX-Retarget"] == "#conversation"


def test_at_offers_colleagues_who_see_the_ticket(
    ticket: Ticket,
    agent: User,
    lead_user: User,
    lawyer: User,
    private_team: Team,
    login: Callable[[User], Client],
) -> None:
    browser = login(lead_user)
    offered = browser.get(f"/inbox/{ticket.pk}/mentionable/?q=rama").content.decode()
    assert "Priya Raman" in offered
    assert "Lena Vogt" not in offered
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    offered = browser.get(f"/inbox/{ticket.pk}/mentionable/").content.decode()
    assert "Olav Brekke" in offered
    assert "Priya Raman" not in offered


def test_the_form_keeps_a_macro_with_its_actions_in_order(
    ticket: Ticket, lead_user: User, agent: User, team: Team, login: Callable[[User], Client]
) -> None:
    browser = login(lead_user)
    row = browser.get("/settings/macros/action/?add_action=status").content.decode()
    assert "Resolved" in row
    form = {
        "kind": "macro", "name": "Refund", "scope": "team", "team": team.pk, "position": "1", "is_active": "on",
        "reply": "Dear {{contact.name}} {{nope}}", "row": ["a2", "a1"],
        "a1-action": "status", "a1-status": "resolved", "a2-action": "add_tags", "a2-tags": "Refund, vip",
        "condition": json.dumps({"field": "priority", "is": "in", "value": ["high"]}),
    }  # fmt: skip
    saved = browser.post("/settings/macros/new/", form, follow=True)
    assert "Not variables, they stay as they are: {{nope}}" in html.unescape(saved.content.decode())
    kept = Macro.objects.get()
    assert kept.actions == [
        {"action": "add_tags", "tags": ["refund", "vip"]},
        {"action": "status", "status": "resolved"},
    ]
    assert kept.condition["field"] == "priority"
    page = browser.get(f"/settings/macros/{kept.pk}/").content.decode()
    assert 'value="refund, vip"' in page
    refused = browser.post(f"/settings/macros/{kept.pk}/", {**form, "a1-status": "new"})
    assert refused.status_code == 422
    assert login(agent).get(f"/settings/macros/{kept.pk}/").status_code == 404
    assert "Refund" in login(agent).get("/settings/macros/").content.decode()
    tried = browser.post(
        "/settings/macros/try/", {"reply": "Hi {{contact.first_name}} {{x}}"}
    ).content.decode()
    assert "Hi Mette" in tried
    assert "{{x}}" in tried
    browser.post(f"/settings/macros/{kept.pk}/delete/")
    assert not Macro.objects.exists()


def test_an_agent_keeps_own_ones_on_the_same_page(agent: User, login: Callable[[User], Client]) -> None:
    browser = login(agent)
    assert 'name="scope"' not in browser.get("/settings/macros/new/").content.decode()
    form = {
        "kind": "canned",
        "name": "Hello",
        "reply": "Hi",
        "position": "0",
        "is_active": "on",
        "scope": "everyone",
    }
    browser.post("/settings/macros/new/", form)
    assert Macro.objects.get().scope == "personal"


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_keeps_previews_and_applies(ticket: Ticket, api: Callable[..., APIClient], team: Team) -> None:
    rest = api("tickets:read", "tickets:write")
    made = rest.post(
        "/api/v1/macros/",
        {
            "name": "Escalate", "kind": "macro", "scope": "team", "team": "Billing", "note": "For {{contact.name}}",
            "actions": [{"action": "priority", "priority": "urgent"}],
        },
        format="json",
    )  # fmt: skip
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    assert made.json()["team"] == team.pk
    preview = rest.get(f"/api/v1/tickets/{ticket.pk}/macros/{pk}/").json()
    assert (preview["note"], preview["actions"]) == ("For Mette Aas", ["Set the priority to Urgent"])
    applied = rest.post(
        f"/api/v1/tickets/{ticket.pk}/macros/{pk}/", {}, format="json", headers={"Idempotency-Key": "k"}
    )
    again = rest.post(
        f"/api/v1/tickets/{ticket.pk}/macros/{pk}/", {}, format="json", headers={"Idempotency-Key": "k"}
    )
    assert applied.status_code == 200
    assert again.json() == applied.json()
    assert Message.objects.filter(kind="note").count() == 1
    changed = rest.patch(f"/api/v1/macros/{pk}/", {"name": "Now"}, format="json")
    assert (changed.json()["name"], changed.json()["note"]) == ("Now", "For {{contact.name}}")
    for refused in ({"nope": 1}, {"actions": [{"action": "x"}]}, {"scope": "personal"}):
        assert rest.patch(f"/api/v1/macros/{pk}/", refused, format="json").status_code == 400
    assert [row["name"] for row in rest.get("/api/v1/macros/?kind=macro").json()["results"]] == ["Now"]
    reader = api("tickets:read")
    assert reader.get(f"/api/v1/macros/{pk}/").status_code == 200
    assert reader.delete(f"/api/v1/macros/{pk}/").status_code == 403
    assert rest.delete(f"/api/v1/macros/{pk}/").status_code == 204
    assert rest.get(f"/api/v1/macros/{pk}/").status_code == 404


def test_without_a_composer_the_reply_waits_as_a_draft(ticket: Ticket, viewer: Viewer) -> None:
    row = macro(viewer, reply="Hi {{contact.first_name}}")
    for expected in ("Hi Mette", "Hi Mette\n\nHi Mette"):
        apply_macro(ticket=ticket, macro=row, by=viewer)
        assert Draft.objects.get(ticket=ticket, user_id=viewer.user_id).body == expected


def test_a_sent_reply_can_be_taken_back(
    ticket: Ticket, agent: User, viewer: Viewer, login: Callable[[User], Client]
) -> None:
    row = macro(viewer, {"action": "priority", "priority": "high"}, reply="Done", sends=True)
    browser = login(agent)
    done = browser.post(f"/inbox/{ticket.pk}/macros/{row.pk}/apply/", headers={"HX-Request": "true"})
    toast = json.loads(done["HX-Trigger-After-Swap"])["toast"]
    assert toast["seconds"] > 0
    assert Message.objects.filter(kind="outbound").count() == 1
    assert browser.post(toast["undo_url"], headers={"HX-Request": "true"}).status_code == 200
    ticket.refresh_from_db()
    assert not Message.objects.filter(kind="outbound").exists()
    assert ticket.priority == "normal"


def test_taking_the_reply_back_takes_back_what_the_macro_did(
    ticket: Ticket, viewer: Viewer, lead_user: User, team: Team
) -> None:
    kind = TicketType.objects.create(name="Broken", checklist=["Look"])
    CustomField.objects.create(key="size", label="Size", kind="text")
    set_field_values(ticket=ticket, values={"size": "small"}, by=viewer)
    change_tags(ticket=ticket, add=["kept", "gone"], by=viewer)
    names = [
        field.attname
        for field in Ticket._meta.concrete_fields
        if field.attname not in {"version", "updated_at"}
    ]
    before = Ticket.objects.values(*names).get(pk=ticket.pk)
    row = macro(
        viewer,
        {"action": "priority", "priority": "urgent"},
        {"action": "assign", "to": str(lead_user.pk)},
        {"action": "team", "team": team.pk},
        {"action": "type", "type": kind.pk},
        {"action": "field", "field": "size", "value": "large"},
        {"action": "add_tags", "tags": "fresh"},
        {"action": "remove_tags", "tags": "gone"},
        {"action": "snooze", "span": "3d"},
        reply="Done",
        sends=True,
    )
    answer = apply_macro(ticket=ticket, macro=row, by=viewer, token="t", undo_seconds=30).answer
    # The form sent twice changes nothing of the way back.
    apply_macro(ticket=ticket, macro=row, by=viewer, token="t", undo_seconds=30)
    assert answer is not None
    change_tags(ticket=ticket, add=["later"], by=lead_user.as_viewer())
    assert Ticket.objects.get(pk=ticket.pk).snoozed_until is not None
    undo_answer(message=answer, by=viewer)
    assert Ticket.objects.values(*names).get(pk=ticket.pk) == before
    assert set(ticket.ticket_tags.values_list("tag__name", flat=True)) == {"kept", "gone", "later"}
    assert values_of(Ticket.objects.get(pk=ticket.pk)) == {"size": "small"}
    assert not ticket.checklist.exists()
    undone = Event.objects.get(verb="tickets.reply_undone")
    told = set(Event.objects.filter(cause_id=undone.pk).values_list("verb", flat=True))
    assert {"tickets.priority_changed", "tickets.woken", "tickets.unassigned"} <= told


@pytest.mark.parametrize("status", ["resolved", "waiting"])
def test_send_and_resolve_by_macro_is_taken_back(ticket: Ticket, viewer: Viewer, status: str) -> None:
    before = Ticket.objects.get(pk=ticket.pk)
    row = macro(viewer, {"action": "status", "status": status}, reply="Done", sends=True)
    answer = apply_macro(ticket=ticket, macro=row, by=viewer, undo_seconds=30).answer
    assert answer is not None
    assert Ticket.objects.get(pk=ticket.pk).status_id == status
    undo_answer(message=answer, by=viewer)
    after = Ticket.objects.get(pk=ticket.pk)
    for name in (
        "status_id",
        "status_category",
        "waiting_since",
        "resolved_at",
        "assignee_id",
        "reopen_count",
    ):
        assert getattr(after, name) == getattr(before, name), name


def test_what_somebody_changed_after_the_macro_stays(ticket: Ticket, viewer: Viewer, lead_user: User) -> None:
    row = macro(
        viewer,
        {"action": "priority", "priority": "urgent"},
        {"action": "status", "status": "resolved"},
        reply="Done",
        sends=True,
    )
    answer = apply_macro(ticket=ticket, macro=row, by=viewer, undo_seconds=30).answer
    assert answer is not None
    change_priority(ticket=ticket, priority="low", by=lead_user.as_viewer())
    undo_answer(message=answer, by=viewer)
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.status_id) == ("low", "new")
