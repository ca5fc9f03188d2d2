"""Accounts: companies that are customers."""

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer


class AccountQuerySet(models.QuerySet["Account"]):
    """Reads of accounts."""

    def visible_to(self, viewer: Viewer) -> "AccountQuerySet":
        """Return the accounts a viewer may see: all for those who may look at customers, none for others.

        A merged account is in nobody's sight: who took it over stands for it.
        """
        return self.filter(merged_into=None) if viewer.can("customers.view") else self.none()


class Account(models.Model):
    """A company. The health columns are written by the health app's service only; lists and the inbox sort by them."""

    class Tier(models.TextChoices):
        """How much service the contract includes."""

        ENTERPRISE = "enterprise", _("Enterprise")
        GROWTH = "growth", _("Growth")
        STARTER = "starter", _("Starter")

    class Lifecycle(models.TextChoices):
        """Stage of the relation."""

        ONBOARDING = "onboarding", _("Onboarding")
        ADOPTING = "adopting", _("Adopting")
        ESTABLISHED = "established", _("Established")
        RENEWING = "renewing", _("Renewing")
        CHURNED = "churned", _("Churned")

    class Band(models.TextChoices):
        """Health band: 80 and up, 65 to 79, 50 to 64, below 50, and unknown when too little is known."""

        HEALTHY = "healthy", _("Healthy")
        STEADY = "steady", _("Steady")
        WATCH = "watch", _("Watch")
        AT_RISK = "at_risk", _("At risk")
        UNKNOWN = "unknown", _("Unknown")

    name = models.CharField(_("name"), max_length=160)
    domain = models.CharField(_("domain"), max_length=253, blank=True)
    external_id = models.CharField(_("external id"), max_length=120, null=True, blank=True, unique=True)
    # The company above this one. ``customers/hierarchy.py`` keeps the lines short and without circles.
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children", verbose_name=_("part of")
    )
    # Who has taken this account over; see ``AccountMerge``.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    tier = models.CharField(_("tier"), max_length=16, choices=Tier.choices, default=Tier.STARTER)
    lifecycle = models.CharField(
        _("stage"), max_length=16, choices=Lifecycle.choices, default=Lifecycle.ONBOARDING
    )
    arr = models.DecimalField(_("ARR"), max_digits=14, decimal_places=2, default=Decimal(0))
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    seats = models.PositiveIntegerField(_("seats"), default=0)
    csm = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("CSM"),
    )
    customer_since = models.DateField(_("customer since"), null=True, blank=True)
    renewal_on = models.DateField(_("renewal"), null=True, blank=True)
    churned_on = models.DateField(_("churned"), null=True, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    # Values by the key of a ``TraitDefinition``.
    traits = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    health_score = models.FloatField(null=True)
    health_band = models.CharField(max_length=10, choices=Band.choices, default=Band.UNKNOWN)
    health_delta_30 = models.FloatField(null=True)
    health_coverage = models.FloatField(null=True)
    health_trend = models.JSONField(default=list)
    health_scored_at = models.DateTimeField(null=True)
    churn_probability = models.FloatField(null=True)
    churn_probability_30 = models.FloatField(null=True)
    churn_probability_60 = models.FloatField(null=True)
    churn_low = models.FloatField(null=True)
    churn_high = models.FloatField(null=True)
    value_at_risk = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    open_tickets = models.PositiveIntegerField(default=0)
    last_touch_at = models.DateTimeField(null=True)
    next_step = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager["Account"]] = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["domain"], name="account_domain"),
            models.Index(fields=["-value_at_risk", "id"], name="account_value_at_risk"),
            models.Index(fields=["csm", "health_band"], name="account_csm_band"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(parent=None) | ~models.Q(parent=models.F("id")),
                name="account_not_above_itself",
            )
        ]

    def __str__(self) -> str:
        return self.name


class AccountExternalId(models.Model):
    """The id of an account in another system. A system that holds one customer twice may know an account by two.

    ``Account.external_id`` is the id that the product itself uses: the groupId of usage and the key of upserts. Here are the
    others, by the name of their system ("hubspot", "billing"). ``changed_at`` is when the row was last written;
    ``remote_changed_at`` is how far a synchronisation has read the other system's record, None before the first time.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="external_ids")
    source = models.CharField(_("system"), max_length=40)
    value = models.CharField(_("id"), max_length=120)
    changed_at = models.DateTimeField()
    remote_changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["source", "value"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "value"], name="one_account_per_external_id")
        ]
        indexes: ClassVar = [models.Index(fields=["source", "changed_at"], name="external_id_changed")]
