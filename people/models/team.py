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
        choices=[("balanced", _("Balanced by free capacity")), ("manual", _("By hand"))],
        default="balanced",
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
