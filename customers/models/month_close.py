"""Closed months: figures as they were known when somebody closed the month, and what became known about it later."""

from datetime import date
from typing import ClassVar

from django.conf import settings
from django.db import models

from customers.models.revenue import RevenueMovement
from people.viewer import Viewer


class MonthCloseQuerySet(models.QuerySet["MonthClose"]):
    """Reads of closed months."""

    def visible_to(self, viewer: Viewer) -> "MonthCloseQuerySet":
        """Return all for those who may look at customers, none for others."""
        return self if viewer.can("customers.view") else self.none()


class MonthClose(models.Model):
    """A month that is closed; nothing changes it. ``month`` is its first day.

    ``figures`` are those of the twelve months up to its end (``customers.revenue_figures.Figures.told``), ``groups`` the same by
    tier; both are what the ledger said at ``known_at``, at ``rates`` (base units by currency).
    """

    month = models.DateField(unique=True)
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    known_at = models.DateTimeField()
    base_currency = models.CharField(max_length=3)
    rates = models.JSONField()
    figures = models.JSONField()
    groups = models.JSONField(default=dict)

    objects: ClassVar[models.Manager["MonthClose"]] = models.Manager.from_queryset(MonthCloseQuerySet)()

    class Meta:
        ordering: ClassVar = ["-month"]

    @property
    def end(self) -> date:
        """The last day of the month."""
        return date.fromisoformat(self.figures["end_on"])


class Restatement(models.Model):
    """A movement that was recorded after a month was closed and counts in it: why the month would say something else now."""

    close = models.ForeignKey(MonthClose, models.CASCADE, related_name="restatements")
    movement = models.ForeignKey(RevenueMovement, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["close", "movement"], name="restated_once"),
        ]
