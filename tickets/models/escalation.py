"""Escalations: the steps taken around deadlines, the rules that escalate tickets, and the escalations themselves."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Team
from tickets.models.sla import SLAStep
from tickets.models.ticket import Ticket


class SLAStepRun(models.Model):
    """That a step was taken for one deadline of one ticket; the constraint is what keeps it from being taken twice.

    ``episode_at`` is when the promise began to run: a step that changes the ticket is taken once per episode, however often
    the deadline moves. ``outcome`` says in a word what came of it.
    """

    step = models.ForeignKey(SLAStep, models.CASCADE, related_name="runs")
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="sla_step_runs")
    promise = models.CharField(max_length=16)
    due_at = models.DateTimeField()
    episode_at = models.DateTimeField()
    ran_at = models.DateTimeField()
    outcome = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "step", "promise", "due_at"], name="one_run_per_step_and_deadline"
            )
        ]


class EscalationRule(models.Model):
    """When a ticket is escalated by the product, to which level, and who owns it then.

    With ``repeat_count`` the contact must also have opened so many tickets within ``repeat_days``, this one included.
    """

    class Owner(models.TextChoices):
        """Who owns the escalation."""

        ASSIGNEE = "assignee", _("the assignee")
        LEAD = "lead", _("the leads of the team")
        PERSON = "person", _("a person")
        TEAM = "team", _("a team")

    name = models.CharField(_("name"), max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    condition = models.JSONField(_("condition"), default=dict, blank=True)
    repeat_count = models.PositiveSmallIntegerField(_("tickets of the contact"), null=True, blank=True)
    repeat_days = models.PositiveSmallIntegerField(_("within days"), default=30)
    level = models.PositiveSmallIntegerField(_("level"), default=1)
    owner_kind = models.CharField(_("owner"), max_length=8, choices=Owner.choices, default=Owner.LEAD)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    owner_team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+")
    notify = models.BooleanField(_("notify the owner"), default=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class Escalation(models.Model):
    """A stretch in which a ticket is escalated to one level. A ticket has at most one that has not ended."""

    class End(models.TextChoices):
        """Why it ended."""

        RAISED = "raised", _("went to another level")
        LOWERED = "lowered", _("de-escalated")
        RESOLVED = "resolved", _("the ticket was resolved")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="escalations")
    level = models.PositiveSmallIntegerField()
    rule = models.ForeignKey(EscalationRule, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    owner_team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    end_kind = models.CharField(max_length=8, choices=End.choices, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket"], condition=models.Q(ended_at=None), name="one_open_escalation"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["-level", "opened_at"], condition=models.Q(ended_at=None), name="escalation_open"
            )
        ]
