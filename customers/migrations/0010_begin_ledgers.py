"""Let the ledger of every account sum to the ARR that its column says, and name the products of old movements."""

from decimal import Decimal
from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

BATCH = 1000


def name_products(apps: Any, _editor: Any) -> None:
    """Movements of a subscription are of its product."""
    movement = apps.get_model("customers", "RevenueMovement")
    product = apps.get_model("customers", "Subscription").objects.filter(pk=OuterRef("subscription_id"))
    rows = movement.objects.exclude(subscription=None).filter(product="")
    rows.update(product=Subquery(product.values("product")[:1]))


def begin_ledgers(apps: Any, _editor: Any) -> None:
    """Write an opening row for what the ledger lacks, and leave what is yet to come out of the column."""
    account, movement = apps.get_model("customers", "Account"), apps.get_model("customers", "RevenueMovement")
    now = timezone.now()
    today = now.date()
    last = 0
    while True:
        accounts = list(account.objects.filter(pk__gt=last).order_by("pk")[:BATCH])
        if not accounts:
            return
        last = accounts[-1].pk
        rows = movement.objects.filter(account__in=accounts).order_by()
        totals = dict(rows.values_list("account_id").annotate(total=Sum("amount")))
        come = dict(
            rows.filter(effective_on__gt=today).values_list("account_id").annotate(total=Sum("amount"))
        )
        opening, changed = [], []
        for one in accounts:
            lacks = one.arr - round(Decimal(totals.get(one.pk) or 0), 2)
            if lacks:
                bare = one.pk not in totals
                opening.append(
                    movement(
                        account=one,
                        kind="new" if bare and lacks > 0 else "expansion" if lacks > 0 else "contraction",
                        amount=lacks,
                        currency=one.currency,
                        effective_on=(one.customer_since or one.created_at.date()) if bare else today,
                        recorded_at=now,
                        reason_code="opening",
                    )
                )
            if one.pk in come:
                one.arr -= round(Decimal(come[one.pk]), 2)
                changed.append(one)
        movement.objects.bulk_create(opening)
        account.objects.bulk_update(changed, ["arr"])


class Migration(migrations.Migration):
    dependencies = [("customers", "0009_revenue_ledger")]

    operations = [
        migrations.RunPython(name_products, migrations.RunPython.noop),
        migrations.RunPython(begin_ledgers, migrations.RunPython.noop),
    ]
