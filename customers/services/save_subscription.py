"""Add, change and end what an account has bought; each change writes its movements of revenue."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import SUBSCRIPTION_SAVED
from customers.models import Account, RevenueMovement, Subscription
from customers.services.record_revenue import check, locked, turn, voiding
from customers.services.write_ledger import append, movement_of, open_ledgers
from people.viewer import Viewer

Kind = RevenueMovement.Kind
REASONS = {"start": "subscription_start", "change": "subscription_change", "end": "subscription_end"}


@transaction.atomic
def save_subscription(
    *,
    account: Account,
    values: Mapping[str, Any],
    by: Viewer,
    subscription: Subscription | None = None,
    effective_on: date | None = None,
    moves_revenue: bool = True,
    is_uplift: bool = False,
) -> Subscription:
    """Create a subscription or change one: ``subscription``, else the account's one with the same ``external_id``.

    ``values`` are model fields. What it adds to or takes from the revenue becomes movements: its ARR from ``starts_on``, a
    change from ``effective_on`` (today when not given; an increase as price uplift with ``is_uplift``), its end on ``ended_on``.
    With ``moves_revenue`` False the ARR of the account counts it already and nothing is written. The account's renewal date
    becomes the earliest one of its running subscriptions. Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    account = locked(account)
    external_id = values.get("external_id") or None
    if subscription is None and external_id:
        subscription = Subscription.objects.filter(account=account, external_id=external_id).first()
    before = None if subscription is None else Subscription.objects.get(pk=subscription.pk)
    subscription = subscription or Subscription(account=account)
    for name, value in {**values, "external_id": external_id or subscription.external_id}.items():
        setattr(subscription, name, value)
    if values.get("currency") and values["currency"] != account.currency:
        raise ValidationError(
            {"currency": _("Subscriptions are in the account's currency, %s.") % account.currency}
        )
    subscription.currency = account.currency
    subscription.full_clean()
    if subscription.ended_on and subscription.ended_on < subscription.starts_on:
        raise ValidationError({"ended_on": _("The end lies before the start.")})
    subscription.save()
    if moves_revenue:
        change = _Change(account, subscription, before, effective_on or timezone.now().date(), is_uplift)
        change.write(by)
    _set_renewal(account)
    SUBSCRIPTION_SAVED.record(
        by=by,
        subject_id=account.pk,
        account_id=account.pk,
        detail={"subscription": subscription.pk, "product": subscription.product},
    )
    return subscription


class _Change:
    """What a saved subscription does to the ledger."""

    def __init__(
        self, account: Account, now: Subscription, before: Subscription | None, day: date, is_uplift: bool
    ) -> None:
        self.account, self.now, self.before, self.day, self.is_uplift = account, now, before, day, is_uplift
        self.rows: list[RevenueMovement] = []

    def write(self, by: Viewer) -> None:
        """Append what differs."""
        first = min(self.day, self.now.starts_on)
        open_ledgers([self.account], first={self.account.pk: first})
        if self.before is None:
            self._move(self.now.arr, self.now.starts_on, REASONS["start"])
        elif self.before.ended_on is None or self.now.ended_on is None:
            self._move(self.now.arr - self.before.arr, max(self.day, self.now.starts_on), REASONS["change"])
        self._end()
        if self.rows:
            append(self.rows, by=by)
            turn(self.account, self.rows)

    def _end(self) -> None:
        former, wanted = (self.before.ended_on if self.before else None), self.now.ended_on
        if former == wanted:
            return
        paid = self.now.arr
        if former is not None and self.before is not None:
            paid = self.before.arr
            end = RevenueMovement.objects.standing().filter(
                subscription=self.now, effective_on=former, reason_code=REASONS["end"]
            )
            found = end.last()
            if found is not None:
                self.rows.append(voiding(self.account, found, "correction"))
            elif wanted is None:
                self._move(paid, self.day, REASONS["start"])
            else:
                return
        if wanted is not None:
            self._move(-paid, wanted, REASONS["end"])

    def _move(self, amount: Decimal, day: date, reason: str) -> None:
        if not amount:
            return
        row = movement_of(self.account, self._kind(amount, day), amount, day, reason_code=reason)
        row.subscription, row.product = self.now, self.now.product
        check(row)
        self.rows.append(row)

    def _kind(self, amount: Decimal, day: date) -> str:
        """What the change is for the account: its first revenue, more, less, its end, its return."""
        known = RevenueMovement.objects.filter(account=self.account, effective_on__lte=day)
        paid = known.aggregate(total=Sum("amount"))["total"] or Decimal(0)
        paid = round(Decimal(paid), 2) + sum(
            (row.amount for row in self.rows if row.effective_on <= day), Decimal(0)
        )
        if amount < 0:
            return Kind.CHURN if paid + amount <= 0 else Kind.CONTRACTION
        if paid > 0:
            return Kind.PRICE_UPLIFT if self.is_uplift else Kind.EXPANSION
        return Kind.REACTIVATION if known.exists() else Kind.NEW


def _set_renewal(account: Account) -> None:
    running = Subscription.objects.filter(account=account, ended_on=None).exclude(renews_on=None)
    earliest = running.order_by("renews_on").values_list("renews_on", flat=True).first()
    if earliest is not None:
        Account.objects.filter(pk=account.pk).update(renewal_on=earliest)
