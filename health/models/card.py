"""Health cards: which accounts are measured how, in versions that never change once they are published."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from health.cards import Card, Lens, card_from
from people.viewer import Viewer


class HealthCardQuerySet(models.QuerySet["HealthCard"]):
    """Reads of cards."""

    def visible_to(self, viewer: Viewer) -> "HealthCardQuerySet":
        """Return the cards a viewer may see: all for those who may look at health, none for others."""
        return self if viewer.can("health.view") else self.none()


class HealthCard(models.Model):
    """A way to measure accounts. Of the live cards that apply to an account the one with the lowest ``priority`` counts.

    A ``is_primary`` card fills the health columns of the accounts; others give one further score per ``lens``.
    ``applies_to`` is a condition on accounts (``health.card_conditions``). Without a ``live`` version it measures nobody.
    """

    key = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    lens = models.CharField(_("lens"), max_length=16, choices=Lens.choices, default=Lens.HEALTH)
    is_primary = models.BooleanField(_("fills the health score"), default=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=100)
    applies_to = models.JSONField(default=dict, blank=True)
    live = models.ForeignKey(
        "health.HealthCardVersion", models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["HealthCard"]] = models.Manager.from_queryset(HealthCardQuerySet)()

    class Meta:
        ordering: ClassVar = ["priority", "key"]

    def __str__(self) -> str:
        return self.name


class HealthCardVersion(models.Model):
    """What a card counted (``content``, see ``health.cards``). ``number`` null is the draft, the one that may change."""

    card = models.ForeignKey(HealthCard, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(null=True)
    content = models.JSONField()
    checksum = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["card", "number"], name="card_version_number"),
            models.UniqueConstraint(
                fields=["card"], condition=models.Q(number=None), name="one_draft_per_card"
            ),
            models.CheckConstraint(
                condition=models.Q(number=None, published_at=None)
                | models.Q(number__isnull=False, published_at__isnull=False),
                name="numbered_when_published",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """How snapshots name it: ``key:number-checksum``."""
        return f"{self.card.key}:{self.number or 'draft'}-{self.checksum[:8]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it; a published version is refused, it never changes."""
        if self.pk is not None and HealthCardVersion.objects.filter(pk=self.pk).exclude(number=None).exists():
            raise ValueError("a published version of a card does not change")
        super().save(*args, **kwargs)

    def as_card(self) -> Card:
        """Return it as a value."""
        return card_from(self.content, version=self.label, lens=self.card.lens, name=self.card.name)
