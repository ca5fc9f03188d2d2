"""Addresses of webhooks are secrets: events and outcomes tell the host and nothing behind it, nor where it leads."""

import json
import socket
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.models import Event, Outbound
from core.outbox import enqueue_outbound, send_due
from people.models import User
from people.viewer import Viewer
from tickets.models import SLAPolicy, SLAStep, SLAStepRun, Ticket
from tickets.services.save_sla_policy import StepSpec, TargetSpec, save_sla_policy
from tickets.services.take_sla_steps import WEBHOOK_KIND

SECRET = "https://hooks.example.com/services/T00/secret-word?token=secret-word"
OTHER = "https://hooks.example.com/services/T00/other-secret-word"


def save(by: Viewer, *steps: StepSpec, policy: SLAPolicy | None = None) -> SLAPolicy:
    return save_sla_policy(
        name="Gold", position=1, condition={}, calendar=None, by=by, policy=policy,
        targets={"normal": TargetSpec(first_response=3600)}, steps=steps,
    )  # fmt: skip


def hook(url: str) -> StepSpec:
    return StepSpec("after", 30, "webhook", url=url)


def test_events_and_the_history_know_the_host_only(admin: User) -> None:
    by = admin.as_viewer()
    policy = save(by, hook(SECRET))
    save(by, hook(OTHER), policy=policy)
    save(by, policy=policy)
    events = Event.objects.filter(verb="tickets.sla_policy_saved").select_related("detail").order_by("pk")
    details = [event.detail.data or {} for event in events]
    assert [detail["version"] for detail in details] == [1, 2, 3]
    told = json.dumps([*details, *(row.terms for row in policy.versions.all())])
    assert "hooks.example.com" in told
    assert "secret-word" not in told


@pytest.mark.parametrize(
    "url",
    [
        "https://name:word@hooks.example.com/",
        "http://127.1/",
        "https://hooks.example.com:22/",
        "https://[fe80::1%25x]/",
    ],
)
def test_what_can_never_be_called_is_refused_when_it_is_saved(url: str, admin: User) -> None:
    with pytest.raises(ValidationError) as raised:
        save(admin.as_viewer(), hook(url))
    assert list(raised.value.message_dict) == ["steps"]


def test_the_outcome_does_not_say_where_a_name_leads(
    admin: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, **_kinds: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.20.30.40", port))],
    )
    save(admin.as_viewer(), hook(SECRET))
    now = timezone.now()
    run = SLAStepRun.objects.create(
        step=SLAStep.objects.get(), ticket=ticket, promise="first_response", due_at=now, episode_at=now, ran_at=now
    )  # fmt: skip
    enqueue_outbound(
        kind=WEBHOOK_KIND,
        idempotency_key="test",
        payload={"run": run.pk},
        ticket_id=ticket.pk,
        account_id=None,
    )
    send_due()
    row = Outbound.objects.get(kind=WEBHOOK_KIND)
    assert row.state == Outbound.State.FAILED
    run.refresh_from_db()
    assert "address not allowed" in run.outcome
    for text in (row.last_error, run.outcome, json.dumps(row.payload)):
        assert "10.20.30.40" not in text
        assert "secret-word" not in text


def test_the_page_names_the_host_beside_the_signing_secret(admin: User, login: Any) -> None:
    policy = save(admin.as_viewer(), hook(SECRET))
    page = login(admin).get(f"/settings/sla/{policy.pk}/").content.decode()
    assert "Signing secret of hooks.example.com" in page
