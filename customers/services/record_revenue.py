"""Write the revenue ledger and the subscriptions; both keep the account's ARR and dates in step."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import REVENUE_MOVED, SUBSCRIPTION_SAVED
from customers.models import Account, RevenueMovement, Subscription
from people.viewer import Viewer

_LOSSES = {RevenueMovement.Kind.CONTRACTION, RevenueMovement.Kind.CHURN}


@transaction.atomic
def record_revenue_movement(
    *,
    account: Account,
    kind: str,
    amount: Decimal,
    effective_on: date,
    by: Viewer,
    notice_on: date | None = None,
    subscription: Subscription | None = None,
) -> RevenueMovement:
    """Append a movement and move the account's ARR by it.

    ``amount`` is signed in the account's currency: negative for contraction and churn, else positive. A churn that is
    effective ends the account (``churned_on``, stage churned); one announced for later does so on its day
    (``end_accounts``). Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    if (amount < 0) != (kind in _LOSSES):
        raise ValidationError({"amount": _("Losses are negative, gains positive.")})
    account = Account.objects.select_for_update().get(pk=account.pk)
    movement = RevenueMovement(
        account=account,
        subscription=subscription,
        kind=kind,
        amount=amount,
        currency=account.currency,
        effective_on=effective_on,
        notice_on=notice_on,
        recorded_at=timezone.now(),
    )
    movement.full_clean(exclude=["subscription", "notice_on"])
    account.arr += amount
    try:
        account.clean_fields(exclude={field.name for field in Account._meta.fields} - {"arr"})
    except ValidationError as error:
        raise ValidationError({"amount": error.messages}) from error
    movement.save()
    fields = ["arr"]
    if kind == RevenueMovement.Kind.CHURN and effective_on <= timezone.now().date():
        account.churned_on, account.lifecycle = effective_on, Account.Lifecycle.CHURNED
        fields += ["churned_on", "lifecycle"]
    elif kind == RevenueMovement.Kind.REACTIVATION:
        account.churned_on, account.lifecycle = None, Account.Lifecycle.ESTABLISHED
        fields += ["churned_on", "lifecycle"]
    account.save(update_fields=fields)
    REVENUE_MOVED.record(
        by=by,
        subject_id=account.pk,
        account_id=account.pk,
        detail={
            "kind": kind,
            "amount": amount,
            "currency": account.currency,
            "effective_on": effective_on,
            "notice_on": notice_on,
        },
    )
    return movement


@transaction.atomic
def save_subscription(*, account: Account, values: Mapping[str, Any], by: Viewer) -> Subscription:
    """Create a subscription, or change the account's one with the same ``external_id``; raises ValidationError.

    ``values`` are model fields. The account's renewal date becomes the earliest one of its running subscriptions.
    """
    by.require("customers.edit")
    external_id = values.get("external_id") or None
    found = (
        Subscription.objects.filter(account=account, external_id=external_id).first() if external_id else None
    )
    subscription = found or Subscription(account=account)
    for name, value in {**values, "external_id": external_id}.items():
        setattr(subscription, name, value)
    subscription.full_clean()
    subscription.save()
    running = Subscription.objects.filter(account=account, ended_on=None).exclude(renews_on=None)
    earliest = running.order_by("renews_on").values_list("renews_on", flat=True).first()
    if earliest is not None:
        Account.objects.filter(pk=account.pk).update(renewal_on=earliest)
    SUBSCRIPTION_SAVED.record(
        by=by,
        subject_id=account.pk,
        account_id=account.pk,
        detail={"subscription": subscription.pk, "product": subscription.product},
    )
    return subscription
