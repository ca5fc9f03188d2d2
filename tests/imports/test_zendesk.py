"""A Zendesk dump from the upload to the undo: what comes in, what does not follow from it, what a second time changes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail

from core.models import Event, Notification, Outbound, SearchDocument
from customers.models import Account, Contact
from imports.models import ExternalRef, Import, ImportRow
from imports.services.undo_import import undo_import
from ml.models import SubjectVector
from people.models import User
from tests.imports.conftest import DUMPS, zipped
from tickets.models import (
    CustomField,
    Episode,
    Message,
    SatisfactionSurvey,
    SLAPolicy,
    SLATarget,
    Ticket,
    TicketNumber,
)
from tickets.services.add_note import add_note
from tickets.services.count_views import count_tickets, settle_counts

Upload = Callable[..., Import]
Finish = Callable[[Import], Import]


@pytest.fixture
def dump() -> dict[str, bytes]:
    """The sample, with one of the two files that its comments name."""
    return {"zendesk.zip": zipped(DUMPS / "zendesk", **{"attachments/498483/invoice.pdf": b"%PDF-fake"})}


@pytest.fixture
def promise(db: None) -> SLAPolicy:
    """A promise that every ticket has."""
    policy = SLAPolicy.objects.create(name="All")
    for priority in ("low", "normal", "high", "urgent"):
        SLATarget.objects.create(
            policy=policy, priority=priority, first_response_seconds=60, resolution_seconds=60
        )
    return policy


def test_everything_comes_in_with_its_dates_people_and_words(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User
) -> None:
    run = upload("zendesk", dump)
    assert (run.state, run.error) == ("read", "")
    assert run.mapping["status"] == {"solved": "resolved", "open": "open", "closed": "closed"}
    run = finish(run)
    assert run.state == "done", run.error
    assert run.counts["ticket"] == {"created": 3, "refused": 1}
    ticket = Ticket.objects.get(number=35436)
    assert (ticket.subject, ticket.priority, ticket.contact.email) == (
        "Invoice twice",
        "high",
        "olivia@northwind.example",
    )
    assert (ticket.account and ticket.account.name, ticket.assignee and ticket.assignee.email) == (
        "Northwind Traders",
        "priya.agent@desk.example",
    )
    # Solved over there long ago: no answer can reopen it, so it is closed as it would be here.
    assert (ticket.status_id, ticket.resolved_at) == ("closed", datetime(2023, 3, 3, 15, 30, tzinfo=UTC))
    assert ticket.created_at == datetime(2023, 3, 2, 9, tzinfo=UTC)
    assert sorted(ticket.tags.values_list("name", flat=True)) == ["invoice", "march"]
    values = {row.field.label: row.text or row.number for row in ticket.field_values.select_related("field")}
    assert values == {"Product area": "billing", "Seats affected": 12}
    assert CustomField.objects.get(label="Product area").options == ["billing", "reports"]
    said = list(ticket.messages.order_by("created_at", "pk"))
    assert [one.kind for one in said] == ["inbound", "note", "outbound"]
    assert said[0].body_html.startswith("<p>")
    assert said[2].author == agent
    assert [file.name for file in said[0].attachments.all()] == ["invoice.pdf"]
    missing = ImportRow.objects.get(run=run, external_id="1276")
    assert missing.outcome == "created"
    assert "missing.png" in missing.error
    assert (ticket.inbound_count, ticket.outbound_count, ticket.version) == (1, 1, 1)
    account = Account.objects.get(name="Northwind Traders")
    assert account.created_at == datetime(2022, 3, 1, 9, tzinfo=UTC)
    assert account.last_touch_at == said[2].created_at
    former = User.objects.get(email="former@desk.example")
    assert (former.is_active, former.has_usable_password()) == (False, False)
    unknown = Ticket.objects.get(number=35438)
    assert unknown.contact.name == "zendesk 999"
    assert TicketNumber.objects.get(pk=1).last >= 35438


def test_bad_rows_say_why(upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User) -> None:
    run = finish(upload("zendesk", dump))
    errors = {(row.kind, row.external_id): row.error for row in run.rows.filter(outcome="refused")}
    assert "not JSON" in errors.pop(("", ""))
    assert errors == {
        ("ticket", "35440"): "The ticket has no requester.",
        ("message", "1300"): "Its ticket “77777” is not here.",
    }
    assert not run.rows.exclude(outcome="refused").exclude(data={}).exists()


@pytest.mark.django_db
def test_nothing_follows_from_an_import(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User, promise: SLAPolicy, pump: Any
) -> None:
    finish(upload("zendesk", dump))
    before = Event.objects.count()
    pump()
    assert Event.objects.count() == before
    assert mail.outbox == []
    assert not Outbound.objects.exists()
    assert not SatisfactionSurvey.objects.exists()
    assert not Notification.objects.exclude(kind__startswith="core").exists()
    for ticket in Ticket.objects.all():
        assert (ticket.sla_policy, ticket.next_due_at, ticket.sla_step_at) == (None, None, None)
        assert ticket.category is None
    assert not Message.objects.exclude(sentiment_label="").exists()


def test_figures_search_and_counters_are_right(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User, admin: User
) -> None:
    finish(upload("zendesk", dump))
    episode = Episode.objects.get(ticket__number=35436)
    assert (episode.replies, episode.inbound_count, episode.resolved_by) == (1, 1, agent)
    assert episode.resolution_seconds == int(
        (datetime(2023, 3, 3, 15, 30) - datetime(2023, 3, 2, 9)).total_seconds()
    )
    assert Episode.objects.get(ticket__number=35437).resolved_at is None
    assert Account.objects.get(name="Lakeside Clinic").open_tickets == 1
    assert SearchDocument.objects.filter(kind="ticket").count() == 3
    assert SearchDocument.objects.filter(kind="message").count() == Message.objects.count()
    ids = list(Ticket.objects.values_list("pk", flat=True))
    assert (count_tickets(ticket_ids=ids), settle_counts()) == (0, 0)


def everything() -> list[Any]:
    """What a second import must not change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Ticket, Message, Contact, Account, User, ExternalRef, Episode, CustomField)
    ]


def test_a_second_time_changes_nothing(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User
) -> None:
    finish(upload("zendesk", dump))
    before = everything()
    again = finish(upload("zendesk", dump))
    assert everything() == before
    assert again.counts["ticket"] == {"skipped": 3, "refused": 1}
    assert again.counts["message"] == {"skipped": 3, "refused": 1}


def test_later_comments_and_changes_arrive_unless_somebody_works_on_it(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User
) -> None:
    finish(upload("zendesk", dump))
    worked = Ticket.objects.get(number=35437)
    add_note(ticket=worked, body="mine", by=agent.as_viewer())
    tickets = [
        {"id": 35437, "subject": "Renamed", "status": "hold", "requester_id": 20978393, "created_at": "2023-06-01T08:00:00Z"},
        {"id": 35438, "subject": "Old question, renamed", "status": "closed", "requester_id": 999, "created_at": "2021-06-01"},
    ]  # fmt: skip
    comment = {
        "id": 5001,
        "ticket_id": 35437,
        "author_id": 20978393,
        "body": "And now?",
        "created_at": "2023-07-01T08:00:00Z",
    }
    later = {
        "tickets.json": json.dumps({"tickets": tickets, "next_page": None}, indent=1).encode(),
        "comments.json": json.dumps({"comments": [comment]}).encode(),
    }
    run = finish(upload("zendesk", later))
    worked.refresh_from_db()
    assert (worked.subject, worked.status_id) == ("Cannot export the report", "open")
    assert worked.messages.filter(body_text="And now?").count() == 1
    renamed = Ticket.objects.get(number=35438)
    assert renamed.subject == "Old question, renamed"
    assert run.counts == {"ticket": {"updated": 2}, "message": {"created": 1}}


def test_undo_removes_what_nobody_has_touched_and_tells_what_stays(
    upload: Upload, finish: Finish, dump: dict[str, bytes], agent: User, admin: User, work: Any
) -> None:
    run = finish(upload("zendesk", dump))
    worked = Ticket.objects.get(number=35437)
    add_note(ticket=worked, body="mine", by=agent.as_viewer())
    for pk in Ticket.objects.values_list("pk", flat=True):
        SubjectVector.objects.create(subject_kind="ticket", subject_id=pk, encoder="e", vector=b"")
    undo_import(run=run, by=admin.as_viewer())
    work()
    run.refresh_from_db()
    assert run.state == "undone"
    assert list(SubjectVector.objects.values_list("subject_id", flat=True)) == [worked.pk]
    assert list(Ticket.objects.values_list("number", flat=True)) == [35437]
    assert {"kind": "ticket", "id": worked.pk, "why": "somebody has worked on it"} in run.left
    assert not Account.objects.filter(name="Northwind Traders").exists()
    assert Account.objects.filter(name="Lakeside Clinic").exists()
    assert User.objects.filter(email="former@desk.example").exists()  # the ticket that stays is theirs
    assert User.objects.filter(pk=agent.pk).exists()
    assert SearchDocument.objects.filter(kind="ticket").count() == 1
    assert settle_counts() == 0


def test_a_killed_run_goes_on_without_doubles(
    upload: Upload,
    admin: User,
    agent: User,
    dump: dict[str, bytes],
    work: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from imports.services import run_import

    run = upload("zendesk", dump)
    run_import.start_import(run=run, by=admin.as_viewer())
    run.refresh_from_db()
    monkeypatch.setattr(run_import, "AT_ONCE", dict.fromkeys(run_import.AT_ONCE, 1))
    written = run_import.index_many

    def killed(ids: list[int]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_import, "index_many", killed)
    with pytest.raises(KeyboardInterrupt):
        run_import.run_slice(run)
    assert Ticket.objects.count() == 1
    monkeypatch.setattr(run_import, "index_many", written)
    work()
    run.refresh_from_db()
    assert (run.state, run.counts["ticket"]) == ("done", {"created": 3, "refused": 1})
    assert Ticket.objects.count() == 3
