"""A small invented world with known truth: accounts whose engagement decides use, mood and churn."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from customers.models import Account, Contact, RevenueMovement, UsageDaily
from tickets.models import Message, Ticket

FEATURES = ("reports", "export", "automation", "sharing")


@dataclass(frozen=True)
class World:
    """The accounts, and which of them leave."""

    accounts: list[Account]
    leavers: set[int]
    today: date


def build_world(*, count: int, days: int, today: date, seed: int = 7, leaving: float = 0.3) -> World:
    """Make ``count`` accounts with ``days`` of use up to yesterday; leavers decline for about 80 days before they go."""
    draw = np.random.default_rng(seed)
    start = today - timedelta(days=days)
    accounts, leavers = [], set()
    for number in range(count):
        account = Account(
            name=f"Company {number}", domain=f"c{number}.example", tier=("enterprise", "growth", "starter")[number % 3],
            seats=int(draw.integers(20, 80)), arr=10_000 * int(draw.integers(1, 20)),
            customer_since=start - timedelta(days=int(draw.integers(0, 500))),
            renewal_on=today + timedelta(days=int(draw.integers(5, 360))),
        )  # fmt: skip
        accounts.append(account)
    Account.objects.bulk_create(accounts)
    usage, movements = [], []
    for account in accounts:
        gone = None
        if draw.random() < leaving:
            gone = int(draw.integers(min(120, days - 20), days + 60))
            leavers.add(account.pk)
        usage += _usage(draw, account, start, days, gone)
        if gone is not None and gone < days:
            day = start + timedelta(days=gone)
            account.churned_on, account.lifecycle = day, Account.Lifecycle.CHURNED
            movements.append(
                RevenueMovement(
                    account=account, kind="churn", amount=-account.arr, effective_on=day, notice_on=day - timedelta(days=14),
                    recorded_at=_at(day - timedelta(days=14)),
                )
            )  # fmt: skip
    UsageDaily.objects.bulk_create(usage, batch_size=2000)
    RevenueMovement.objects.bulk_create(movements)
    Account.objects.bulk_update(accounts, ["churned_on", "lifecycle"])
    return World(accounts, leavers, today)


def _at(day: date, hour: int = 3) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def _usage(
    draw: np.random.Generator, account: Account, start: date, days: int, gone: int | None
) -> list[UsageDaily]:
    rows = []
    level = draw.uniform(0.3, 0.8) * account.seats
    for offset in range(days if gone is None else min(gone, days)):
        day = start + timedelta(days=offset)
        fade = 1.0 if gone is None else min(1.0, max(0.08, (gone - offset) / 90))
        weekend = 0.3 if day.weekday() >= 5 else 1.0
        users = int(draw.poisson(level * fade * weekend))
        if not users:
            continue
        recorded = _at(day + timedelta(days=1), 0)
        rows.append(
            UsageDaily(
                account=account, day=day, feature="", events=users * 5, users=users, recorded_at=recorded
            )
        )
        for feature in FEATURES[: 1 + round(3 * fade)]:
            if draw.random() < 0.25:
                rows.append(
                    UsageDaily(account=account, day=day, feature=feature, events=users, users=max(1, users // 2),
                               recorded_at=recorded)
                )  # fmt: skip
    return rows


def write_message(
    account: Account,
    contact: Contact,
    number: int,
    *,
    at: datetime,
    score: float | None,
    priority: str = "normal",
) -> Message:
    """Store a ticket with one inbound message that was known at once."""
    ranks = {"low": 0, "normal": 1, "high": 2, "urgent": 3}
    ticket = Ticket.objects.create(
        number=number, subject="Something", channel="api", account=account, contact=contact, priority=priority,
        priority_rank=ranks[priority], created_at=at, updated_at=at, last_message_at=at,
    )  # fmt: skip
    message = Message.objects.create(
        ticket=ticket, kind="inbound", channel="api", contact=contact, body_text="text", created_at=at,
        sentiment_label="" if score is None else "negative" if score < 0 else "positive",
        sentiment_score=score, sentiment_probability=None if score is None else 0.9,
    )  # fmt: skip
    Message.objects.filter(pk=message.pk).update(recorded_at=at)
    return message
