"""Acts on many tickets: each ticket for itself, a report of what failed, progress, cancelling, and the way back."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Job
from people.models import Team, User
from people.viewer import Viewer, system_viewer
from tests.tickets.test_at_once import at_once
from tickets.models import BulkAct, BulkItem, Category, Macro, Ticket, TicketType
from tickets.services import change_many
from tickets.services.assign_ticket import assign_ticket
from tickets.services.assign_waiting_tickets import assign_waiting_tickets
from tickets.services.change_many import (
    AT_ONCE,
    cancel_bulk_act,
    do_items,
    start_bulk_act,
    undo_bulk_act,
)
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.change_tags import change_tags
from tickets.services.correct_routing import correct_routing
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.receive_message import Received
from tickets.tasks import resume_bulk_acts_task
from tickets.ticket_rows import lock_ticket

pytestmark = pytest.mark.django_db
Write = Callable[..., Received]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def make(write: Write, number: int) -> list[Ticket]:
    return [
        write(f"text {index}", subject=f"No {index}", sender=f"p{index}@x.example").ticket
        for index in range(number)
    ]


def ids(tickets: list[Ticket]) -> list[int]:
    return [ticket.pk for ticket in tickets]


def facts(ticket: Ticket) -> dict[str, Any]:
    ticket = Ticket.objects.get(pk=ticket.pk)
    return {
        "status": ticket.status_id,
        "priority": ticket.priority,
        "assignee": ticket.assignee_id,
        "team": ticket.team_id,
        "category": ticket.category_id,
        "type": ticket.type_id,
        "tags": sorted(ticket.ticket_tags.values_list("tag__name", flat=True)),
        "snoozed": ticket.snoozed_until,
        "merged": ticket.merged_into_id,
    }


def test_every_act_is_done_and_taken_back(
    write: Write, viewer: Viewer, agent: User, category: Category, lead_user: User
) -> None:
    boss = lead_user.as_viewer()
    other = Category.objects.create(name="Other", description="", team=Team.objects.create(name="Tech"))
    kind = TicketType.objects.create(name="Fault")
    tickets = make(write, 3)
    target = write("target", sender="t@x.example").ticket
    for ticket in tickets:
        change_status(ticket=ticket, status="open", by=boss)
        correct_routing(ticket=ticket, category=category, by=boss)
        change_tags(ticket=ticket, add=["old"], by=boss)
    before = [facts(ticket) for ticket in tickets]
    until = (timezone.now() + timedelta(hours=5)).isoformat()
    acts: list[tuple[str, dict[str, Any], str]] = [
        ("status", {"status": "waiting"}, "status"),
        ("priority", {"priority": "high"}, "priority"),
        ("assignee", {"assignee": lead_user.pk}, "assignee"),
        ("routing", {"category": other.pk}, "category"),
        ("type", {"type": kind.pk}, "type"),
        ("tags", {"add": ["vip", "new"], "remove": ["old"]}, "tags"),
        ("snooze", {"until": until}, "snoozed"),
        ("merge", {"into": target.pk, "confirm_different_requesters": True}, "merged"),
    ]
    for act, value, column in acts:
        bulk = start_bulk_act(act=act, value=value, ticket_ids=ids(tickets), by=boss)
        assert bulk.state == BulkAct.State.DONE
        assert set(bulk.items.values_list("state", flat=True)) == {"done"}, list(bulk.items.values("reason"))
        for ticket, was in zip(tickets, before, strict=True):
            assert facts(ticket)[column] != was[column], act
        undone = undo_bulk_act(bulk=bulk, by=boss)
        assert set(undone.items.values_list("state", flat=True)) == {"undone"}, list(
            undone.items.values("reason")
        )
        assert [facts(ticket) for ticket in tickets] == before, act
    assert Event.objects.filter(verb="tickets.bulk_started").count() == len(acts)
    assert Event.objects.filter(verb="tickets.bulk_undone").count() == len(acts)


def test_one_refusal_does_not_stop_the_others_and_says_why(write: Write, viewer: Viewer) -> None:
    tickets = make(write, 3)
    change_status(ticket=tickets[1], status="resolved", by=viewer)
    until = (timezone.now() + timedelta(hours=5)).isoformat()
    bulk = start_bulk_act(act="snooze", value={"until": until}, ticket_ids=ids(tickets), by=viewer)
    states = dict(bulk.items.values_list("ticket_id", "state"))
    assert [states[ticket.pk] for ticket in tickets] == ["done", "refused", "done"]
    assert "over" in bulk.items.get(ticket=tickets[1]).reason
    assert Ticket.objects.filter(snoozed_until__isnull=False).count() == 2
    again = start_bulk_act(act="status", value={"status": "resolved"}, ticket_ids=ids(tickets), by=viewer)
    assert again.items.get(ticket=tickets[1]).state == BulkItem.State.SAME


def test_undo_leaves_alone_what_was_changed_since_and_is_for_ten_minutes(
    write: Write, viewer: Viewer, lead_user: User
) -> None:
    tickets = make(write, 3)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    change_priority(ticket=tickets[0], priority="urgent", by=viewer)
    with pytest.raises(PermissionDenied):
        undo_bulk_act(bulk=bulk, by=lead_user.as_viewer())
    undone = undo_bulk_act(bulk=bulk, by=viewer)
    assert [facts(ticket)["priority"] for ticket in tickets] == ["urgent", "normal", "normal"]
    assert undone.items.get(ticket=tickets[0]).state == BulkItem.State.KEPT
    with pytest.raises(ValidationError):
        undo_bulk_act(bulk=undone, by=viewer)
    late = start_bulk_act(act="priority", value={"priority": "low"}, ticket_ids=ids(tickets), by=viewer)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)), pytest.raises(ValidationError):
        undo_bulk_act(bulk=late, by=viewer)


def test_many_go_to_a_job_that_can_be_watched_repeated_and_cancelled(
    write: Write, viewer: Viewer, login: Login, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.services.change_many.AT_ONCE", 2)
    tickets = make(write, 6)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    assert (bulk.state, Ticket.objects.filter(priority="high").count()) == (BulkAct.State.RUNNING, 0)
    browser = login(agent)
    report = browser.get(reverse("inbox-bulk-report", args=[bulk.reference])).content.decode()
    assert 'hx-trigger="load delay:1s"' in report
    assert "0 of 6" in report
    # a worker dies after its second ticket; the next one goes on with the third
    do_items(bulk=bulk, by=viewer, limit=2)
    versions = dict(Ticket.objects.filter(priority="high").values_list("pk", "version"))
    run_jobs("batch")
    bulk.refresh_from_db()
    assert bulk.state == BulkAct.State.DONE
    assert Ticket.objects.filter(priority="high").count() == 6
    assert dict(Ticket.objects.filter(pk__in=versions).values_list("pk", "version")) == versions
    assert Job.objects.get(kind="tickets.bulk_change").progress == 1.0
    report = browser.get(reverse("inbox-bulk-report", args=[bulk.reference])).content.decode()
    assert "6 of 6 done" in report
    undo_bulk_act(bulk=bulk, by=viewer)
    assert Ticket.objects.filter(priority="high").count() == 6
    run_jobs("batch")
    assert Ticket.objects.filter(priority="high").count() == 0
    stopped = start_bulk_act(act="priority", value={"priority": "low"}, ticket_ids=ids(tickets), by=viewer)
    html = browser.post(reverse("inbox-bulk-cancel", args=[stopped.reference])).content.decode()
    assert "left alone" in html
    run_jobs("batch")
    assert Ticket.objects.filter(priority="low").count() == 0
    assert cancel_bulk_act(bulk=stopped, by=viewer).state == BulkAct.State.CANCELLED


def test_rights_are_those_of_the_moment_in_which_a_ticket_is_changed(
    write: Write, viewer: Viewer, agent: User, private_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.services.change_many.AT_ONCE", 1)
    tickets = make(write, 3)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    Ticket.objects.filter(pk=tickets[0].pk).update(team=private_team)
    run_jobs("batch")
    assert bulk.items.get(ticket=tickets[0]).state == BulkItem.State.REFUSED
    assert facts(tickets[0])["priority"] == "normal"
    bulk = start_bulk_act(act="priority", value={"priority": "low"}, ticket_ids=ids(tickets), by=viewer)
    User.objects.filter(pk=agent.pk).update(is_active=False)
    run_jobs("batch")
    assert set(bulk.items.values_list("state", flat=True)) == {"refused"}


@pytest.mark.parametrize(
    ("act", "value"),
    [
        ("dance", {}),
        ("status", {"status": "nope"}),
        ("priority", {"priority": "huge"}),
        ("assignee", {"assignee": "x"}),
        ("routing", {}),
        ("type", {"type": "9" * 30}),
        ("tags", {}),
        ("tags", {"remove": ["unknown"]}),
        ("snooze", {"until": "soon"}),
        ("merge", {"into": "0"}),
        ("macro", {"macro": "1"}),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is(
    write: Write, viewer: Viewer, act: str, value: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        start_bulk_act(act=act, value=value, ticket_ids=ids(make(write, 1)), by=viewer)
    assert not BulkAct.objects.exists()


def test_it_needs_permission_and_sees_nothing_private(
    write: Write, csm: User, viewer: Viewer, private_team: Team
) -> None:
    tickets = make(write, 2)
    with pytest.raises(PermissionDenied):
        start_bulk_act(
            act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=csm.as_viewer()
        )
    Ticket.objects.filter(pk=tickets[0].pk).update(team=private_team)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    assert bulk.total == 1
    with pytest.raises(ValidationError):
        start_bulk_act(act="priority", value={"priority": "low"}, ticket_ids=[tickets[0].pk], by=viewer)


def test_a_macro_is_applied_to_a_selection(write: Write, viewer: Viewer, agent: User) -> None:
    macro = Macro.objects.create(
        name="Escalate",
        kind="macro",
        scope="everyone",
        actions=[{"action": "priority", "priority": "urgent"}],
    )
    tickets = make(write, 2)
    bulk = start_bulk_act(act="macro", value={"macro": macro.pk}, ticket_ids=ids(tickets), by=viewer)
    assert set(bulk.items.values_list("state", flat=True)) == {"done"}, list(bulk.items.values("reason"))
    assert Ticket.objects.filter(priority="urgent").count() == 2
    with pytest.raises(ValidationError):
        undo_bulk_act(bulk=bulk, by=viewer)


# --- what goes wrong on the way -------------------------------------------------------------------------------------------


@contextmanager
def worker_dies_at(monkeypatch: pytest.MonkeyPatch, number: int, work: str = "_do_item") -> Iterator[None]:
    """Let the process be killed when it begins with its ticket ``number``."""
    real, begun = getattr(change_many, work), []

    def fake(*args: Any) -> None:
        begun.append(args)
        if len(begun) == number:
            raise SystemExit
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(change_many, work, fake)
        with pytest.raises(SystemExit):
            yield


def test_an_act_on_few_tickets_is_finished_after_a_crash(
    write: Write, viewer: Viewer, login: Login, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 4)
    with worker_dies_at(monkeypatch, 3):
        login(agent).post(
            reverse("inbox-bulk") + "?view=open", {"ticket": ids(tickets), "priority": "high"}, headers=HTMX
        )
    bulk = BulkAct.objects.get()
    assert (bulk.state, Ticket.objects.filter(priority="high").count()) == (BulkAct.State.RUNNING, 2)
    versions = dict(Ticket.objects.filter(priority="high").values_list("pk", "version"))
    resume_bulk_acts_task()
    assert not Job.objects.exists(), "the request may still be working on it"
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        resume_bulk_acts_task()
        resume_bulk_acts_task()
        assert Job.objects.filter(kind="tickets.bulk_change").count() == 1
        run_jobs("batch")
        resume_bulk_acts_task()
    bulk.refresh_from_db()
    assert bulk.state == BulkAct.State.DONE
    assert Ticket.objects.filter(priority="high").count() == 4
    assert dict(Ticket.objects.filter(pk__in=versions).values_list("pk", "version")) == versions
    assert Event.objects.filter(verb="tickets.priority_changed").count() == 4
    assert Job.objects.count() == 1


def test_what_was_interrupted_long_ago_is_ended_and_not_done(
    write: Write, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 3)
    with worker_dies_at(monkeypatch, 2):
        start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        resume_bulk_acts_task()
        resume_bulk_acts_task()
    bulk = BulkAct.objects.get()
    assert (bulk.state, Job.objects.count()) == (BulkAct.State.DONE, 0)
    assert sorted(bulk.items.values_list("state", "reason")) == [
        ("done", ""),
        ("failed", "It was interrupted."),
        ("failed", "It was interrupted."),
    ]
    assert Ticket.objects.filter(priority="high").count() == 1


def test_an_undo_that_was_interrupted_long_ago_is_ended_and_not_done(
    write: Write, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 3)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    with worker_dies_at(monkeypatch, 2, "_undo_item"):
        undo_bulk_act(bulk=bulk, by=viewer)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        resume_bulk_acts_task()
    bulk.refresh_from_db()
    assert (bulk.undo_state, Job.objects.count()) == (BulkAct.State.DONE, 0)
    assert sorted(bulk.items.values_list("state", flat=True)) == ["undo_failed", "undo_failed", "undone"]
    assert Ticket.objects.filter(priority="high").count() == 2


def test_an_undo_is_finished_after_a_crash(
    write: Write, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 3)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    with worker_dies_at(monkeypatch, 2, "_undo_item"):
        undo_bulk_act(bulk=bulk, by=viewer)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        resume_bulk_acts_task()
        run_jobs("batch")
    bulk.refresh_from_db()
    assert bulk.undo_state == BulkAct.State.DONE
    assert Ticket.objects.filter(priority="high").count() == 0


def test_an_act_whose_job_was_given_up_ends_and_says_so(
    write: Write, viewer: Viewer, login: Login, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.services.change_many.AT_ONCE", 1)
    tickets = make(write, 3)
    bulk = start_bulk_act(act="priority", value={"priority": "high"}, ticket_ids=ids(tickets), by=viewer)
    do_items(bulk=bulk, by=viewer, limit=1)
    Job.objects.update(state=Job.State.FAILED)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        resume_bulk_acts_task()
    bulk.refresh_from_db()
    assert bulk.state == BulkAct.State.DONE
    assert sorted(bulk.items.values_list("state", flat=True)) == ["done", "failed", "failed"]
    report = login(agent).get(reverse("inbox-bulk-report", args=[bulk.reference])).content.decode()
    assert "The job behind it was stopped." in report


def test_what_the_database_breaks_off_is_tried_again_and_then_failed(
    write: Write, viewer: Viewer, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 2)
    monkeypatch.setattr(change_many, "PAUSES", (0, 0))
    real, broken = change_many._do_item, {ids(tickets)[0]: 2, ids(tickets)[1]: 3}

    def fake(bulk: BulkAct, item_id: int, by: Viewer) -> None:
        ticket = BulkItem.objects.get(pk=item_id).ticket_id
        broken[ticket] -= 1
        if broken[ticket] >= 0:
            raise OperationalError("deadlock detected")
        real(bulk, item_id, by)

    monkeypatch.setattr(change_many, "_do_item", fake)
    wanted = {"act": "priority", "value": {"priority": "high"}, "tickets": ids(tickets)}
    done = api("tickets:write").post("/api/v1/tickets/bulk/", wanted, format="json").json()
    assert (done["state"], done["changed"], done["refused"], done["failed"]) == ("done", 1, 0, 1)
    assert [one["ticket"] for one in done["failures"]] == [tickets[1].pk]
    assert facts(tickets[1])["priority"] == "normal"
    bulk = BulkAct.objects.get()
    monkeypatch.setattr(change_many, "_undo_item", fake)
    broken[tickets[0].pk] = 3
    undone = undo_bulk_act(bulk=bulk, by=change_many.actor_of(bulk))
    assert undone.undo_state == BulkAct.State.DONE
    assert undone.items.get(ticket=tickets[0]).state == BulkItem.State.UNDO_FAILED


def test_undo_leaves_what_rules_have_done_meanwhile(
    write: Write, viewer: Viewer, team: Team, lead_user: User, agent: User, pump: Callable[[], int]
) -> None:
    boss, system = lead_user.as_viewer(), system_viewer("task")
    [ticket] = make(write, 1)
    change_tags(ticket=ticket, add=["old"], by=boss)

    def act(name: str, **value: Any) -> BulkAct:
        return start_bulk_act(act=name, value=value, ticket_ids=[ticket.pk], by=boss)

    def back(bulk: BulkAct) -> str:
        return str(undo_bulk_act(bulk=bulk, by=boss).items.get().state)

    # A rule puts a tag on it and a deadline moves: neither is what the act was about.
    bulk = act("tags", add=["vip"], remove=["old"])
    change_tags(ticket=ticket, add=["by-rule"], by=system)
    change_priority(ticket=ticket, priority="urgent", by=system)
    assert back(bulk) == BulkItem.State.UNDONE
    assert facts(ticket)["tags"] == ["by-rule", "old"]
    assert facts(ticket)["priority"] == "urgent"
    # Somebody takes the tag away that the act has put on it.
    bulk = act("tags", add=["vip"])
    change_tags(ticket=ticket, remove=["vip"], by=viewer)
    assert back(bulk) == BulkItem.State.KEPT
    # Given back to the team, the rule of the team gives it out at once.
    Ticket.objects.filter(pk=ticket.pk).update(team=team, routing_state="routed")
    assign_ticket(ticket=ticket, assignee=lead_user, by=boss)
    bulk = act("assignee", assignee=None)
    assert assign_waiting_tickets() == 1
    assert facts(ticket)["assignee"] == agent.pk
    assert back(bulk) == BulkItem.State.UNDONE
    assert facts(ticket)["assignee"] == lead_user.pk
    bulk = act("assignee", assignee=None)
    assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    assert back(bulk) == BulkItem.State.KEPT
    assert facts(ticket)["assignee"] == agent.pk


def test_undo_of_a_merge_takes_back_its_own_merge_only(write: Write, viewer: Viewer) -> None:
    source, first, second = make(write, 3)
    bulk = start_bulk_act(
        act="merge",
        value={"into": first.pk, "confirm_different_requesters": True},
        ticket_ids=[source.pk],
        by=viewer,
    )
    assert bulk.items.get().state == BulkItem.State.DONE, bulk.items.get().reason
    unmerge_ticket(ticket=source, by=viewer)
    merge_tickets(ticket=source, into=second, by=viewer, confirm_different_requesters=True)
    assert undo_bulk_act(bulk=bulk, by=viewer).items.get().state == BulkItem.State.KEPT
    assert facts(source)["merged"] == second.pk


@pytest.mark.django_db(transaction=True)
def test_undo_of_a_merge_locks_in_the_order_of_everybody_else(
    write: Write, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_many, "PAUSES", ())
    low, high = make(write, 2)
    bulk = start_bulk_act(
        act="merge",
        value={"into": low.pk, "confirm_different_requesters": True},
        ticket_ids=[high.pk],
        by=viewer,
    )
    assert bulk.items.get().state == BulkItem.State.DONE, bulk.items.get().reason
    holds_low = threading.Event()

    def somebody_else() -> str:
        with transaction.atomic():
            lock_ticket(low.pk)
            holds_low.set()
            time.sleep(0.5)  # the undo comes to where it waits
            lock_ticket(high.pk)
        return "went through"

    def undo() -> str:
        holds_low.wait()
        return str(undo_bulk_act(bulk=bulk, by=viewer).items.get().state)

    assert at_once([somebody_else, undo]) == ["went through", BulkItem.State.UNDONE]


# --- the inbox ----------------------------------------------------------------------------------------------------------


def test_the_inbox_changes_a_selection_and_takes_it_back(write: Write, login: Login, agent: User) -> None:
    tickets = make(write, 2)
    browser = login(agent)
    address = reverse("inbox-bulk") + "?view=open"
    response = browser.post(
        address, {"ticket": ids(tickets), "act": "tags", "tags_add": "VIP, eu"}, headers=HTMX
    )
    toast = json.loads(response.headers["HX-Trigger"])["toast"]
    assert toast["text"] == "2 of 2 changed"
    assert facts(tickets[0])["tags"] == ["eu", "vip"]
    back = browser.post(toast["undo_url"], headers=HTMX)
    assert "2 taken back" in back.headers["HX-Trigger"]
    assert facts(tickets[0])["tags"] == []
    assert back.content.decode().count('id="ticket-row-') == 2
    assert browser.post(toast["undo_url"], headers=HTMX).status_code == 422
    moment = (timezone.localtime() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    browser.post(address, {"ticket": ids(tickets), "act": "snooze", "snooze_until": moment}, headers=HTMX)
    assert facts(tickets[0])["snoozed"] is not None
    number = str(tickets[1].number)
    browser.post(
        address,
        {
            "ticket": [tickets[0].pk],
            "act": "merge",
            "merge_into": f"#{number}",
            "confirm_different_requesters": "1",
        },
        headers=HTMX,
    )
    assert facts(tickets[0])["merged"] == tickets[1].pk
    assert browser.post(address, {"ticket": ids(tickets)}, headers=HTMX).status_code == 404
    assert browser.get(reverse("inbox-bulk-more")).status_code == 200


def test_everything_in_a_list_is_a_snapshot_of_the_filtered_list(
    write: Write, login: Login, agent: User
) -> None:
    tickets = make(write, AT_ONCE + 3)
    browser = login(agent)
    where = json.dumps({"field": "subject", "is": "contains", "value": "No 1"})
    wanted = {ticket.pk for ticket in tickets if "No 1" in ticket.subject}
    browser.post(
        f"{reverse('inbox-bulk')}?view=open&where={where}",
        {"ticket": tickets[0].pk, "everything": "1", "priority": "high"},
        headers=HTMX,
    )
    run_jobs("batch")
    assert set(Ticket.objects.filter(priority="high").values_list("pk", flat=True)) == wanted
    html = browser.post(
        f"{reverse('inbox-bulk')}?view=open", {"everything": "1", "priority": "low"}, headers=HTMX
    ).content.decode()
    assert f"0 of {len(tickets)}" in html
    run_jobs("batch")
    assert Ticket.objects.filter(priority="low").count() == len(tickets)


def test_nobody_sees_the_acts_of_others(write: Write, login: Login, viewer: Viewer, lead_user: User) -> None:
    bulk = start_bulk_act(
        act="priority", value={"priority": "high"}, ticket_ids=ids(make(write, 1)), by=viewer
    )
    browser = login(lead_user)
    assert browser.get(reverse("inbox-bulk-report", args=[bulk.reference])).status_code == 404
    assert browser.post(reverse("inbox-bulk-undo", args=[bulk.reference])).status_code == 404
    assert browser.get(f"/api/v1/tickets/bulk/{bulk.reference}/").status_code == 404


# --- REST ---------------------------------------------------------------------------------------------------------------


def test_a_request_that_died_is_found_again_by_its_key(
    write: Write, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 4)
    client = api("tickets:write")
    wanted = {"act": "priority", "value": {"priority": "high"}, "tickets": ids(tickets)}

    def post(**other: Any) -> Any:
        return client.post(
            "/api/v1/tickets/bulk/", wanted | other, format="json", HTTP_IDEMPOTENCY_KEY="once"
        )

    with worker_dies_at(monkeypatch, 3):
        post()
    # What was done is committed, and a repetition starts no second act.
    assert Ticket.objects.filter(priority="high").count() == 2
    again = post()
    assert (again.status_code, again.json()["changed"], again.json()["waiting"]) == (202, 2, 2)
    assert post(value={"priority": "low"}).status_code == 409
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        resume_bulk_acts_task()
        run_jobs("batch")
        over = post()
    assert (over.status_code, over.json()["state"], over.json()["changed"]) == (200, "done", 4)
    assert BulkAct.objects.count() == 1
    assert Event.objects.filter(verb="tickets.priority_changed").count() == 4


def test_a_refused_bulk_request_may_be_repeated_with_its_key(write: Write, api: Any) -> None:
    client = api("tickets:write")
    wanted = {"act": "priority", "value": {"priority": "huge"}, "tickets": ids(make(write, 1))}
    for value, status in (({"priority": "huge"}, 400), ({"priority": "high"}, 200)):
        answer = client.post(
            "/api/v1/tickets/bulk/", wanted | {"value": value}, format="json", HTTP_IDEMPOTENCY_KEY="k"
        )
        assert answer.status_code == status


@pytest.mark.django_db(transaction=True)
def test_by_rest_with_a_key_each_ticket_is_committed_for_itself(
    write: Write, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = make(write, 2)
    real, open_before = change_many._do_item, []

    def watched(*args: Any) -> None:
        open_before.append(connection.in_atomic_block)
        real(*args)

    monkeypatch.setattr(change_many, "_do_item", watched)
    wanted = {"act": "priority", "value": {"priority": "high"}, "tickets": ids(tickets)}
    client = api("tickets:write")
    client.post("/api/v1/tickets/bulk/", wanted, format="json", HTTP_IDEMPOTENCY_KEY="a")
    assert open_before == [False, False]


def test_bulk_by_rest(write: Write, api: Any) -> None:
    tickets = make(write, 3)
    client = api("tickets:write")
    wanted = {"act": "tags", "value": {"add": ["eu"]}, "tickets": ids(tickets)[:2]}
    done = client.post("/api/v1/tickets/bulk/", wanted, format="json", HTTP_IDEMPOTENCY_KEY="a")
    assert done.status_code == 200, done.json()
    assert (done.json()["state"], done.json()["changed"], done.json()["may_undo"]) == ("done", 2, True)
    assert (
        client.post("/api/v1/tickets/bulk/", wanted, format="json", HTTP_IDEMPOTENCY_KEY="a").json()
        == done.json()
    )
    path = f"/api/v1/tickets/bulk/{done.json()['reference']}/"
    undone = client.post(f"{path}undo/").json()
    assert (undone["undo_state"], undone["undone"]) == ("done", 2)
    by_view = client.post(
        "/api/v1/tickets/bulk/",
        {"act": "priority", "value": {"priority": "high"}, "view": "open", "filters": {"priority": "normal"}},
        format="json",
    )
    assert by_view.json()["changed"] == 3
    assert client.get(path).json()["undone"] == 2
    for wrong in (
        {"act": "priority", "value": {"priority": "high"}},
        {"act": "priority", "value": {"priority": "high"}, "view": "nothing"},
        {"act": "priority", "value": {"priority": "high"}, "view": "open", "filters": {"team": "x"}},
        {"act": "priority", "value": {"priority": "x"}, "tickets": ids(tickets)},
    ):
        assert client.post("/api/v1/tickets/bulk/", wrong, format="json").status_code == 400, wrong
    reader = api("tickets:read")
    assert reader.post("/api/v1/tickets/bulk/", wanted, format="json").status_code == 403
    assert reader.get(path).status_code == 404
