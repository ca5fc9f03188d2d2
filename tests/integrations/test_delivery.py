"""Webhooks: what is told to whom, signed how, in which order, and what happens when nobody answers."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from core.actors import SYSTEM
from core.events import event_type
from core.models import DeadLetter, Event, Notification, Outbound
from core.outbox import send_due
from customers.models import Account
from customers.registry import personal_data
from integrations.catalogue import OTHER_TICKET, PERMISSION_OF, VERBS, WEBHOOK_SCOPES, permissions_of
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.outbound import webhook as sender
from integrations.services.forget_old_deliveries import forget_old_deliveries
from integrations.services.plan_deliveries import plan_deliveries
from integrations.services.replay_deliveries import replay_delivery, replay_failed
from integrations.services.save_webhook import rotate_webhook_secret, save_webhook
from integrations.services.switch_webhook import switch_webhook
from people.models import ApiKey, Team, User
from people.models.api_key import digest_of
from people.viewer import Viewer
from tests.integrations.conftest import Receiver
from tickets.events import FIELDS_CHANGED
from tickets.models import Ticket
from tickets.services.add_note import add_note
from tickets.services.change_priority import change_priority
from tickets.services.link_tickets import link_tickets

Deliver = Callable[[], int]
Later = Callable[[timedelta], None]


def types_of(receiver: Receiver) -> list[str]:
    return [got.json["type"] for got in receiver.got]


def only(receiver: Receiver, kind: str) -> dict[str, Any]:
    """The data of the one event of a kind."""
    [found] = [got.json["data"] for got in receiver.got if got.json["type"] == kind]
    data: dict[str, Any] = found
    return data


def test_every_verb_that_can_be_told_is_declared() -> None:
    assert [verb for verb in VERBS if event_type(verb) is None] == []
    assert set(OTHER_TICKET) <= VERBS
    told_about = {event_type(verb).subject for verb in VERBS}  # type: ignore[union-attr]
    assert told_about.isdisjoint({"user", "api_key", "setting", "webhook", "team", "job", "export"})


def test_a_ticket_is_told_signed_and_without_the_texts_of_messages(
    endpoint: WebhookEndpoint, secret: str, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    deliver()
    assert types_of(receiver)[:2] == ["tickets.created", "tickets.message_received"]
    got = receiver.got[0]
    assert got.fits(secret)
    assert not got.fits("whsec_" + "A" * 43 + "=")
    assert abs(int(got.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    assert got.json["id"] == got.id
    data = got.json["data"]
    assert data["ticket_id"] == data["ticket"]["id"] == ticket.pk
    assert data["ticket"]["contact"]["email"] == "mette@halden.example"
    assert data["subject"] == {"kind": "ticket", "id": ticket.pk}
    assert "account" not in data
    assert all(b"Where is my invoice" not in one.body for one in receiver.got)
    assert [one.json["data"]["sequence"] for one in receiver.got] == sorted(
        one.json["data"]["sequence"] for one in receiver.got
    )
    row = WebhookDelivery.objects.get(message_id=got.id)
    assert (row.state, row.status_code, row.attempts, row.excerpt) == ("delivered", 200, 1, "thank you")


def test_what_happened_before_is_not_told(
    ticket: Ticket, add: Any, deliver: Deliver, receiver: Receiver
) -> None:
    add()
    deliver()
    assert "tickets.created" not in types_of(receiver)
    assert not WebhookDelivery.objects.filter(event_type="tickets.created").exists()


def test_each_event_is_one_row_however_often_it_is_delivered(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    deliver()
    events = list(Event.objects.filter(verb__in=VERBS).select_related("detail"))
    before = WebhookDelivery.objects.count(), Outbound.objects.count()
    with transaction.atomic():
        plan_deliveries(events=events)
    assert (WebhookDelivery.objects.count(), Outbound.objects.count()) == before
    ids = [got.id for got in receiver.got]
    assert len(ids) == len(set(ids)) == before[0]


def test_a_receiver_that_is_down_gets_all_in_order_when_it_is_back(
    endpoint: WebhookEndpoint, secret: str, ticket: Ticket, deliver: Deliver, later: Later, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    deliver()
    # One call found out; the others wait with it.
    assert len(receiver.got) == 1
    endpoint.refresh_from_db()
    assert endpoint.consecutive_failures == 1
    assert endpoint.paused_until is not None
    waiting = WebhookDelivery.objects.filter(state="pending")
    assert waiting.count() == WebhookDelivery.objects.count() > 2
    assert {row.next_attempt_at for row in waiting.select_related("outbound")} == {endpoint.paused_until}
    later(timedelta(seconds=6))
    deliver()
    assert len(receiver.got) == 2
    first = receiver.got[0]
    assert receiver.got[1].id == first.id
    receiver.statuses = [200]
    receiver.got.clear()
    later(timedelta(minutes=6))
    deliver()
    planned = list(WebhookDelivery.objects.order_by("pk").values_list("message_id", flat=True))
    assert [got.id for got in receiver.got] == planned
    assert planned[0] == first.id
    assert all(got.fits(secret) for got in receiver.got)
    endpoint.refresh_from_db()
    assert (endpoint.consecutive_failures, endpoint.failing_since, endpoint.paused_until) == (0, None, None)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_what_happens_while_it_is_down_waits_behind_what_is_older(
    endpoint: WebhookEndpoint, ticket: Ticket, agent: User, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    deliver()
    change_priority(ticket=ticket, priority="high", by=agent.as_viewer())
    deliver()
    assert len(receiver.got) == 1


def test_attempts_come_at_growing_pauses_and_end(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver, later: Later
) -> None:
    receiver.statuses = [500]
    deliver()
    first = WebhookDelivery.objects.order_by("pk")[0]
    WebhookDelivery.objects.exclude(pk=first.pk).delete()
    pauses = []
    for _attempt in range(12):
        row = Outbound.objects.get(pk=first.outbound_id)
        if row.state != Outbound.State.PENDING:
            break
        pauses.append((row.not_before - timezone.now()).total_seconds())
        later(row.not_before - timezone.now() + timedelta(seconds=1))
        WebhookEndpoint.objects.update(failing_since=timezone.now())
        send_due()
    assert [round(pause / planned, 1) in (1.0, 1.1) for pause, planned in zip(pauses, sender.RETRY_SECONDS, strict=True)] == [
        True
    ] * len(sender.RETRY_SECONDS)  # fmt: skip
    first.refresh_from_db()
    assert (first.state, first.attempts, first.status_code) == ("failed", 10, 500)
    assert first.finished_at is not None


def test_a_receiver_may_ask_to_be_left_alone(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [429]
    receiver.headers = {"Retry-After": "900"}
    deliver()
    row = Outbound.objects.filter(kind=sender.WebhookSender.key).earliest("pk")
    assert 890 < (row.not_before - timezone.now()).total_seconds() < 910


@pytest.mark.parametrize("status", [301, 302, 404])
def test_a_redirect_is_no_success_and_is_not_followed(
    status: int, endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": receiver.url}
    deliver()
    assert len(receiver.got) == 1
    row = WebhookDelivery.objects.earliest("pk")
    assert (row.state, row.status_code) == ("pending", status)
    assert row.error == f"the receiver answered {status}"


def test_an_address_that_leads_inside_is_refused_without_saying_where(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver, settings: Any
) -> None:
    WebhookEndpoint.objects.update(url="http://127.0.0.1:8080/hook/secret-word")
    settings.GUARDED_HTTP_ALLOW = []
    deliver()
    assert receiver.got == []
    row = WebhookDelivery.objects.earliest("pk")
    assert "address not allowed" in row.error
    assert "secret-word" not in row.error
    assert row.status_code is None


def test_410_switches_it_off_and_tells_who_keeps_it(
    endpoint: WebhookEndpoint, admin: User, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    deliver()
    assert len(receiver.got) == 1
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert "410" in endpoint.disabled_reason
    states = list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))
    assert states[0] == "failed"
    assert set(states[1:]) == {"withheld"}
    note = Notification.objects.get(user=admin, kind="integrations.webhook_disabled")
    assert note.url == f"/settings/webhooks/{endpoint.pk}/"
    assert Event.objects.filter(verb="integrations.webhook_disabled", subject_id=endpoint.pk).count() == 1


def test_days_of_failures_switch_it_off(
    endpoint: WebhookEndpoint, admin: User, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    WebhookEndpoint.objects.update(
        failing_since=timezone.now() - timedelta(days=5, hours=1), consecutive_failures=9
    )
    deliver()
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert Notification.objects.filter(user=admin, kind="integrations.webhook_disabled").count() == 1


def test_who_gave_it_up_can_switch_it_on_and_send_again_what_failed(
    endpoint: WebhookEndpoint, admin: User, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    deliver()
    by = admin.as_viewer()
    endpoint.refresh_from_db()
    with pytest.raises(ValidationError):
        replay_failed(endpoint=endpoint, since=timezone.now() - timedelta(hours=1), by=by)
    switch_webhook(endpoint=endpoint, is_active=True, by=by)
    endpoint.refresh_from_db()
    receiver.statuses = [200]
    receiver.got.clear()
    count = WebhookDelivery.objects.count()
    assert replay_failed(endpoint=endpoint, since=timezone.now() - timedelta(hours=1), by=by) == (count, 0)
    assert replay_failed(endpoint=endpoint, since=timezone.now() - timedelta(hours=1), by=by) == (0, 0)
    deliver()
    planned = list(WebhookDelivery.objects.order_by("pk").values_list("message_id", flat=True))
    assert [got.id for got in receiver.got] == planned
    row = WebhookDelivery.objects.earliest("pk")
    assert (row.state, row.attempts, row.replays) == ("delivered", 2, 1)
    receiver.got.clear()
    assert replay_delivery(delivery=row, by=by)
    assert not replay_delivery(delivery=row, by=by)
    deliver()
    assert [got.id for got in receiver.got] == [row.message_id]


def test_both_secrets_sign_for_a_day(
    endpoint: WebhookEndpoint,
    secret: str,
    admin: User,
    agent: User,
    ticket: Ticket,
    deliver: Deliver,
    later: Later,
    receiver: Receiver,
) -> None:
    new = rotate_webhook_secret(endpoint=endpoint, by=admin.as_viewer())
    assert new != secret
    deliver()
    assert receiver.got[0].fits(new)
    assert receiver.got[0].fits(secret)
    later(timedelta(hours=25))
    receiver.got.clear()
    change_priority(ticket=ticket, priority="high", by=agent.as_viewer())
    deliver()
    assert receiver.got[0].fits(new)
    assert not receiver.got[0].fits(secret)


def test_a_former_secret_of_the_installation_goes_on_signing(
    endpoint: WebhookEndpoint,
    secret: str,
    ticket: Ticket,
    deliver: Deliver,
    receiver: Receiver,
    settings: Any,
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-of-the-installation-0123456789"
    deliver()
    assert receiver.got[0].fits(secret)


def test_no_secret_is_stored(endpoint: WebhookEndpoint, secret: str) -> None:
    row = json.dumps(WebhookEndpoint.objects.filter(pk=endpoint.pk).values().get(), default=str)
    told = json.dumps([event.detail.data for event in Event.objects.select_related("detail")], default=str)
    assert secret.removeprefix("whsec_") not in row
    assert "secret-word" not in told
    assert "127.0.0.1" in told


def test_private_teams_are_told_to_nobody_who_was_not_given_them(
    add: Any, private_team: Team, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    Ticket.objects.update(team=private_team, assignee=None)
    add(patterns=["*"], scopes=["tickets:read", "accounts:read"])
    open_one = add(name="With all", includes_private_teams=True)
    WebhookEndpoint.objects.update(active_since=timezone.now() - timedelta(hours=1))
    deliver()
    told = {row.endpoint_id for row in WebhookDelivery.objects.filter(event__ticket_id=ticket.pk)}
    assert told == {open_one.pk}


def test_a_ticket_that_becomes_private_before_it_is_told_is_not_told(
    endpoint: WebhookEndpoint, private_team: Team, ticket: Ticket, pump: Any, minds: Any, receiver: Receiver
) -> None:
    pump()
    Ticket.objects.update(team=private_team, assignee=None)
    send_due()
    assert receiver.got == []
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"withheld"}


def test_the_detail_names_no_ticket_that_is_hidden(
    endpoint: WebhookEndpoint,
    admin: User,
    private_team: Team,
    ticket: Ticket,
    write: Any,
    deliver: Deliver,
    receiver: Receiver,
) -> None:
    other = write("Another matter", subject="Contract").ticket
    third = write("A third matter", subject="Third").ticket
    Ticket.objects.filter(pk=other.pk).update(team=private_team)
    link_tickets(ticket=ticket, other=other, role="related", by=admin.as_viewer())
    deliver()
    assert only(receiver, "tickets.linked")["detail"] is None
    receiver.got.clear()
    link_tickets(ticket=ticket, other=third, role="related", by=admin.as_viewer())
    deliver()
    details = [got.json["data"]["detail"] for got in receiver.got if got.json["type"] == "tickets.linked"]
    assert third.pk in [detail["ticket"] for detail in details]


def test_scopes_decide_what_is_told(
    add: Any, ticket: Ticket, deliver: Deliver, receiver: Receiver, account: Account
) -> None:
    add(name="Customers", patterns=["*"], scopes=["accounts:read"])
    add(name="Both", patterns=["tickets.created"], scopes=["tickets:read", "accounts:read"])
    WebhookEndpoint.objects.update(active_since=timezone.now() - timedelta(hours=1))
    deliver()
    assert types_of(receiver) == ["tickets.created"]
    assert receiver.got[0].json["data"]["account"]["name"] == account.name


def test_a_keeper_who_loses_rights_takes_them_from_the_endpoint(
    endpoint: WebhookEndpoint, admin: User, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    other = User.objects.create_user("b@desk.example", "x", name="Bo", role="admin")
    User.objects.filter(pk=admin.pk).update(role="agent")
    deliver()
    assert receiver.got == []
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert "Nobody keeps it" in endpoint.disabled_reason
    assert list(
        Notification.objects.filter(kind="integrations.webhook_disabled").values_list("user_id", flat=True)
    ) == [other.pk]
    assert not DeadLetter.objects.exists()


def test_nobody_makes_an_endpoint_see_more_than_oneself(
    add: Any, endpoint: WebhookEndpoint, agent: User, admin: User
) -> None:
    key = ApiKey.objects.create(name="k", hint="k", digest=digest_of("k"), scopes=["webhooks:manage"])
    with pytest.raises(ValidationError) as refused:
        add(name="Mine", by=key.as_viewer())
    assert list(refused.value.message_dict) == ["scopes"]
    # nor leads one elsewhere that is told more
    with pytest.raises(ValidationError):
        save_webhook(
            endpoint=endpoint, by=key.as_viewer(), name="x", url="https://hooks.example.com/", patterns=["*"],
            scopes=["tickets:read"],
        )  # fmt: skip
    with pytest.raises(ValidationError):
        rotate_webhook_secret(endpoint=endpoint, by=key.as_viewer())
    limited = Viewer(
        kind="staff", user_id=admin.pk, permissions=admin.as_viewer().permissions - {"tickets.all_teams"}
    )
    with pytest.raises(ValidationError) as refused:
        add(name="Private", by=limited, includes_private_teams=True)
    assert list(refused.value.message_dict) == ["includes_private_teams"]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"patterns": ["people.*"]}, "patterns"),
        ({"patterns": ["people.logged_in"]}, "patterns"),
        ({"patterns": ["health.band_changed"]}, "patterns"),
        ({"patterns": []}, "patterns"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["people:read"]}, "scopes"),
        ({"url": "ftp://hooks.example.com/"}, "url"),
        ({"url": "https://user:word@hooks.example.com/"}, "url"),
        ({"url": "http://127.1/"}, "url"),
        ({"tiers": ["gold"]}, "tiers"),
        ({"channels": ["x" * 40]}, "channels"),
        ({"name": " "}, "name"),
        ({"name": "Warehouse"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    values: dict[str, Any], name: str, add: Any, endpoint: WebhookEndpoint
) -> None:
    with pytest.raises(ValidationError) as refused:
        add(**({"name": "Another"} | values))
    assert list(refused.value.message_dict) == [name]


def test_filters_leave_out_what_others_do(
    add: Any, team: Team, ticket: Ticket, agent: User, deliver: Deliver, receiver: Receiver
) -> None:
    deliver()
    Ticket.objects.update(team=None)
    other = Team.objects.create(name="Other")
    add(name="team", teams=[team])
    add(name="other team", teams=[other])
    add(name="tier", tiers=["enterprise"])
    add(name="other tier", tiers=["starter"])
    add(name="channel", channels=["Email "])
    add(name="other channel", channels=["chat"])
    Ticket.objects.update(team=team)
    change_priority(ticket=ticket, priority="high", by=agent.as_viewer())
    deliver()
    told = {
        row.endpoint.name for row in WebhookDelivery.objects.filter(event_type="tickets.priority_changed")
    }
    assert told == {"team", "tier", "channel"}


def test_the_number_of_queries_does_not_grow_with_events_that_nobody_wants(
    add: Any, ticket: Ticket, django_assert_max_num_queries: Any
) -> None:
    add(patterns=["tickets.rated"])
    events = list(Event.objects.filter(verb__in=VERBS)) * 20
    with django_assert_max_num_queries(4):
        assert plan_deliveries(events=events) == 0


def test_a_long_detail_is_cut(
    endpoint: WebhookEndpoint, ticket: Ticket, pump: Any, minds: Any, receiver: Receiver
) -> None:
    with transaction.atomic():
        FIELDS_CHANGED.record(
            by=SYSTEM, subject_id=ticket.pk, ticket_id=ticket.pk, detail={"long": "x" * 30_000}
        )
    pump()
    send_due()
    data = only(receiver, "tickets.fields_changed")
    assert data["detail"] is None
    assert data["is_cut"] is True
    assert data["ticket"]["id"] == ticket.pk


def test_notes_are_told_without_their_text(
    endpoint: WebhookEndpoint, ticket: Ticket, agent: User, deliver: Deliver, receiver: Receiver
) -> None:
    deliver()
    add_note(ticket=ticket, body="Between us: they are late payers.", by=agent.as_viewer())
    deliver()
    assert "tickets.note_added" in types_of(receiver)
    assert all(b"late payers" not in got.body for got in receiver.got)


def test_an_erased_person_is_forgotten_in_the_log_too(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    receiver.answer = b"stored Mette Aas"
    deliver()
    data = personal_data.get("webhooks")
    told = data.export([ticket.contact_id])["webhooks"]
    assert {"receiver", "event", "delivered_at"} == set(told[0])
    assert data.erase([ticket.contact_id])["webhook_answers"] == len(told)
    assert data.erase([ticket.contact_id])["webhook_answers"] == 0
    assert not WebhookDelivery.objects.filter(excerpt__contains="Mette").exists()


def test_old_deliveries_are_forgotten(
    endpoint: WebhookEndpoint, ticket: Ticket, deliver: Deliver, receiver: Receiver
) -> None:
    deliver()
    count = WebhookDelivery.objects.count()
    first = WebhookDelivery.objects.earliest("pk")
    WebhookDelivery.objects.filter(pk=first.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert forget_old_deliveries() == 1
    assert WebhookDelivery.objects.count() == count - 1


def test_scopes_and_verbs_fit_together() -> None:
    assert set(PERMISSION_OF.values()) <= permissions_of(WEBHOOK_SCOPES)
