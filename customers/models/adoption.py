"""How features are adopted, account by account, and how much was used month by month; both follow from the daily usage."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from people.viewer import Viewer


class FeatureAdoptionQuerySet(models.QuerySet["FeatureAdoption"]):
    """Reads of adoption."""

    def visible_to(self, viewer: Viewer) -> "FeatureAdoptionQuerySet":
        """Return the rows of accounts that a viewer may see."""
        return self if viewer.can("customers.view") else self.none()


class FeatureAdoption(models.Model):
    """One account's use of one feature in the 28 days before ``as_of`` (UTC); no row means that it was never used.

    ``days`` are days with use, ``user_days`` the users of those days added up, ``peak_users`` those of the busiest day,
    ``habit_weeks`` how many of the four weeks were habitual.
    """

    class State(models.TextChoices):
        """Habitual: in three of the last four weeks at least max(3 users, 20 % of the active ones). Tried: used in 28 days."""

        HABITUAL = "habitual", _("Habitual")
        TRIED = "tried", _("Tried")
        LAPSED = "lapsed", _("Lapsed")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    feature = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices)
    days = models.PositiveIntegerField(default=0)
    user_days = models.PositiveIntegerField(default=0)
    events = models.PositiveBigIntegerField(default=0)
    peak_users = models.PositiveIntegerField(default=0)
    habit_weeks = models.PositiveIntegerField(default=0)
    last_used_on = models.DateField()
    as_of = models.DateField()

    objects: ClassVar[models.Manager["FeatureAdoption"]] = models.Manager.from_queryset(
        FeatureAdoptionQuerySet
    )()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "feature"], name="one_adoption_per_feature"),
        ]
        indexes: ClassVar = [models.Index(fields=["feature", "state", "account"], name="adoption_state")]


class UsageMonth(models.Model):
    """One account's calendar month: days with use and events, in all (``feature`` empty) or of one feature."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    feature = models.CharField(max_length=120, blank=True)
    month = models.DateField()
    days = models.PositiveIntegerField()
    events = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "feature", "month"], name="one_usage_month"),
        ]
        indexes: ClassVar = [models.Index(fields=["feature", "month"], name="usage_month_feature")]


class AdoptionRange(models.Model):
    """When the adoption of the accounts of one range of ids was measured last; its row is the lock of who measures."""

    number = models.PositiveIntegerField(unique=True)
    measured_on = models.DateField(null=True)
