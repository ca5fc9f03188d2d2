"""When people are out of the office, and who stands in."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class AbsenceQuerySet(models.QuerySet["Absence"]):
    """Reads of absences."""

    def at(self, moment: datetime) -> "AbsenceQuerySet":
        """Return the absences that cover a moment."""
        return self.filter(cancelled_at=None, starts_at__lte=moment, ends_at__gt=moment)


class Absence(models.Model):
    """A time in which a person takes no tickets. ``deputy`` takes what waits for the person, without one the team does.

    ``handed_over_at`` is when the tickets that needed an act were handed over.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("deputy"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    handed_over_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Absence"]] = models.Manager.from_queryset(AbsenceQuerySet)()

    class Meta:
        ordering: ClassVar = ["starts_at"]
        indexes: ClassVar = [models.Index(fields=["ends_at", "user"], name="absence_until")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="absence_has_length")
        ]
