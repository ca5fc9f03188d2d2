"""Inboxes (channels configured) and categories (what tickets are about)."""

import secrets
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Skill, Team


def new_hook_key() -> str:
    """Return what makes the address that a provider calls unguessable."""
    return secrets.token_urlsafe(24)


class Inbox(models.Model):
    """A channel configured: where messages come in and under which address answers leave.

    ``config`` holds what the channel's own form asks for; ``sealed_secrets`` its secrets, as one sealed JSON object.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    channel = models.CharField(_("channel"), max_length=32, default="email")
    address = models.EmailField(_("address"), blank=True, help_text=_("Answers are sent from this address."))
    from_name = models.CharField(_("sender name"), max_length=80, blank=True)
    signature = models.TextField(_("signature"), blank=True)
    default_team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("default team")
    )
    config = models.JSONField(default=dict, blank=True)
    sealed_secrets = models.TextField(blank=True, editable=False)
    hook_key = models.CharField(max_length=40, unique=True, null=True, default=new_hook_key, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "inboxes"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """A topic. Its description in a customer's words routes tickets before there is any history.

    It may be a kind of another (Hardware > Laptop), ``MOST_LEVELS`` deep. ``WITH_TEAMS`` is what ``responsible_team`` reads.
    """

    MOST_LEVELS = 3
    WITH_TEAMS: ClassVar = ("team", "parent__team", "parent__parent__team")

    name = models.CharField(_("name"), max_length=80, unique=True)
    description = models.TextField(_("description"), blank=True)
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("parent")
    )
    team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("team")
    )
    required_skills = models.ManyToManyField(Skill, related_name="+", blank=True, verbose_name=_("skills"))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def responsible_team(self) -> Team | None:
        """Its own team, else the nearest one above it."""
        above: Category | None = self
        for _level in range(self.MOST_LEVELS):
            if above is None or above.team is not None:
                break
            above = above.parent
        return None if above is None else above.team
