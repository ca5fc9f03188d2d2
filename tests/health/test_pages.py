"""What health adds to the pages of customers: why, how it went, what drives churn, and why somebody is in the queue."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Account, Contact, RevenueMovement
from health.models import HealthSnapshot
from people.models import User

Login = Callable[[User], Client]


@pytest.fixture
def scored(account: Account) -> Account:
    """An account that fell from steady to watch two months ago and has a churn estimate."""
    today = timezone.now().date()
    for weeks, score in ((20, 73.0), (16, 72.0), (12, 70.0), (8, 61.0), (4, 60.0), (0, 58.0)):
        HealthSnapshot.objects.create(
            account=account, as_of=today - timedelta(weeks=weeks), card_version="v1", raw_score=score, score=score,
            band="steady" if score >= 65 else "watch", coverage=0.8, confidence="high", inputs_hash="0",
            computed_at=timezone.now(),
        )  # fmt: skip
    latest = HealthSnapshot.objects.get(as_of=today)
    latest.delta_30 = -2.0
    latest.changes = [
        {"key": "active_users", "effect": "value", "points": -5.0, "before": 80.0, "after": 60.0},
        {"key": "seat_use", "effect": "value", "points": 3.0, "before": 40.0, "after": 55.0},
    ]
    latest.churn_probability, latest.churn_low, latest.churn_high = 0.18, 0.11, 0.27
    latest.churn_model = "churn-v1"
    latest.drivers = [
        {"key": "users_ratio", "value": 0.81, "points": 6.8},
        {"key": "seat_use", "value": 0.7, "points": -2.4},
    ]
    latest.save()
    account.health_score, account.health_band, account.health_delta_30 = 58.0, Account.Band.WATCH, -2.0
    account.churn_probability, account.value_at_risk = 0.18, Decimal(33120)
    account.save()
    return account


def test_overview_tells_why_and_what_drives_churn(login: Login, csm: User, scored: Account) -> None:
    """The waterfall ends at the score; drivers carry signs and what was seen."""
    body = login(csm).get(f"/customers/{scored.pk}/").content.decode()
    assert "Why 58" in body
    assert "How the score moved from 60 to 58" in body
    assert "What drives the churn estimate" in body
    assert "Users, four weeks against twelve" in body
    assert "+6.8" in body
    assert "\u22122.4" in body


def test_history_is_marked_with_what_happened(
    login: Login, csm: User, scored: Account, contact: Contact
) -> None:
    """Bands that lasted, people who left, revenue that moved."""
    today = timezone.localdate()
    Contact.objects.filter(pk=contact.pk).update(left_at=timezone.now() - timedelta(weeks=3))
    for weeks, kind, amount in ((14, "expansion", 2000), (40, "contraction", -900)):
        RevenueMovement.objects.create(
            account=scored, kind=kind, amount=amount, effective_on=today - timedelta(weeks=weeks),
            recorded_at=timezone.now(),
        )  # fmt: skip
    body = login(csm).get(f"/customers/{scored.pk}/").content.decode()
    assert "Moved to Watch" in body
    assert "Mette Aas left" in body
    assert "Expansion +€2k" in body
    assert "Contraction" not in body


def test_the_queue_says_why_in_words(login: Login, lead_user: User, scored: Account) -> None:
    """The reason comes from the newest snapshot, not from the columns."""
    [item] = login(lead_user).get("/customers/").context["today"]
    assert item["name"] == scored.name
    assert "\u22125 points" in item["reason"]
    # A fifth of €33k at risk may be saved by half an hour of work.
    assert item["value_text"] == "€13k/h"


def test_without_a_score_the_page_says_how_to_get_one(login: Login, csm: User, account: Account) -> None:
    """The empty state links to the door for usage."""
    body = login(csm).get(f"/customers/{account.pk}/").content.decode()
    assert "No score yet" in body
    assert "/api/docs/" in body
