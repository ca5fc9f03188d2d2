"""Each version of an SLA policy is kept: its page shows what changed, a ticket says under which terms it stands."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from core.job_runner import run_jobs
from core.models import Calendar
from people.models import User
from people.viewer import Viewer
from tickets.events import SLA_POLICY_SAVED
from tickets.models import SLAPolicy, SLAPolicyVersion, Ticket
from tickets.services.change_status import change_status
from tickets.services.receive_message import Received
from tickets.services.recompute_sla import start_recompute
from tickets.services.save_sla_policy import StepSpec, TargetSpec, delete_sla_policy, save_sla_policy

Login = Callable[[User], Client]


@pytest.fixture
def save(admin: User) -> Callable[..., SLAPolicy]:
    """Save the policy with some values changed: ``save(targets=…)``."""
    values: dict[str, Any] = {
        "name": "Standard",
        "position": 1,
        "condition": {},
        "calendar": None,
        "targets": {"normal": TargetSpec(3600, 7200, 28800)},
        "steps": [StepSpec("share", 75, "warn")],
    }

    def saved(**changed: Any) -> SLAPolicy:
        values.update(changed)
        return save_sla_policy(**values, by=admin.as_viewer(), policy=SLAPolicy.objects.first())

    return saved


@pytest.mark.parametrize("is_gone", [False, True])
def test_policies_of_before_get_a_version_though_who_saved_them_is_gone(
    save: Any, admin: User, is_gone: bool
) -> None:
    policy = save()
    SLAPolicyVersion.objects.all().delete()
    if is_gone:
        unknown = Viewer(kind="staff", user_id=admin.pk + 1000)
        SLA_POLICY_SAVED.record(by=unknown, subject_id=policy.pk, detail={})
    import_module("tickets.migrations.0006_stored_files_and_policy_versions").fill_versions(apps, None)
    assert policy.versions.get().saved_by == (None if is_gone else admin)


def test_each_version_keeps_its_terms_and_who_saved_it(save: Any, admin: User, login: Login) -> None:
    calendar = Calendar.objects.create(
        name="Oslo", timezone="Europe/Oslo", windows={"0": [["09:00", "17:00"]]}
    )
    policy = save()
    save()  # nothing differs
    save(targets={"normal": TargetSpec(1800, None, 28800), "urgent": TargetSpec(600)}, calendar=calendar)
    save(
        name="Gold",
        is_active=False,
        condition={"field": "priority", "is": "in", "value": ["high"]},
        steps=[StepSpec("after", 5, "webhook", url="https://hooks.example/secret-token")],
    )
    kept = list(policy.versions.order_by("version"))
    assert [(one.version, one.saved_by) for one in kept] == [(1, admin), (2, admin), (3, admin)]
    assert kept[0].terms["targets"] == {"normal": [3600, 7200, 28800]}
    assert kept[1].terms["calendar"] == {"id": calendar.pk, "name": "Oslo", "timezone": "Europe/Oslo"}
    assert kept[2].terms["steps"][0]["host"] == "hooks.example"
    assert "secret-token" not in str(kept[2].terms)
    page = login(admin).get(f"/settings/sla/{policy.pk}/").content.decode()
    for line in (
        "Normal, first answer: 1h",
        "Normal, first answer: 1h → 30m",
        "Normal, next answer: 2h → not promised",
        "Urgent, first answer: not promised → 10m",
        "Calendar: around the clock → Oslo",
        "Name: Standard → Gold",
        "Active: yes → no",
        "Step removed: 75 % of the time used, Warn, the assignee, else the team",
        "Step added: 5 minutes after the deadline, Call a webhook, hooks.example",
    ):
        assert line in page, line
    assert page.count("Ada Boss") >= 3


def test_a_ticket_that_is_over_is_explained_by_the_terms_of_its_time(
    save: Any, write: Callable[..., Received], admin: User, viewer: Any, api: Any, login: Login
) -> None:
    policy = save()
    over, open_one = write().ticket, write(subject="Another").ticket
    change_status(ticket=over, status="resolved", by=viewer)
    save(targets={"normal": TargetSpec(600, 1200, 7200)})
    start_recompute(by=admin.as_viewer(), because="test")
    run_jobs("batch")
    rest = api("tickets:read")

    def told(ticket: Ticket) -> Any:
        return rest.get(f"/api/v1/tickets/{ticket.pk}/sla/").json()

    old, new = told(over), told(open_one)
    assert (old["terms"]["version"], old["policy"]["version"], old["overtaken"]) == (1, 2, True)
    assert (new["terms"]["version"], new["overtaken"]) == (2, False)
    assert (old["terms"]["saved_by"], old["terms"]["calendar"]) == (admin.pk, "")
    assert old["terms"]["targets"] == {"normal": [3600, 7200, 28800]}
    seconds = [{one["promise"]: one["promised_seconds"] for one in found["promises"]} for found in (old, new)]
    assert seconds[0] == {"first_response": 3600, "next_response": 7200, "resolution": 28800}
    assert seconds[1] == {"first_response": 600, "next_response": 1200, "resolution": 7200}
    assert not old["stored_differs"]
    over.refresh_from_db()
    assert over.first_response_due_at == over.created_at + timedelta(hours=1)
    page = login(admin).get(f"/inbox/{over.pk}/sla/").content.decode()
    assert "version 1" in page
    assert "by Ada Boss" in page
    assert "The policy has version 2 by now" in page
    assert "by now" not in login(admin).get(f"/inbox/{open_one.pk}/sla/").content.decode()
    assert policy.versions.count() == 2


def test_terms_that_were_not_kept_are_not_invented(save: Any, ticket: Ticket, api: Any, admin: User) -> None:
    save()
    start_recompute(by=admin.as_viewer(), because="test")
    run_jobs("batch")
    SLAPolicyVersion.objects.all().delete()
    told = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/sla/").json()
    assert (told["terms"], told["overtaken"], told["policy"]["name"]) == (None, False, "Standard")
    assert len(told["promises"]) == 3


def test_a_calendar_that_is_gone_leaves_no_promise_to_explain(
    save: Any, ticket: Ticket, api: Any, admin: User
) -> None:
    calendar = Calendar.objects.create(
        name="Oslo", timezone="Europe/Oslo", windows={"0": [["09:00", "17:00"]]}
    )
    save(calendar=calendar)
    start_recompute(by=admin.as_viewer(), because="test")
    run_jobs("batch")
    save(calendar=None)
    calendar.delete()
    told = api("tickets:read").get(f"/api/v1/tickets/{ticket.pk}/sla/").json()
    assert (told["terms"]["calendar"], told["overtaken"], told["promises"]) == ("Oslo", True, [])


def test_versions_go_with_their_policy(save: Any, admin: User) -> None:
    delete_sla_policy(policy=save(), by=admin.as_viewer())
    assert not SLAPolicyVersion.objects.exists()
