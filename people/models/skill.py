"""What people can do that others cannot: languages, products, crafts."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Skill(models.Model):
    """A skill that tickets can need. With a ``language`` it is needed by every ticket in that language."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    language = models.CharField(
        _("language"),
        max_length=16,
        blank=True,
        help_text=_("For a language: its code, for example “de”. Tickets in that language need the skill."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, through="UserSkill", related_name="+")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class UserSkill(models.Model):
    """One person has one skill."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="holders")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "skill"], name="one_skill_per_user")]
