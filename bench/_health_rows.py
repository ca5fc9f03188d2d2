"""Very many accounts with all that health reads of them, written by the database itself (PostgreSQL): for bench/health.py.

One row of each table is made through the models and multiplied with ``generate_series``; so a new column of a table takes its
default here, too. The same number of accounts gives the same rows (``setseed``).
"""

import os
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
django.setup()

# Models can be imported only after the setup: hence E402.
from django.db import connection  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.utils import timezone  # noqa: E402

from core.models import Event, EventDetail  # noqa: E402
from customers.models import Account, Contact, RevenueMovement, Subscription, UsageDaily  # noqa: E402
from people.models import User  # noqa: E402
from tickets.models import Message, Ticket  # noqa: E402

FEATURES = 6
CSMS = 40


def fill(accounts: int, *, usage_days: int = 200, features: int = FEATURES) -> dict[str, int]:
    """Write the accounts and say how many rows of what; the database must hold no account."""
    assert not Account.objects.exists(), "this fills an empty database"
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SELECT setseed(0.5)")
    csms = [User.objects.create(email=f"csm{n}@bench.example", role="csm").pk for n in range(CSMS)]
    template = Account.objects.create(name="Template", currency="EUR", lifecycle="established")
    multiply(
        Account, template.pk, f"generate_series(1, {accounts}) AS g(n)",
        {
            "id": f"{template.pk} + n", "name": "'Company ' || n", "domain": "'c' || n || '.example'",
            "external_id": "'x' || n", "seats": "20 + n % 180",
            "tier": "(ARRAY['enterprise', 'growth', 'starter'])[1 + n % 3]", "arr": "(1 + n % 200) * 1000",
            "lifecycle": "(ARRAY['onboarding', 'adopting', 'established', 'established', 'renewing'])[1 + n % 5]",
            "csm_id": f"{csms[0]} + n % {CSMS}", "customer_since": "current_date - 60 - n % 1000",
            "renewal_on": "current_date + n % 365",
        },
    )  # fmt: skip
    first = template.pk + 1
    every = f"generate_series({first}, {first + accounts - 1}) AS a(id)"
    sizes = {"accounts": accounts, "usage": _usage(template, every, usage_days, features)}
    sizes |= _people(template, every, now) | _conversations(template, every, now, csms)
    template.delete()
    with connection.cursor() as cursor:
        for model in (Account, Contact, Ticket, Message, Event):
            table = model._meta.db_table
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
    return sizes


def multiply(model: type[Model], pk: int, source: str, values: Mapping[str, str]) -> int:
    """Insert a copy of a row for each row of ``source``, with other expressions for some columns; returns how many."""
    names, expressions = [], []
    for field in model._meta.concrete_fields:
        if field.generated or (field.primary_key and field.column == "id" and "id" not in values):
            continue
        names.append(f'"{field.column}"')
        expressions.append(values.get(str(field.column), f't."{field.column}"'))
    key = model._meta.pk.column if model._meta.pk else "id"
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {', '.join(expressions)}"  # noqa: S608
        f" FROM {source}, {model._meta.db_table} t WHERE t.{key} = {int(pk)}"
    )
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        written = cursor.rowcount
    print(f"{model.__name__}: {written} rows in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return int(written)


def _usage(account: Account, every: str, days: int, features: int) -> int:
    """Totals of every day, and each feature on a third of the last 70 days."""
    now = timezone.now()
    row = UsageDaily.objects.create(account=account, day=now.date(), recorded_at=now)
    level = "(20 + (a.id * 7919) % 180) * (0.3 + (a.id % 50) / 100.0)"
    at = "(current_date - d + 1)::timestamp AT TIME ZONE 'UTC'"
    common = {"account_id": "a.id", "day": "current_date - d", "recorded_at": at}
    people = f"greatest(1, ({level} * (0.8 + 0.4 * random()))::int)"
    written = multiply(
        UsageDaily, row.pk, f"{every}, generate_series(1, {days}) AS s(d)", {**common, "users": people, "events": "200"}
    )  # fmt: skip
    if features:
        thirds = f"generate_series(1 + (a.id % 3)::int, {min(days, 70)}, 3) AS s(d)"
        written += multiply(
            UsageDaily, row.pk, f"{every}, generate_series(1, {features}) AS f(k), {thirds}",
            {**common, "feature": "'feature ' || k", "users": "5", "events": "20"},
        )  # fmt: skip
    row.delete()
    return written


def _people(account: Account, every: str, now: Any) -> dict[str, int]:
    """Four contacts with roles, a subscription and a movement of each account."""
    contact = Contact.objects.create(account=account, name="Somebody", role="sponsor")
    subscription = Subscription.objects.create(
        account=account, product="Suite", seats=1, arr=1, starts_on=now.date() - timedelta(days=400)
    )
    movement = RevenueMovement.objects.create(
        account=account, kind="new", amount=1, effective_on=now.date() - timedelta(days=400), recorded_at=now
    )
    base = contact.pk
    sizes = {
        "contacts": multiply(
            Contact, contact.pk, f"{every}, generate_series(0, 3) AS c(k)",
            {
                "id": f"{base + 1} + (a.id - {account.pk + 1}) * 4 + k", "account_id": "a.id",
                "role": "(ARRAY['sponsor', 'buyer', 'champion', 'user'])[1 + k]",
                "created_at": "now() - interval '300 days'",
            },
        ),
        "subscriptions": multiply(
            Subscription, subscription.pk, every, {"account_id": "a.id", "seats": "20 + a.id::int % 180"}
        ),
        "movements": multiply(RevenueMovement, movement.pk, every, {"account_id": "a.id"}),
    }  # fmt: skip
    subscription.delete()
    movement.delete()
    return sizes


def _conversations(account: Account, every: str, now: Any, csms: list[int]) -> dict[str, int]:
    """Three tickets of each account with three messages each, a touch, and a rating of every third account."""
    contact = Contact.objects.filter(account=account).order_by("pk")[0]
    ticket = Ticket.objects.create(
        number=0, subject="Something", channel="email", account=account, contact=contact, created_at=now, updated_at=now,
        last_message_at=now,
    )  # fmt: skip
    message = Message.objects.create(
        ticket=ticket, kind="inbound", channel="email", contact=contact, body_text="text", created_at=now
    )
    place = f"(a.id - {account.pk + 1}) * 3 + k"
    at = "now() - ((a.id * 31 + k * 53) % 150) * interval '1 day'"
    solved = "((a.id + k) % 9 > 0)"
    sizes = {
        "tickets": multiply(
            Ticket, ticket.pk, f"{every}, generate_series(0, 2) AS c(k)",
            {
                "id": f"{ticket.pk + 1} + {place}", "number": f"1 + {place}", "account_id": "a.id",
                "reference": f"'B' || ({place})",
                "contact_id": f"{contact.pk + 1} + (a.id - {account.pk + 1}) * 4", "created_at": at, "updated_at": at,
                "last_message_at": at, "resolved_at": f"CASE WHEN {solved} THEN {at} + interval '1 day' END",
                "status_id": f"CASE WHEN {solved} THEN 'closed' ELSE 'open' END",
                "status_category": f"CASE WHEN {solved} THEN 'closed' ELSE 'open' END",
                "priority_rank": "(a.id + k) % 4",
                "priority": "(ARRAY['low', 'normal', 'high', 'urgent'])[1 + ((a.id + k) % 4)::int]",
            },
        )
    }  # fmt: skip
    # The messages of a ticket: two of the customer, one answer.
    sizes["messages"] = multiply(
        Message, message.pk, f"{every}, generate_series(0, 2) AS c(k), generate_series(0, 2) AS m(j)",
        {
            "ticket_id": f"{ticket.pk + 1} + {place}", "created_at": f"{at} + j * interval '2 hours'",
            "recorded_at": f"{at} + j * interval '2 hours'",
            "kind": "CASE WHEN j = 1 THEN 'outbound' ELSE 'inbound' END",
            "contact_id": f"CASE WHEN j <> 1 THEN {contact.pk + 1} + (a.id - {account.pk + 1}) * 4 + (k % 4) END",
            "author_id": f"CASE WHEN j = 1 THEN {csms[0]} END",
            "sentiment_score": "CASE WHEN j <> 1 THEN round((random() * 2 - 1)::numeric, 3)::float8 END",
            "sentiment_probability": "CASE WHEN j <> 1 THEN 0.9 END",
            "sentiment_label": "CASE WHEN j <> 1 THEN 'neutral' ELSE '' END",
        },
    )  # fmt: skip
    message.delete()
    ticket.delete()
    Contact.objects.filter(account=account).delete()
    with connection.cursor() as cursor:
        events, details = Event._meta.db_table, EventDetail._meta.db_table
        for verb, chosen, data in (
            ("customers.touch_logged", "true", '\'{"kind": "call"}\'::jsonb'),
            ("tickets.rated", "a.id % 3 = 0", "jsonb_build_object('survey', a.id, 'score', 1 + a.id % 5)"),
        ):
            cursor.execute(
                f"""WITH said AS (
                      INSERT INTO {events} (occurred_at, recorded_at, verb, actor_kind, subject_kind, subject_id, account_id,
                                            source, depth, detail_digest)
                      SELECT t, t, %s, 'system', 'account', a.id, a.id, 'bench', 0, ''
                      FROM {every}, LATERAL (SELECT now() - (a.id %% 120) * interval '1 day') AS w(t)
                      WHERE {chosen.replace("%", "%%")} RETURNING id, account_id)
                    INSERT INTO {details} (event_id, data, salt)
                    SELECT s.id, {data.replace("a.id", "s.account_id").replace("%", "%%")}, '' FROM said s""",  # noqa: S608
                [verb],
            )
            sizes[verb] = cursor.rowcount
    return sizes


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    print(fill(*arguments[:1], usage_days=arguments[1] if len(arguments) > 1 else 200))
