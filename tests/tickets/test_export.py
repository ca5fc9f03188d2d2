"""Exports: the chosen columns of what a viewer may see, at once or by a job, and nothing that a spreadsheet would run."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from rest_framework.test import APIClient

from core.job_runner import run_jobs
from core.models import Event, Job
from customers.models import Contact
from customers.personal_data import ContactData
from customers.services.erase_contact import erase_contact
from people.models import ApiKey, Team, User
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.exports import delete_folder, harmless
from tickets.list_views import view_of
from tickets.models import CustomField, FieldValue, Ticket, TicketExport
from tickets.services.change_tags import change_tags
from tickets.services.choose_columns import choose_columns
from tickets.services.export_tickets import clear_expired_exports, write_slice
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
def test_what_was_looked_for_is_not_written_down(
    login: Login, agent: User, contact: Contact, ticket: Ticket
) -> None:
    where = '{"field": "subject", "is": "contains", "value": "Mette"}'
    wanted = {"view": "open", "contact": str(contact.pk), "where": where}
    address = reverse("inbox-export", args=["csv"]) + "?" + urlencode(wanted)
    assert login(agent).post(address).status_code == 200
    detail = Event.objects.select_related("detail").get(verb="tickets.exported").detail.data
    assert detail["filters"] == ["contact", "where"]
    assert "Mette" not in str(detail)


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


# --- by a job ---------------------------------------------------------------------------------------------------------

EXPORTS = "/api/v1/exports/"


@pytest.fixture
def by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every export is a long one, written in parts of two tickets."""
    monkeypatch.setattr("tickets.services.export_tickets.AT_ONCE", 0)
    monkeypatch.setattr("tickets.services.export_tickets._SLICE_CHUNKS", 1)
    monkeypatch.setattr("tickets.exports.CHUNK", 2)


def several(write: Write, number: int = 5) -> list[Ticket]:
    return [write("x", subject=f"No. {at}", sender=f"p{at}@x.example").ticket for at in range(number)]


def content_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def rows_of(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content_of(response).decode("utf-8-sig"), newline="")))


def stored_names() -> list[str]:
    """The names of all files below the exports, with their folders."""
    try:
        folders, _names = default_storage.listdir("exports/tickets")
    except FileNotFoundError:
        return []
    return [
        f"{one}/{name}" for one in folders for name in default_storage.listdir(f"exports/tickets/{one}")[1]
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_long_list_is_written_by_a_job_and_fetched_from_the_page(
    login: Login, agent: User, write: Write, by_job: None, form: str
) -> None:
    tickets = several(write)
    Ticket.objects.filter(pk=tickets[0].pk).update(subject="=1+1")
    browser, page = login(agent), reverse("ticket-exports")
    answer = browser.post(reverse("inbox-export", args=[form]) + "?view=open")
    assert (answer.status_code, answer["Location"]) == (302, page)
    shown = browser.get(page).content.decode()
    assert "0 of 5 tickets" in shown
    assert "every 2s" in shown
    run_jobs("batch")
    shown = browser.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in shown
    assert "<html" not in shown
    export = TicketExport.objects.get()
    assert (export.state, export.count) == ("ready", 5)
    address = reverse("ticket-export-file", args=[export.reference])
    assert address in shown
    response = browser.get(address)
    assert response["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
    if form == "csv":
        assert [row[1] for row in rows_of(response)[1:]] == ["'=1+1", *(one.subject for one in tickets[1:])]
    else:
        cells = list(load_workbook(io.BytesIO(content_of(response))).active.iter_rows(values_only=True))
        assert [row[1] for row in cells[1:]] == ["'=1+1", *(one.subject for one in tickets[1:])]
        created = cells[1][list(cells[0]).index("Age")]
        assert created == timezone.make_naive(tickets[0].created_at).replace(microsecond=0)
    # only the file is left, and both that tickets left and that they were fetched is written down
    assert stored_names() == [f"{export.reference}/export.{form}"]
    events = {event.verb: event for event in Event.objects.select_related("detail")}
    assert events["tickets.exported"].detail.data["count"] == 5
    assert events["tickets.exported"].actor_id == agent.pk
    assert "tickets.export_fetched" in events


@pytest.mark.django_db
def test_rest_answers_where_the_file_will_be(
    api: Callable[..., APIClient], write: Write, viewer: Viewer, by_job: None
) -> None:
    tickets = several(write)
    change_tags(ticket=tickets[0], add=["vip"], by=viewer)
    rest = api("tickets:read")
    body = {
        "filters": {"where": '{"field": "subject", "is": "contains", "value": "No."}', "channel": "email"},
        "columns": ["tags", "number"],
    }
    answers = [rest.post(EXPORTS, body, format="json", HTTP_IDEMPOTENCY_KEY="e-1") for _time in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    made = answers[0].data
    assert (made["state"], made["total"], made["file"], made["count"]) == ("queued", 5, None, None)
    assert answers[0]["Location"] == made["url"]
    waiting = rest.get(f"{made['url']}file/")
    assert (waiting.status_code, waiting["Content-Type"]) == (409, "application/problem+json")
    run_jobs("batch")
    ready = rest.get(made["url"]).data
    assert (ready["state"], ready["count"], ready["done"]) == ("ready", 5, 5)
    fetched = rest.get(ready["file"], HTTP_ACCEPT="text/csv")
    assert fetched["Content-Type"] == "text/csv; charset=utf-8"
    assert rows_of(fetched) == [["Tags", "Number"], ["vip", str(tickets[0].number)]] + [
        ["", str(one.number)] for one in tickets[1:]
    ]
    assert [one["reference"] for one in rest.get(EXPORTS).data["results"]] == [made["reference"]]
    assert rest.delete(made["url"]).status_code == 204
    assert rest.get(made["url"]).data["state"] == "expired"
    assert rest.get(ready["file"]).status_code == 409


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"view": "saved-77"}, "view"),
        ({"filters": {"colour": "red"}}, "filters"),
        ({"filters": {"where": "{"}}, "filters"),
        ({"format": "pdf"}, "format"),
        ({"columns": ["secret"]}, "columns"),
        ({"limit": 5}, "limit"),
    ],
)
def test_what_is_wrong_with_an_export_is_named(
    api: Callable[..., APIClient], body: dict[str, Any], named: str
) -> None:
    answer = api("tickets:read").post(EXPORTS, body, format="json")
    assert (answer.status_code, list(answer.data["errors"])) == (400, [named])
    assert not TicketExport.objects.exists()


@pytest.mark.django_db
def test_an_export_is_its_askers_alone(
    api: Callable[..., APIClient], login: Login, agent: User, lawyer: User, write: Write, by_job: None
) -> None:
    several(write, 2)
    login(agent).post(reverse("inbox-export", args=["csv"]) + "?view=open")
    run_jobs("batch")
    export = TicketExport.objects.get()
    for address in (reverse("ticket-export-file", args=[export.reference]), f"{EXPORTS}{export.reference}/"):
        own = login(agent).get(address)
        assert own.status_code == 200
        assert not own.streaming or content_of(own)
        assert login(lawyer).get(address).status_code == 404
    assert api("tickets:read").get(f"{EXPORTS}{export.reference}/file/").status_code == 404
    assert api("people:read").get(EXPORTS).status_code == 403
    discard = reverse("ticket-export-discard", args=[export.reference])
    assert login(lawyer).post(discard).status_code == 404
    assert export.file_name not in login(lawyer).get(reverse("ticket-exports")).content.decode()
    assert "The file was deleted" in login(agent).post(discard, follow=True).content.decode()


@pytest.mark.django_db
def test_the_job_sees_what_the_asker_may_see_now(
    login: Login, lawyer: User, write: Write, private_team: Team, by_job: None
) -> None:
    secret, plain = several(write, 2)
    Ticket.objects.filter(pk=secret.pk).update(team=private_team)
    browser = login(lawyer)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    first, second = TicketExport.objects.order_by("pk")
    assert (first.total, second.total) == (2, 2)
    Job.objects.filter(pk=second.job_id).update(not_before=timezone.now() + timedelta(hours=1))
    run_jobs("batch")
    address = reverse("ticket-export-file", args=[first.reference])
    assert len(rows_of(browser.get(address))) == 3
    # the file of before is closed to who has left the team; one that is made now lacks the ticket
    private_team.memberships.all().delete()
    assert browser.get(address).status_code == 403
    Job.objects.filter(pk=second.job_id).update(not_before=None)
    run_jobs("batch")
    second.refresh_from_db()
    assert second.count == 1
    with default_storage.open(second.storage_key) as file:
        numbers = [row[0] for row in csv.reader(io.StringIO(file.read().decode("utf-8-sig"), newline=""))]
    assert numbers[1:] == [str(plain.number)]


@pytest.mark.django_db
def test_rights_that_came_while_it_was_written_close_the_file_when_they_go(
    login: Login, agent: User, write: Write, private_team: Team, by_job: None
) -> None:
    secret, _plain = several(write, 2)
    Ticket.objects.filter(pk=secret.pk).update(team=private_team)
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    membership = private_team.memberships.create(user=agent)
    run_jobs("batch")
    export = TicketExport.objects.get()
    address = reverse("ticket-export-file", args=[export.reference])
    assert len(rows_of(browser.get(address))) == 3
    membership.delete()
    assert browser.get(address).status_code == 403


@pytest.mark.django_db
def test_a_key_that_was_revoked_gets_nothing(
    api: Callable[..., APIClient], write: Write, by_job: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(write, 2)
    rest = api("tickets:read")
    assert rest.post(EXPORTS, {}, format="json").status_code == 202
    ApiKey.objects.update(revoked_at=timezone.now())
    monkeypatch.setattr("core.job_runner.MAX_ATTEMPTS", 1)
    run_jobs("batch")
    export = TicketExport.objects.get()
    assert (export.state, stored_names()) == ("failed", [])
    assert not Event.objects.filter(verb="tickets.exported").exists()


@pytest.mark.django_db
def test_no_file_is_made_of_other_columns_than_asked_for(
    login: Login,
    agent: User,
    write: Write,
    viewer: Viewer,
    by_job: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    several(write, 2)
    monkeypatch.setattr("core.job_runner.MAX_ATTEMPTS", 1)
    CustomField.objects.create(key="region", label="Region", kind="text")
    browser = login(agent)
    for columns in (["number", "field:region"], ["number", "arr"]):
        choose_columns(view=view_of(viewer, "open"), columns=columns, by=viewer)
        browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    assert [one.columns[1] for one in TicketExport.objects.order_by("pk")] == ["field:region", "arr"]
    CustomField.objects.update(is_active=False)
    monkeypatch.setitem(
        PERMISSIONS, agent.role, frozenset(one for one in PERMISSIONS[agent.role] if one != "customers.view")
    )
    run_jobs("batch")
    assert [one.state for one in TicketExport.objects.all()] == ["failed", "failed"]
    assert "could not be written" in browser.get(reverse("ticket-exports")).content.decode()


@pytest.mark.django_db
def test_a_killed_worker_loses_one_part_and_no_ticket(
    login: Login, agent: User, write: Write, by_job: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = several(write)
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    job = Job.objects.get(kind="tickets.export")
    export = TicketExport.objects.get()
    write_slice(export=export, after=0, parts=[])  # written, and killed before its cursor was stored
    run_jobs("batch")
    job.refresh_from_db()
    export.refresh_from_db()
    assert (job.state, export.count) == ("done", 5)
    rows = rows_of(browser.get(reverse("ticket-export-file", args=[export.reference])))
    assert [row[0] for row in rows[1:]] == [str(one.number) for one in tickets]


@pytest.mark.django_db
def test_one_that_is_stopped_makes_no_file(login: Login, agent: User, write: Write, by_job: None) -> None:
    several(write, 2)
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    export = TicketExport.objects.get()
    browser.post(reverse("ticket-export-discard", args=[export.reference]))
    run_jobs("batch")
    assert "It was stopped" in browser.get(reverse("ticket-exports")).content.decode()
    assert (TicketExport.objects.get().state, stored_names()) == ("cancelled", [])


@pytest.mark.django_db
def test_files_expire(login: Login, agent: User, write: Write, by_job: None) -> None:
    several(write, 2)
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    run_jobs("batch")
    export = TicketExport.objects.get()
    assert clear_expired_exports() == 0
    TicketExport.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    address = reverse("ticket-export-file", args=[export.reference])
    assert browser.get(address).status_code == 404
    assert clear_expired_exports() == 1
    assert (TicketExport.objects.get().state, stored_names()) == ("expired", [])
    TicketExport.objects.update(cleared_at=timezone.now() - timedelta(days=31))
    clear_expired_exports()
    assert not TicketExport.objects.exists()


@pytest.mark.django_db
def test_a_zone_without_summer_time_is_that_of_the_file(
    login: Login, agent: User, write: Write, by_job: None
) -> None:
    several(write, 1)
    User.objects.filter(pk=agent.pk).update(timezone="Etc/GMT-3")
    login(agent).post(reverse("inbox-export", args=["csv"]) + "?view=open")
    run_jobs("batch")
    export = TicketExport.objects.get()
    assert (export.timezone, export.state) == ("Etc/GMT-3", "ready")


@pytest.mark.django_db
def test_a_folder_that_cannot_be_deleted_keeps_no_other(
    login: Login,
    agent: User,
    write: Write,
    by_job: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    several(write, 2)
    browser = login(agent)
    for _time in range(2):
        browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    run_jobs("batch")
    first, second = TicketExport.objects.order_by("pk")

    def refuse(folder: str) -> None:
        if folder == first.folder:
            raise PermissionError(13, "Permission denied")
        delete_folder(folder)

    with monkeypatch.context() as patch:
        patch.setattr("tickets.services.export_tickets.delete_folder", refuse)
        with django_capture_on_commit_callbacks(execute=True):
            page = browser.post(reverse("ticket-export-discard", args=[first.reference]))
        assert page.status_code < 400
        TicketExport.objects.update(expires_at=timezone.now() - timedelta(hours=1))
        assert clear_expired_exports() == 1
        assert [name for name in stored_names() if second.folder in name] == []
    assert clear_expired_exports() == 1
    assert stored_names() == []


@pytest.mark.django_db
def test_files_go_when_a_person_is_erased(
    login: Login,
    agent: User,
    admin: User,
    contact: Contact,
    ticket: Ticket,
    by_job: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    login(agent).post(reverse("inbox-export", args=["csv"]) + f"?view=open&contact={contact.pk}")
    run_jobs("batch")
    assert stored_names() != []
    assert TicketExport.objects.get().filters == {"contact": str(contact.pk)}
    erase_contact(contact=contact, confirmation=str(contact), reason="", by=admin.as_viewer())
    with django_capture_on_commit_callbacks(execute=True):
        run_jobs("batch")
    assert (TicketExport.objects.get().state, stored_names()) == ("expired", [])
    assert TicketExport.objects.get().filters == {}


@pytest.mark.django_db
def test_an_export_made_while_a_person_is_erased_goes_too(
    login: Login,
    agent: User,
    admin: User,
    contact: Contact,
    ticket: Ticket,
    by_job: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    whole = ContactData.erase

    def erase(part: ContactData, contact_ids: Any) -> Any:
        # every part before the contact's is done: its name is still there
        login(agent).post(reverse("inbox-export", args=["csv"]) + f"?view=open&contact={contact.pk}")
        write_slice(export=TicketExport.objects.get(), after=0, parts=[])
        return whole(part, contact_ids)

    monkeypatch.setattr(ContactData, "erase", erase)
    erase_contact(contact=contact, confirmation=str(contact), reason="", by=admin.as_viewer())
    with django_capture_on_commit_callbacks(execute=True):
        run_jobs("batch")
    export = TicketExport.objects.get()
    assert (export.state, export.storage_key, export.filters) == ("cancelled", "", {})
    assert stored_names() == []


@pytest.mark.django_db
def test_only_so_many_are_made_at_a_time(api: Callable[..., APIClient], write: Write) -> None:
    write("a")
    rest = api("tickets:read")
    answers = [rest.post(EXPORTS, {}, format="json").status_code for _time in range(6)]
    assert answers == [202] * 5 + [400]


@pytest.mark.django_db
def test_only_so_many_are_kept_for_one_asker(
    api: Callable[..., APIClient], login: Login, agent: User, write: Write, by_job: None
) -> None:
    write("a")
    rest = api("tickets:read")
    for _time in range(10):
        assert rest.post(EXPORTS, {}, format="json").status_code == 202
        run_jobs("batch")
    refused = rest.post(EXPORTS, {}, format="json")
    assert (refused.status_code, "delete one" in refused.content.decode()) == (400, True)
    # those of others do not count
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    assert TicketExport.objects.exclude(actor_kind="api_key").count() == 1
    assert rest.delete(rest.get(EXPORTS).data["results"][0]["url"]).status_code == 204
    assert rest.post(EXPORTS, {}, format="json").status_code == 202


@pytest.mark.django_db
def test_one_that_failed_can_be_deleted(login: Login, agent: User, write: Write, by_job: None) -> None:
    write("a")
    browser = login(agent)
    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    Job.objects.update(state="failed")
    export = TicketExport.objects.get()
    discard = reverse("ticket-export-discard", args=[export.reference])
    assert discard in browser.get(reverse("ticket-exports")).content.decode()
    browser.post(discard)
    assert not TicketExport.objects.filter(expires_at__gt=timezone.now()).exists()


@pytest.mark.django_db
def test_the_list_of_exports_costs_the_same_however_many(
    login: Login, agent: User, write: Write, by_job: None
) -> None:
    write("a")
    browser = login(agent)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(reverse("ticket-exports")).status_code == 200
        return len(captured)

    browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    before = queries()
    for _time in range(4):
        browser.post(reverse("inbox-export", args=["csv"]) + "?view=open")
    assert queries() == before
