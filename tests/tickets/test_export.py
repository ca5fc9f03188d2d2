"""Exports: the chosen columns of what a viewer may see, and nothing that a spreadsheet would run."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from core.models import Event
from people.models import Team, User
from people.viewer import Viewer
from tickets.exports import harmless
from tickets.list_views import view_of
from tickets.models import CustomField, FieldValue, Ticket
from tickets.services.change_tags import change_tags
from tickets.services.choose_columns import choose_columns
from tickets.services.receive_message import Received

Write = Callable[..., Received]
Login = Callable[[User], Client]
NASTY = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1"]


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_no_text_starts_a_formula_and_nothing_is_lost(text: str) -> None:
    safe = harmless(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert safe in {text, f"'{text}"}


def csv_rows(response: Any) -> list[list[str]]:
    text = response.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.django_db
def test_csv_has_the_columns_of_the_table_and_is_harmless(
    login: Login, agent: User, write: Write, viewer: Viewer
) -> None:
    tickets = [write("x", subject="s", sender=f"p{index}@x.example").ticket for index in range(len(NASTY))]
    for ticket, subject in zip(tickets, NASTY, strict=True):
        Ticket.objects.filter(pk=ticket.pk).update(subject=subject, value_at_risk=-5)
    field = CustomField.objects.create(key="region", label="=Region", kind="text")
    FieldValue.objects.create(ticket=tickets[0], field=field, text="+North")
    change_tags(ticket=tickets[0], add=["vip", "eu"], by=viewer)
    choose_columns(
        view=view_of(viewer, "open"),
        columns=["number", "subject", "value_at_risk", "tags", "field:region"],
        by=viewer,
    )
    response = login(agent).post(reverse("inbox-export", args=["csv"]) + "?view=open")
    assert response["Content-Disposition"].startswith('attachment; filename="all-open-')
    head, *rows = csv_rows(response)
    assert head == ["Number", "Subject", "Value at risk", "Tags", "'=Region"]
    assert [row[1] for row in rows] == [f"'{subject}" for subject in NASTY]
    assert rows[0] == [str(tickets[0].number), f"'{NASTY[0]}", "-5.0", "eu, vip", "'+North"]
    event = Event.objects.filter(verb="tickets.exported").select_related("detail").get()
    assert (event.detail.data["count"], event.detail.data["format"]) == (len(NASTY), "csv")


@pytest.mark.django_db
def test_xlsx_holds_the_same_and_no_formula(login: Login, agent: User, write: Write) -> None:
    for index, subject in enumerate([*NASTY, "bell \x07 and text"]):
        ticket = write("x", subject="s", sender=f"p{index}@x.example").ticket
        Ticket.objects.filter(pk=ticket.pk).update(subject=subject)
    response = login(agent).post(reverse("inbox-export", args=["xlsx"]) + "?view=open&channel=email")
    sheet = load_workbook(io.BytesIO(response.content)).active
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]][:2] == ["Number", "Subject"]
    assert len(rows) == len(NASTY) + 2
    assert "f" not in {cell.data_type for row in rows for cell in row}
    assert rows[-1][1].value == "bell  and text"
    assert rows[1][0].value == Ticket.objects.earliest("pk").number


@pytest.mark.django_db
def test_an_export_holds_only_what_one_may_see_and_what_is_filtered(
    login: Login, agent: User, lawyer: User, write: Write, private_team: Team
) -> None:
    secret, plain = write("a", subject="Secret").ticket, write("b", sender="o@x.example").ticket
    Ticket.objects.filter(pk=secret.pk).update(team=private_team)
    address = reverse("inbox-export", args=["csv"])
    assert [row[0] for row in csv_rows(login(agent).post(f"{address}?view=open"))[1:]] == [str(plain.number)]
    assert len(csv_rows(login(lawyer).post(f"{address}?view=open"))) == 3
    assert len(csv_rows(login(lawyer).post(f"{address}?view=open&team={private_team.pk}"))) == 2
    assert login(agent).post(f"{address}?view=saved-77").status_code == 404
    assert login(agent).post(reverse("inbox-export", args=["pdf"])).status_code == 404
    assert login(agent).get(address).status_code == 405


@pytest.mark.django_db
def test_too_many_for_a_file_is_refused_and_nothing_is_recorded(
    login: Login, agent: User, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.services.export_tickets.MOST", {"csv": 1, "xlsx": 1})
    write("a")
    write("b", sender="o@x.example")
    response = login(agent).post(reverse("inbox-export", args=["xlsx"]) + "?view=open", follow=True)
    assert "too many for this file" in response.content.decode()
    assert not Event.objects.filter(verb="tickets.exported").exists()


@pytest.mark.django_db
def test_long_lists_go_out_in_chunks_without_loss(
    login: Login, agent: User, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.exports.CHUNK", 2)
    for index in range(5):
        write("x", sender=f"p{index}@x.example")
    response = login(agent).post(reverse("inbox-export", args=["csv"]) + "?view=open")
    numbers = [row[0] for row in csv_rows(response)[1:]]
    assert numbers == [str(one) for one in Ticket.objects.order_by("pk").values_list("number", flat=True)]
