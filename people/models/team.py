"""Teams and who belongs to them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Team(models.Model):
    """A group of people that tickets are routed to. The description also teaches routing before there is history."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    description = models.TextField(
        _("description"),
        blank=True,
        help_text=_("What the team handles, in a customer's words. Routing learns from it."),
    )
    is_private = models.BooleanField(
        _("private"), default=False, help_text=_("Only members and leads see the tickets of a private team.")
    )
    strategy = models.CharField(
        _("assignment"),
        max_length=12,
        choices=[
            ("balanced", _("Balanced by free capacity")),
            ("round_robin", _("In turn")),
            ("skills", _("By skills, then by free capacity")),
            ("manual", _("By hand")),
        ],
        default="balanced",
    )
    previous_owner_days = models.PositiveSmallIntegerField(
        _("previous owner first, days"),
        default=0,
        help_text=_(
            "Who had the customer's last ticket within so many days gets the next one, when there. 0: never."
        ),
    )
    reopen_hours = models.PositiveSmallIntegerField(
        _("reopened tickets wait for their owner, hours"),
        default=24,
        help_text=_("Who is not back by then loses a reopened ticket to the deputy or the team."),
    )
    unattended_minutes = models.PositiveSmallIntegerField(
        _("take back from people who are away after, minutes"),
        default=0,
        help_text=_("Tickets in which a customer waits while their owner is away. 0: never."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="TeamMembership", related_name="+")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class TeamMembership(models.Model):
    """One person in one team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team")
        ]
