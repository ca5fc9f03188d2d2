"""Subscriptions and the revenue ledger behind ARR."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account


class Subscription(models.Model):
    """What an account has bought."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="subscriptions")
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    product = models.CharField(_("product"), max_length=80)
    plan = models.CharField(_("plan"), max_length=40, blank=True)
    seats = models.PositiveIntegerField(_("seats"), default=0)
    arr = models.DecimalField(_("ARR"), max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    starts_on = models.DateField(_("start"))
    renews_on = models.DateField(_("renewal"), null=True, blank=True)
    ended_on = models.DateField(_("end"), null=True, blank=True)


class RevenueMovement(models.Model):
    """One change of recurring revenue. Append-only: corrections are new rows; both times are kept."""

    class Kind(models.TextChoices):
        """Why the revenue changed."""

        NEW = "new", _("New")
        EXPANSION = "expansion", _("Expansion")
        CONTRACTION = "contraction", _("Contraction")
        CHURN = "churn", _("Churn")
        REACTIVATION = "reactivation", _("Reactivation")

    account = models.ForeignKey(Account, models.CASCADE, related_name="revenue_movements")
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    effective_on = models.DateField()
    notice_on = models.DateField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "effective_on"], name="revenue_account_day")]
