"""Presence: who is on a ticket, for half a minute, told to nobody else and written into no log."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from core.models import Event
from people.models import User
from people.viewer import Viewer
from tickets.models import Message, Presence, Ticket
from tickets.presence import people_on
from tickets.services.note_presence import forget_old_presence, note_presence


@pytest.fixture
def lead(lead_user: User) -> Viewer:
    """A colleague."""
    return lead_user.as_viewer()


def test_others_are_seen_with_what_they_do(ticket: Ticket, agent: User, lead: Viewer, login: Any) -> None:
    note_presence(ticket=ticket, state="replying", by=lead)
    answer = login(agent).post(f"/inbox/{ticket.pk}/presence/", {"state": "viewing"}).json()
    assert answer == {
        "people": [
            {"id": lead.user_id, "initials": "LV", "state": "replying", "text": "Lena Vogt is replying"}
        ]
    }
    assert [one.name for one in people_on(ticket)] == ["Lena Vogt", "Priya Raman"]


def test_lasts_half_a_minute_and_tells_no_event(ticket: Ticket, viewer: Viewer, lead: Viewer) -> None:
    events = Event.objects.count()
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        note_presence(ticket=ticket, state="viewing", by=lead)
        clock.shift(29)
        assert len(people_on(ticket, besides=viewer)) == 1
        clock.shift(2)
        assert people_on(ticket, besides=viewer) == []
        clock.shift(timedelta(hours=2))
        assert forget_old_presence() == 1
    assert Event.objects.count() == events


def test_signs_that_say_nothing_new_are_not_written(
    ticket: Ticket, lead: Viewer, django_assert_num_queries: Any
) -> None:
    note_presence(ticket=ticket, state="viewing", by=lead)
    with django_assert_num_queries(1):
        note_presence(ticket=ticket, state="viewing", by=lead)
    note_presence(ticket=ticket, state="noting", by=lead)
    assert Presence.objects.get().state == "noting"


def test_gone_when_the_page_is_left(ticket: Ticket, lead_user: User, login: Any) -> None:
    browser = login(lead_user)
    browser.post(f"/inbox/{ticket.pk}/presence/", {"state": "viewing"})
    assert browser.post(f"/inbox/{ticket.pk}/presence/", {"state": "gone"}).status_code == 204
    assert not Presence.objects.exists()


def test_unknown_state_and_invisible_ticket(
    ticket: Ticket, agent: User, private_team: Any, login: Any
) -> None:
    browser = login(agent)
    assert browser.post(f"/inbox/{ticket.pk}/presence/", {"state": "dancing"}).status_code == 422
    Ticket.objects.filter(pk=ticket.pk).update(team=private_team)
    assert browser.post(f"/inbox/{ticket.pk}/presence/", {"state": "viewing"}).status_code == 404


def test_answering_beside_a_colleague_asks_once(
    ticket: Ticket, agent: User, lead: Viewer, login: Any
) -> None:
    note_presence(ticket=ticket, state="replying", by=lead)
    browser = login(agent)
    form = {"kind": "reply", "body": "Hello", "token": "form"}
    warned = browser.post(f"/inbox/{ticket.pk}/messages/", form, headers={"HX-Request": "true"})
    assert warned.status_code == 422
    page = warned.content.decode()
    assert "Lena Vogt is writing an answer too" in page
    assert f'name="anyway" value="{lead.user_id}"' in page
    assert not Message.objects.filter(kind="outbound").exists()
    sent = browser.post(
        f"/inbox/{ticket.pk}/messages/", {**form, "anyway": str(lead.user_id)}, headers={"HX-Request": "true"}
    )
    assert sent.status_code == 200
    assert Message.objects.filter(kind="outbound").count() == 1
    note = browser.post(f"/inbox/{ticket.pk}/messages/", {"kind": "note", "body": "A note disturbs nobody"})
    assert note.status_code == 302
