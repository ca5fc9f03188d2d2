"""Mentions of colleagues in notes: found, stored, shown, told; never a way into a private team."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.models import Event
from people.models import Team, User
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.conditions import as_q, check_condition, holds
from tickets.mentions import find_mentions, people_who_see, with_chips
from tickets.models import Mention, Message, Ticket
from tickets.services.add_note import add_note
from tickets.services.receive_message import Received

Write = Callable[..., Received]

_PEOPLE = [
    User(pk=1, name="Priya Raman"),
    User(pk=2, name="Tom Beck"),
    User(pk=3, name="Tom Becker"),
    User(pk=4, name="Zoë"),
]


def named(text: str) -> list[int]:
    """Who is found in a text."""
    return [one.user_id for one in find_mentions(text, _PEOPLE)[1]]


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("@Priya Raman please", [1]),
        ("(@priya, see)", [1]),
        ("ask @tom becker, not @Tom Beck.", [3, 2]),
        ("@Tom is two people", []),
        ("@Zoë!", [4]),
        ("@Zoëlle and @Priyanka", []),
        ("priya@priya.example and x.@priya", []),
        ("@[Tom Beck](user:2) and @[Gone](user:99)", [2]),
        ("@[Tom Beck](user:2)@[Tom Becker](user:3)", [2, 3]),
    ],
)
def test_who_is_mentioned(text: str, who: list[int]) -> None:
    assert named(text) == who


@given(
    st.lists(
        st.sampled_from(["@", "Priya", " Raman", "İ", "\n", "@[Zoë](user:4)", "(", "x", "@tom beck"])
    ).map("".join)
)
def test_places_are_those_of_the_plain_text(text: str) -> None:
    plain, found = find_mentions(text, _PEOPLE)
    names = {user.pk: user.name.lower() for user in _PEOPLE}
    for one in found:
        shown = plain[one.start : one.start + one.length].lower()
        assert shown.startswith("@")
        assert names[one.user_id].startswith(shown[1:])


def test_chips_stay_out_of_tags() -> None:
    html = '<p>@Zoë &amp; <a href="/@Zoë">@Zoë</a> @Zoëlle</p>'
    chip = '<span class="at">@Zoë</span>'
    assert with_chips(html, {"@Zoë"}) == f'<p>{chip} &amp; <a href="/@Zoë">{chip}</a> @Zoëlle</p>'


def test_a_note_stores_whom_it_mentions(ticket: Ticket, agent: User, lead_user: User, viewer: Viewer) -> None:
    note = add_note(ticket=ticket, body=f"@[Lena Vogt](user:{lead_user.pk}), can you look?", by=viewer)
    assert note.body_text == "@Lena Vogt, can you look?"
    mention = Mention.objects.get()
    assert (mention.user, mention.start, mention.length) == (lead_user, 0, 10)
    assert Event.objects.get(verb="tickets.note_added").detail.data == {"mentions": [lead_user.pk]}


def test_a_mention_opens_no_private_ticket(
    ticket: Ticket, private_team: Team, lawyer: User, agent: User, lead_user: User, analyst: User
) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    ticket.refresh_from_db()
    assert set(people_who_see(ticket)) == {lawyer, lead_user, analyst}
    with pytest.raises(ValidationError, match="Priya Raman cannot see this ticket"):
        add_note(ticket=ticket, body="@Priya Raman look", by=lawyer.as_viewer())
    assert not Message.objects.filter(kind="note").exists()
    add_note(ticket=ticket, body="@Lena Vogt look", by=lawyer.as_viewer())
    assert Mention.objects.get().user == lead_user


def test_inactive_people_are_not_mentioned(ticket: Ticket, viewer: Viewer) -> None:
    make_user("agent", "Gone Away", is_active=False)
    add_note(ticket=ticket, body="@Gone Away", by=viewer)
    assert not Mention.objects.exists()


def test_the_note_shows_a_chip(
    ticket: Ticket, viewer: Viewer, agent: User, lead_user: User, login: Callable[[User], Client]
) -> None:
    add_note(ticket=ticket, body="@Lena Vogt <b>look</b>", by=viewer)
    page = login(agent).get(f"/inbox/{ticket.pk}/thread/").content.decode()
    assert '<span class="at">@Lena Vogt</span>' in page
    assert "<b>look</b>" not in page


def test_conditions_find_tickets_where_somebody_is_named(
    ticket: Ticket, viewer: Viewer, lead_user: User, agent: User, write: Write
) -> None:
    other = write("something else").ticket
    add_note(ticket=ticket, body="@Lena Vogt look", by=viewer)
    named = check_condition({"field": "mentioned", "is": "in", "value": ["me"]})
    for me, found in ((lead_user.pk, [ticket]), (agent.pk, [])):
        now = timezone.now()
        assert list(Ticket.objects.filter(as_q(named, me=me, now=now))) == found
        assert [one for one in (ticket, other) if holds(named, one, me=me, now=now)] == found
