"""The survey after a solution: who is asked and who is not, the mail, the public page, the results."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from core.models import Event, Outbound
from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tickets.models import SatisfactionSurvey, Ticket
from tickets.satisfaction import LONGEST_COMMENT, feedback_url, token_of
from tickets.services.change_status import change_status
from tickets.services.receive_message import Received
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_satisfaction_rules import save_satisfaction_rules

pytestmark = pytest.mark.usefixtures("minds")
Pump = Callable[[], int]
Write = Callable[..., Received]


@pytest.fixture
def rules(admin: User) -> Callable[..., Any]:
    """Switch the survey on: ``rules(delay_hours=0, …)``."""

    def save(**fields: Any) -> Any:
        values = {"is_on": True, "delay_hours": 0, "pause_days": 14, "question": "How did we do?"} | fields
        return save_satisfaction_rules(**values, by=admin.as_viewer())

    return save


@pytest.fixture
def solved(rules: Any, ticket: Ticket, viewer: Viewer, pump: Pump) -> Ticket:
    """A ticket that was answered and solved, its survey waiting to leave."""
    rules()
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    return ticket


@pytest.fixture
def survey(solved: Ticket) -> SatisfactionSurvey:
    """A survey that has left."""
    send_due()
    return SatisfactionSurvey.objects.get(ticket=solved, state="sent")


def mails() -> list[Any]:
    return [one for one in mail.outbox if "How did we do?" in one.subject]


def test_a_solution_is_followed_by_one_mail_with_five_faces(survey: SatisfactionSurvey, pump: Pump) -> None:
    [sent] = mails()
    assert sent.to == ["Mette Aas <mette@halden.example>"]
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    assert "+r-" in sent.reply_to[0]
    html = sent.alternatives[0][0]
    for score in range(1, 6):
        assert feedback_url(survey, score) in sent.body
        assert feedback_url(survey, score) in html
    assert "token" not in Outbound.objects.get(kind="tickets.satisfaction_survey").payload
    pump()
    send_due()
    assert len(mails()) == 1
    assert Event.objects.filter(verb="tickets.survey_sent", ticket_id=survey.ticket_id).count() == 1


def test_nobody_is_asked_while_it_is_off(ticket: Ticket, viewer: Viewer, pump: Pump) -> None:
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    assert not SatisfactionSurvey.objects.exists()


def test_the_question_waits_its_hours(rules: Any, ticket: Ticket, viewer: Viewer, pump: Pump) -> None:
    rules(delay_hours=5)
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    send_due()
    assert mails() == []
    waiting = SatisfactionSurvey.objects.get()
    assert timedelta(hours=4) < waiting.send_at - timezone.now() < timedelta(hours=5, minutes=1)


def test_a_ticket_that_comes_back_is_not_asked_about_and_its_next_solution_is(
    rules: Any, ticket: Ticket, viewer: Viewer, pump: Pump, write: Write
) -> None:
    rules(delay_hours=5)
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    write("It is not there.", ticket=ticket)
    pump()
    first = SatisfactionSurvey.objects.get()
    assert (first.state, first.reason) == ("withheld", "the ticket was reopened")
    rules(delay_hours=0)
    reply_to_ticket(ticket=ticket, body="Now it is.", status="resolved", by=viewer)
    pump()
    send_due()
    assert [one.state for one in SatisfactionSurvey.objects.order_by("pk")] == ["withheld", "sent"]
    assert len(mails()) == 1


def test_a_reopening_at_the_last_moment_keeps_the_mail_back(solved: Ticket, viewer: Viewer) -> None:
    change_status(ticket=solved, status="open", by=viewer)  # no subscriber has seen it yet
    send_due()
    assert mails() == []
    assert SatisfactionSurvey.objects.get().state == "withheld"


def test_a_contact_is_asked_once_in_the_pause(
    survey: SatisfactionSurvey, viewer: Viewer, pump: Pump, write: Write, rules: Any
) -> None:
    def solve_another() -> None:
        other = write("Another one", subject="Other").ticket
        reply_to_ticket(ticket=other, body="Done.", status="resolved", by=viewer)
        pump()
        send_due()

    solve_another()
    assert len(mails()) == 1
    SatisfactionSurvey.objects.update(send_at=timezone.now() - timedelta(days=15))
    solve_another()
    assert len(mails()) == 2


def test_condition_automatic_unanswered_and_merged_tickets_are_left_out(
    rules: Any, ticket: Ticket, viewer: Viewer, pump: Pump, write: Write
) -> None:
    rules(pause_days=0, condition={"field": "priority", "is": "in", "value": ["urgent"]})
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    rules(pause_days=0)
    machine = write("Backup done", subject="Backup", is_automatic=True).ticket
    reply_to_ticket(ticket=machine, body="Noted.", status="resolved", by=viewer)
    silent = write("Never mind", subject="Nothing").ticket
    change_status(ticket=silent, status="resolved", by=viewer)
    merged = write("Twice", subject="Twice").ticket
    reply_to_ticket(ticket=merged, body="See there.", status="resolved", by=viewer)
    Ticket.objects.filter(pk=merged.pk).update(merged_into=ticket)
    rules(pause_days=0, condition={"field": "priority", "is": "in", "value": ["urgent"]})
    rules_hold_for_none = SatisfactionSurvey.objects.count()
    rules(pause_days=0)
    pump()
    send_due()
    assert rules_hold_for_none == 0
    assert [one.ticket for one in SatisfactionSurvey.objects.filter(state="sent")] == [ticket]


def test_the_condition_decides(rules: Any, ticket: Ticket, viewer: Viewer, pump: Pump) -> None:
    rules(condition={"field": "priority", "is": "in", "value": ["urgent"]})
    reply_to_ticket(ticket=ticket, body="Here it is.", status="resolved", by=viewer)
    pump()
    assert not SatisfactionSurvey.objects.exists()


def test_looking_never_rates_and_a_click_does(survey: SatisfactionSurvey, client: Client, pump: Pump) -> None:
    for score in range(1, 6):  # a mail scanner opens every link
        page = client.get(f"/feedback/{token_of(survey)}/?score={score}")
        assert page.status_code == 200
        assert re.search(rf'value="{score}"\s+required\s+checked', page.content.decode())
    survey.refresh_from_db()
    assert (survey.score, survey.rated_at) == (None, None)
    assert survey.opened_at is not None
    answer = client.post(f"/feedback/{token_of(survey)}/", {"score": "5", "comment": "Quick!"})
    assert "Thank you" in answer.content.decode()
    survey.refresh_from_db()
    assert (survey.score, survey.comment) == (5, "Quick!")
    assert Ticket.objects.get(pk=survey.ticket_id).satisfaction == 5
    rated = Event.objects.get(verb="tickets.rated")
    assert (rated.actor_kind, rated.actor_id) == ("contact", survey.contact_id)
    assert rated.detail.data is not None
    assert (rated.detail.data["score"], rated.detail.data["low"]) == (5, False)


def test_an_answer_can_be_changed_for_seven_days(survey: SatisfactionSurvey, client: Client) -> None:
    url = f"/feedback/{token_of(survey)}/"
    client.post(url, {"score": "5"})
    client.post(url, {"score": "5"})  # a second click on the button
    client.post(url, {"score": "1", "comment": "It broke again."})
    assert Event.objects.filter(verb="tickets.rated").count() == 2
    survey.refresh_from_db()
    first_answer = survey.rated_at
    assert survey.score == 1
    assert survey.changed_at > first_answer
    SatisfactionSurvey.objects.update(rated_at=timezone.now() - timedelta(days=8))
    refused = client.post(url, {"score": "4"})
    assert refused.status_code == 422
    assert "can no longer be changed" in refused.content.decode()
    assert "You have answered this" in client.get(url).content.decode()
    survey.refresh_from_db()
    assert survey.score == 1


def test_strangers_learn_nothing_and_change_nothing(survey: SatisfactionSurvey, client: Client) -> None:
    def shown(token: str) -> bytes:
        page = client.get(f"/feedback/{token}/")
        assert page.status_code == 200
        return re.sub(rb'X-CSRFToken": "\w+"', b"", page.content)

    forged = token_of(survey)[:-3] + "xyz"
    assert shown(forged) == shown(token_of(survey)) == shown("made-up")
    for token in (forged, "made-up", survey.nonce):
        answer = client.post(f"/feedback/{token}/", {"score": "1"})
        assert "Thank you" in answer.content.decode()
    survey.refresh_from_db()
    assert survey.score is None
    assert not Event.objects.filter(verb="tickets.rated").exists()


def test_the_page_is_strict_and_keeps_wrong_answers(survey: SatisfactionSurvey, client: Client) -> None:
    url = f"/feedback/{token_of(survey)}/"
    page = client.get(url)
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    for score in ("", "0", "6", "five", "5 "):
        assert client.post(url, {"score": score}).status_code == 422
    long = client.post(url, {"score": "5", "comment": "x" * (LONGEST_COMMENT + 1)})
    assert long.status_code == 422
    survey.refresh_from_db()
    assert survey.score is None
    assert client.put(url).status_code == 405


def test_one_network_cannot_answer_without_end(survey: SatisfactionSurvey, client: Client) -> None:
    url = "/feedback/made-up/"
    codes = [client.post(url, {"score": "1"}).status_code for _number in range(62)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert client.post(f"/feedback/{token_of(survey)}/", {"score": "5"}).status_code == 429


def test_a_comment_is_text_for_everybody(
    survey: SatisfactionSurvey, client: Client, login: Any, agent: User
) -> None:
    client.post(f"/feedback/{token_of(survey)}/", {"score": "2", "comment": "<b>No\x00</b>"})
    panel = login(agent).get(f"/inbox/{survey.ticket_id}/panels/satisfaction/").content.decode()
    assert "&lt;b&gt;No" in panel
    assert "2/5" in panel
    assert "Bad" in panel


def test_the_conversation_says_what_the_customer_said(
    survey: SatisfactionSurvey, client: Client, login: Any, agent: User
) -> None:
    client.post(f"/feedback/{token_of(survey)}/", {"score": "5"})
    shown = login(agent).get(f"/inbox/{survey.ticket_id}/thread/").content.decode()
    assert "said how we did" in shown
    assert "Very good (5/5)" in shown


def test_results_over_rest(survey: SatisfactionSurvey, client: Client, api: Any) -> None:
    client.post(f"/feedback/{token_of(survey)}/", {"score": "4", "comment": "Fine"})
    rest = api("tickets:read")
    [one] = rest.get(f"/api/v1/tickets/{survey.ticket_id}/satisfaction/").json()
    assert (one["score"], one["comment"], one["state"], one["episode"]) == (4, "Fine", "sent", 1)
    assert rest.get(f"/api/v1/tickets/{survey.ticket_id}/").json()["satisfaction"] == 4
    assert [row["id"] for row in rest.get("/api/v1/satisfaction/?score=4").json()["results"]] == [survey.pk]
    assert rest.get("/api/v1/satisfaction/?score=5").json()["results"] == []
    assert rest.get("/api/v1/satisfaction/?score=9").status_code == 400
    assert rest.get("/api/v1/satisfaction/?nothing=1").status_code == 400
    assert api("usage:write").get("/api/v1/satisfaction/").status_code == 403
    assert survey.nonce not in rest.get("/api/v1/satisfaction/").content.decode()


def test_private_results_stay_private(
    survey: SatisfactionSurvey, client: Client, login: Any, agent: User, lawyer: User, private_team: Any
) -> None:
    client.post(f"/feedback/{token_of(survey)}/", {"score": "1", "comment": "Secret"})
    Ticket.objects.filter(pk=survey.ticket_id).update(team=private_team, assignee=None)
    assert login(agent).get("/api/v1/satisfaction/").json()["results"] == []
    assert login(agent).get(f"/api/v1/tickets/{survey.ticket_id}/satisfaction/").status_code == 404
    assert len(login(lawyer).get("/api/v1/satisfaction/").json()["results"]) == 1


def test_settings_are_saved_by_who_may(admin: User, agent: User, login: Any) -> None:
    page = login(admin)
    data = {
        "is_on": "on",
        "question": "Happy?",
        "delay_hours": "3",
        "pause_days": "30",
        "condition": '{"field": "priority", "is": "in", "value": ["high"]}',
    }
    assert page.post("/settings/satisfaction/", data).status_code == 302
    shown = page.get("/settings/satisfaction/").content.decode()
    assert "Happy?" in shown
    assert Event.objects.filter(verb="tickets.satisfaction_rules_saved").count() == 1
    assert page.post("/settings/satisfaction/", {**data, "delay_hours": "999"}).status_code == 422
    assert page.post("/settings/satisfaction/", {**data, "condition": '{"field": "nope"}'}).status_code == 422
    assert login(agent).get("/settings/satisfaction/").status_code == 403
