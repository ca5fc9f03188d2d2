"""Stages of a customer's life, and the history of who was in which when."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account


class Stage(models.Model):
    """A stage. ``phase`` is what ``Account.lifecycle`` says of accounts in it; several stages may share one.

    ``entry`` and ``exit`` are conditions on accounts (``customers.segments``): who meets the entry rule of a later stage moves
    there; who meets the exit rule of the own one goes back to the last earlier stage whose entry rule holds. An empty rule moves
    nobody. Rules count while ``is_automatic``. After ``stall_days`` business days without a step an account counts as stalled,
    null for never.
    """

    key = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    phase = models.CharField(_("counts as"), max_length=16, choices=Account.Lifecycle.choices)
    position = models.PositiveSmallIntegerField(_("position"))
    is_active = models.BooleanField(_("in use"), default=True)
    is_automatic = models.BooleanField(_("rules move customers"), default=False)
    entry = models.JSONField(_("entry rule"), default=dict, blank=True)
    exit = models.JSONField(_("exit rule"), default=dict, blank=True)
    stall_days = models.PositiveSmallIntegerField(_("stalled after business days"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_end(self) -> bool:
        """Whether the relation is over in this stage."""
        return self.phase == Account.Lifecycle.CHURNED


class StageStay(models.Model):
    """An account was in a stage from ``entered_at`` until ``left_at``, null while it is; ``why`` in words, ``cause`` as a key."""

    class Cause(models.TextChoices):
        """What moved the account into the stage."""

        START = "start", _("First seen")
        RULE = "rule", _("Rule")
        PERSON = "person", _("By hand")
        DATA = "data", _("Contract or import")

    account = models.ForeignKey(Account, models.CASCADE, related_name="stage_stays")
    stage = models.ForeignKey(Stage, models.PROTECT, related_name="stays")
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=8, choices=Cause.choices, default=Cause.PERSON)
    why = models.CharField(max_length=240, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(left_at=None), name="one_open_stay_per_account"
            ),
            models.CheckConstraint(
                condition=models.Q(left_at=None) | models.Q(left_at__gte=models.F("entered_at")),
                name="stay_ends_after_it_begins",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "entered_at"], name="stay_of_account"),
            models.Index(fields=["stage", "entered_at"], name="stay_of_stage"),
        ]
