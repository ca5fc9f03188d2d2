"""Canned replies and macros: what people write and do again and again."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.models import Team
from people.viewer import Viewer


class MacroQuerySet(models.QuerySet["Macro"]):
    """Reads of macros."""

    def visible_to(self, viewer: Viewer) -> "MacroQuerySet":
        """Return everybody's, those of the viewer's teams and the viewer's own; who keeps shared ones sees every team's."""
        if not viewer.can("tickets.view"):
            return self.none()
        if viewer.kind == "system":
            return self
        shared = Q(scope=Macro.Scope.EVERYONE)
        if viewer.can("tickets.share_macros") or viewer.kind == "api_key":
            shared |= Q(scope=Macro.Scope.TEAM)
        else:
            shared |= Q(scope=Macro.Scope.TEAM, team_id__in=viewer.team_ids)
        if viewer.user_id is None:
            return self.filter(shared)
        return self.filter(shared | Q(scope=Macro.Scope.PERSONAL, owner_id=viewer.user_id))


class Macro(models.Model):
    """A canned reply (text for the composer) or a macro (texts and actions).

    ``actions`` lists ``{"action": key, …values}`` for ``tickets.registry.macro_actions``, in the order in which they are done.
    ``condition`` (see ``tickets.conditions``) tells on which tickets it is offered. ``sends`` says that a macro's reply goes out
    when it is applied; else it is put into the composer.
    """

    class Kind(models.TextChoices):
        """What it is."""

        CANNED = "canned", _("Canned reply")
        MACRO = "macro", _("Macro")

    class Scope(models.TextChoices):
        """Whose it is."""

        PERSONAL = "personal", _("Only me")
        TEAM = "team", _("A team")
        EVERYONE = "everyone", _("Everyone")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.CANNED)
    name = models.CharField(_("name"), max_length=80)
    folder = models.CharField(_("folder"), max_length=60, blank=True)
    shortcut = models.CharField(_("shortcut"), max_length=32, blank=True)
    scope = models.CharField(_("for"), max_length=8, choices=Scope.choices, default=Scope.PERSONAL)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="+")
    reply = models.TextField(_("reply"), blank=True)
    note = models.TextField(_("private note"), blank=True)
    sends = models.BooleanField(_("sends the reply"), default=False)
    actions = models.JSONField(_("actions"), default=list, blank=True)
    condition = models.JSONField(_("offered when"), default=dict, blank=True)
    # Keys of the channels by which its reply may leave; empty: all.
    channels = models.JSONField(_("channels"), default=list, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("active"), default=True)
    use_count = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["Macro"]] = models.Manager.from_queryset(MacroQuerySet)()

    class Meta:
        ordering: ClassVar = ["position", "folder", "name", "pk"]
        indexes: ClassVar = [models.Index(fields=["scope", "team", "owner"], name="macro_scope")]

    def __str__(self) -> str:
        return self.name
