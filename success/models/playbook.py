"""Playbooks, the accounts enrolled in them, and each step's run."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact
from people.viewer import Viewer


class Playbook(models.Model):
    """A trigger and its steps. ``steps`` is a list of ``{"kind": "email"|"cta"|"wait", …}`` validated by the step's form.

    ``holdout_percent`` of the accounts (by a stable hash) are enrolled as controls: nothing is sent to them.
    """

    key = models.SlugField(unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    trigger = models.CharField(_("trigger"), max_length=40)
    trigger_config = models.JSONField(default=dict, blank=True)
    steps = models.JSONField(default=list)
    cooldown_days = models.PositiveSmallIntegerField(_("cooldown in days"), default=30)
    holdout_percent = models.PositiveSmallIntegerField(_("holdout in percent"), default=0)
    version = models.PositiveIntegerField(default=1)
    is_active = models.BooleanField(_("active"), default=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    """Reads of enrolments."""

    def visible_to(self, viewer: Viewer) -> "EnrolmentQuerySet":
        """Return the enrolments a viewer may see."""
        return self if viewer.can("success.view") else self.none()


class Enrolment(models.Model):
    """One account on its way through one playbook, with the steps as they were when it entered.

    ``evidence`` names the ``trigger`` that let the account in; it is absent when a person did.
    """

    class State(models.TextChoices):
        """Life of an enrolment; ``control`` is the holdout arm, ``exited`` left before its last step."""

        ACTIVE = "active", _("Active")
        DONE = "done", _("Done")
        EXITED = "exited", _("Exited")
        CONTROL = "control", _("Control group")

    playbook = models.ForeignKey(Playbook, models.PROTECT, related_name="enrolments")
    playbook_version = models.PositiveIntegerField()
    steps = models.JSONField(default=list)
    account = models.ForeignKey(Account, models.CASCADE, related_name="enrolments")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    reason = models.CharField(max_length=300)
    evidence = models.JSONField(default=dict)
    step_index = models.PositiveSmallIntegerField(default=0)
    next_step_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    exit_reason = models.CharField(max_length=200, blank=True)
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Enrolment"]] = models.Manager.from_queryset(EnrolmentQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["playbook", "account"],
                condition=models.Q(state="active"),
                name="one_active_enrolment",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_step_at"], condition=models.Q(state="active"), name="enrolment_due"),
            models.Index(fields=["account", "-id"], name="enrolment_account"),
        ]


class StepRun(models.Model):
    """That a step of an enrolment ran, once, with its outcome."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="runs")
    index = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=24)
    outcome = models.CharField(max_length=200, blank=True)
    ran_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["enrolment", "index"], name="one_run_per_step")
        ]
