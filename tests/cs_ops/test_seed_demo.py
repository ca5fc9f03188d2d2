"""The demo world: the same every time, consistent with the product's own rules, never in an installation that is in use."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import numpy as np
import pytest
import time_machine as clock
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q, Sum

from core.delivery import pump
from core.models import Event, EventPosition, SubscriberPosition
from core.sealing import verify_events
from cs_ops.demo.latent import WEEKS, live
from cs_ops.demo.names import company_names
from customers.models import Account, Contact, RevenueMovement, UsageDaily
from ml.encoders import ModelUnavailable
from ml.models import Prediction
from people.models import User
from success.models import CTA, Enrolment, Outreach, Playbook
from tickets.models import Message, Ticket, TicketNumber
from tickets.services.apply_sla import next_due, ticket_clock

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


@pytest.fixture
def world(db: None) -> Iterator[dict[str, Any]]:
    """A small world of a fixed day."""
    with clock.travel(NOW, tick=False):
        yield seed()


def seed(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "seed_demo", "--accounts", "6", "--no-models", "--json", *arguments, stdout=out, stderr=StringIO()
    )
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return result


def portrait() -> dict[str, Any]:
    """What must be the same in two worlds of one seed."""
    return {
        "accounts": list(Account.objects.order_by("name").values_list("name", "seats", "arr", "churned_on")),
        "tickets": list(
            Ticket.objects.order_by("number").values_list("number", "reference", "subject", "created_at")
        ),
        "messages": list(
            Message.objects.order_by("created_at", "body_text").values_list("body_text", flat=True)
        ),
        "usage": UsageDaily.objects.aggregate(users=Sum("users"), events=Sum("events"), rows=Count("pk")),
        "people": sorted(Contact.objects.values_list("name", flat=True)),
    }


@pytest.mark.django_db(transaction=True)
def test_one_seed_makes_one_world_and_another_makes_another() -> None:
    portraits = []
    for number in ("7", "7", "8"):
        with clock.travel(NOW, tick=False):
            call_command("flush", interactive=False, verbosity=0)
            seed("--seed", number)
            portraits.append(portrait())
    assert portraits[0] == portraits[1]
    assert portraits[0] != portraits[2]


def test_an_installation_in_use_is_left_alone(world: dict[str, Any]) -> None:
    before = Ticket.objects.count()
    with pytest.raises(CommandError, match="in use"):
        seed()
    assert Ticket.objects.count() == before


def test_everything_asked_for_is_there(world: dict[str, Any]) -> None:
    assert (Account.objects.count(), Ticket.objects.count()) == (6, 90)
    assert (
        TicketNumber.objects.get().last
        == Ticket.objects.order_by("-number").values_list("number", flat=True)[0]
    )
    for local in ("agent", "lead", "csm", "admin"):
        assert authenticate(username=f"{local}@demo.example", password="cs-ops-demo") is not None
    assert Playbook.objects.get(key="health-fell-to-red").is_active
    assert set(User.objects.values_list("is_active", flat=True)) == {True}


def test_tickets_keep_the_order_of_time(world: dict[str, Any]) -> None:
    assert not Message.objects.filter(
        Q(created_at__gt=NOW) | Q(created_at__lt=F("ticket__created_at"))
    ).exists()
    wrong = Q(first_responded_at__lt=F("created_at")) | Q(resolved_at__lt=F("first_responded_at"))
    wrong |= (
        Q(closed_at__lt=F("resolved_at")) | Q(last_message_at__lt=F("created_at")) | Q(updated_at__gt=NOW)
    )
    assert not Ticket.objects.filter(wrong).exists()
    for ticket in Ticket.objects.prefetch_related("messages"):
        moments = [message.created_at for message in ticket.messages.order_by("pk")]
        assert moments == sorted(moments)
        assert ticket.messages.order_by("pk")[0].kind == "inbound"


def test_statuses_fit_their_stamps(world: dict[str, Any]) -> None:
    over = Q(status_category__in=["resolved", "closed"])
    assert not Ticket.objects.filter(over, resolved_at=None).exists()
    assert not Ticket.objects.filter(~over).exclude(resolved_at=None).exists()
    assert not Ticket.objects.filter(status="new").exclude(first_responded_at=None).exists()
    assert Ticket.objects.active().exists()
    for account in Account.objects.all():
        assert account.open_tickets == Ticket.objects.active().filter(account=account).count()


def test_the_product_computes_the_same_deadlines_from_the_events(world: dict[str, Any]) -> None:
    for ticket in Ticket.objects.select_related("sla_policy__calendar", "status"):
        computed = ticket_clock(ticket)
        assert computed is not None
        assert ticket.first_response_due_at == computed.first_response_due_at
        assert ticket.resolution_due_at == computed.resolution_due_at
        assert ticket.next_due_at == next_due(ticket)
        late = (ticket.first_responded_at or NOW) > computed.first_response_due_at
        assert (ticket.first_response_breached_at is not None) == late


def test_the_revenue_ledger_adds_up(world: dict[str, Any]) -> None:
    for account in Account.objects.all():
        total = RevenueMovement.objects.filter(account=account).aggregate(total=Sum("amount"))["total"]
        assert account.arr == total
        assert (account.arr == 0) == (account.churned_on is not None)
        assert (account.lifecycle == "churned") == (account.churned_on is not None)
    late = Q(day__gte=F("account__churned_on")) | Q(day__gte=NOW.date())
    assert not UsageDaily.objects.filter(late).exists()


def test_events_are_in_order_and_no_subscriber_reacts_to_them(world: dict[str, Any]) -> None:
    moments = list(
        Event.objects.filter(source="seed").order_by("position__seq").values_list("occurred_at", flat=True)
    )
    assert moments == sorted(moments)
    assert not EventPosition.objects.filter(seq=None).exists()
    before = Event.objects.count()
    assert pump("events") + pump("ml") == 0
    assert Event.objects.count() == before
    head = EventPosition.objects.order_by("-seq").values_list("seq", flat=True)[0]
    assert set(SubscriberPosition.objects.values_list("seq", flat=True)) == {head}
    assert verify_events().ok


def test_the_truth_is_written_beside_the_world(world: dict[str, Any]) -> None:
    truth = json.loads((settings.VAR_DIR / world["truth"]).read_text())
    assert {one["account"] for one in truth["accounts"]} == set(Account.objects.values_list("pk", flat=True))
    for one in truth["accounts"]:
        account = Account.objects.get(pk=one["account"])
        assert one["churned_on"] == (account.churned_on.isoformat() if account.churned_on else None)
        assert len(one["satisfaction"]) == len(one["hazard"]) == WEEKS


def test_unhappy_accounts_leave_more_often() -> None:
    today = NOW.date()
    lives = [
        live(1, number, since=today.replace(year=2023), renewal=today, today=today) for number in range(400)
    ]
    gone = [life.mean for life in lives if life.notice_on is not None]
    stayed = [life.mean for life in lives if life.notice_on is None]
    assert 20 < len(gone) < 160
    assert sum(gone) / len(gone) < sum(stayed) / len(stayed) - 0.5


def test_company_names_stay_different_in_a_large_world() -> None:
    names = company_names(6000, np.random.default_rng(3))
    assert len(set(names)) == 6000


class EvenModel:
    """Stands for the transformer: unhappy words are negative, thanks positive, the rest neutral."""

    version = "test-model"

    def probabilities(self, texts: Sequence[str]) -> Any:
        rows = []
        for text in texts:
            unhappy = any(
                word in text
                for word in ("unacceptable", "fed up", "disappoint", "furious", "disaster", "Again")
            )
            rows.append(
                (0.8, 0.15, 0.05) if unhappy else (0.05, 0.15, 0.8) if "hank" in text else (0.1, 0.8, 0.1)
            )
        return np.array(rows)


@pytest.fixture
def scored_world(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small world with everything the product's own models add, the models themselves replaced."""

    def no_encoder() -> None:
        raise ModelUnavailable("not in this test")

    def no_training(*_: object, **__: object) -> None:
        """Nothing."""

    monkeypatch.setattr("ml.sentiment.scorer.sentiment_model", EvenModel)
    monkeypatch.setattr("ml.sentiment.scorer._adapter_beside", lambda: None)
    monkeypatch.setattr("tickets.routing.sentence_encoder", no_encoder)
    monkeypatch.setattr("cs_ops.demo.scores.call_command", no_training)
    with clock.travel(NOW, tick=False):
        call_command(
            "seed_demo", "--accounts", "20", "--tickets", "150", stdout=StringIO(), stderr=StringIO()
        )
        yield


def test_the_models_see_the_whole_world(scored_world: None) -> None:
    inbound = Message.objects.filter(kind="inbound")
    assert not inbound.filter(sentiment_label="").exists()
    assert Prediction.objects.filter(task="sentiment").count() == inbound.count()
    assert not Ticket.objects.filter(sentiment_label="").exists()
    assert not Ticket.objects.filter(routing_state="pending").exists()
    assert not Ticket.objects.active().exclude(pk__in=routed_tickets()).exists()
    for account in Account.objects.filter(churned_on=None, customer_since__lt="2025-12-01"):
        assert account.health_score is not None
        assert account.health_snapshots.count() > 8
    assert pump("events") + pump("ml") == 0
    assert verify_events().ok


def routed_tickets() -> set[int]:
    return set(Prediction.objects.filter(task="routing").values_list("subject_id", flat=True))


def test_the_playbook_has_a_past_that_the_gate_explains(scored_world: None) -> None:
    assert Enrolment.objects.exists()
    for enrolment in Enrolment.objects.all():
        assert Event.objects.filter(verb="success.account_enrolled", subject_id=enrolment.pk).count() == 1
        assert enrolment.runs.count() == (0 if enrolment.state == "control" else 2)
    verdicts = {"sent": "send", "withheld": "withhold"}
    mails = Outreach.objects.exclude(state="planned")
    assert mails.exists()
    for mail in mails:
        decisions = list(mail.decisions.order_by("pk"))
        assert decisions[-1].verdict == verdicts[mail.state]
        assert {one.verdict for one in decisions[:-1]} <= {"defer"}
        assert (mail.sent_at is not None) == (mail.state == "sent")
    assert not CTA.objects.filter(closed_at=None).exclude(outcome="").exists()
    assert not CTA.objects.exclude(closed_at=None).filter(outcome="").exists()
