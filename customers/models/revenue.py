"""Subscriptions and the revenue ledger behind ARR."""

from datetime import date, datetime
from typing import Any, ClassVar, NoReturn

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from people.viewer import Viewer


class Subscription(models.Model):
    """What an account has bought, in the account's currency."""

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


class LedgerQuerySet(models.QuerySet["RevenueMovement"]):
    """Reads of the ledger. Rows are never changed or deleted, only voided by others."""

    def visible_to(self, viewer: Viewer) -> "LedgerQuerySet":
        """Return the movements of accounts the viewer may see."""
        return self if viewer.can("customers.view") else self.none()

    def known(self, at: datetime | None) -> "LedgerQuerySet":
        """Return what was recorded by a moment; everything for None."""
        return self if at is None else self.filter(recorded_at__lte=at)

    def standing(self, at: datetime | None = None) -> "LedgerQuerySet":
        """Return the movements that hold as known at a moment (now for None): neither voided nor voiding others."""
        gone = Q(voided_by__isnull=False)
        if at is not None:
            gone &= Q(voided_by__recorded_at__lte=at)
        return self.known(at).filter(void_of=None).exclude(gone)

    def with_ends(self) -> "LedgerQuerySet":
        """Return the movements that hold or once held, what took them back loaded: ask each ``holds_at``."""
        return self.filter(void_of=None).select_related("voided_by")

    def update(self, **values: Any) -> int:
        """Refuse what a row says: a correction is a row that voids another. Rows may move to another account (merges)."""
        if not set(values) <= {"account", "account_id", "subscription", "subscription_id"}:
            raise TypeError("the revenue ledger is append-only")
        return super().update(**values)

    def delete(self) -> NoReturn:
        """Refuse; an account that is deleted takes its ledger along."""
        raise TypeError("the revenue ledger is append-only")


class RevenueMovement(models.Model):
    """One change of yearly recurring revenue. Append-only (the database refuses changes, see ``customers.append_only``).

    Two times are kept: ``effective_on``, the day from which it counts, and ``recorded_at``, when it became known. A correction
    is a row that voids another: same kind and day, opposite amount, ``void_of`` the row; so the sum of the rows known at a moment
    and effective by a day is the ARR as it was known then, whatever was corrected since. ``amount`` is in ``currency``, the
    account's; ``amount_base`` is that at ``rate`` of the day of effect (base units per unit), both None while no rate is known.
    """

    class Kind(models.TextChoices):
        """Why the revenue changed."""

        NEW = "new", _("New")
        EXPANSION = "expansion", _("Expansion")
        CONTRACTION = "contraction", _("Contraction")
        CHURN = "churn", _("Churn")
        REACTIVATION = "reactivation", _("Reactivation")
        PRICE_UPLIFT = "price_uplift", _("Price uplift")
        FX = "fx", _("Change of currency")

    account = models.ForeignKey(Account, models.CASCADE, related_name="revenue_movements")
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="+")
    product = models.CharField(_("product"), max_length=80, blank=True)
    kind = models.CharField(max_length=14, choices=Kind.choices)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    amount_base = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    base_currency = models.CharField(max_length=3, blank=True)
    rate = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    effective_on = models.DateField()
    notice_on = models.DateField(null=True)
    recorded_at = models.DateTimeField()
    reason_code = models.CharField(_("reason"), max_length=40, blank=True)
    void_of = models.OneToOneField("self", models.CASCADE, null=True, related_name="voided_by")

    objects: ClassVar[models.Manager["RevenueMovement"]] = models.Manager.from_queryset(LedgerQuerySet)()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "effective_on"], name="revenue_account_day"),
            models.Index(fields=["effective_on"], name="revenue_day"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new row; raises TypeError for one that is written already."""
        if self.pk is not None and not kwargs.get("force_insert"):
            raise TypeError("the revenue ledger is append-only")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("the revenue ledger is append-only")

    def holds_at(self, known_at: datetime | None = None) -> bool:
        """Say whether the movement held as known at a moment (now for None): recorded by then, and not taken back."""
        taken_back: RevenueMovement | None = getattr(self, "voided_by", None)
        if known_at is None:
            return taken_back is None
        return self.recorded_at <= known_at and (taken_back is None or taken_back.recorded_at > known_at)

    @property
    def said_on(self) -> date:
        """The day of the notice, else of the effect."""
        return self.notice_on or self.effective_on

    def clean(self) -> None:
        """Refuse a sign that does not fit the kind. Voiding rows are made by the service from what they void."""
        losses = {self.Kind.CONTRACTION, self.Kind.CHURN}
        if self.amount is None or self.kind == self.Kind.FX:
            return
        if (self.amount < 0) != (self.kind in losses):
            raise ValidationError({"amount": _("Losses are negative, gains positive.")})
