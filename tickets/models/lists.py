"""Lists of tickets: saved views, their counters, columns that people chose, and acts on many tickets at once."""

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Job
from people.models import Team
from people.viewer import Viewer
from tickets.models.ticket import Ticket


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Reads of saved views."""

    def visible_to(self, viewer: Viewer) -> "SavedViewQuerySet":
        """Return everybody's, those of the viewer's teams (of all teams for who sees all) and the viewer's own."""
        if not viewer.can("tickets.view"):
            return self.none()
        if viewer.kind == "system":
            return self
        seen = Q(scope=SavedView.Scope.EVERYONE)
        if viewer.can("tickets.all_teams"):
            seen |= Q(scope=SavedView.Scope.TEAM)
        elif viewer.team_ids:
            seen |= Q(scope=SavedView.Scope.TEAM, team_id__in=viewer.team_ids)
        if viewer.user_id is not None:
            seen |= Q(scope=SavedView.Scope.PERSONAL, owner_id=viewer.user_id)
        return self.filter(seen)


class SavedView(models.Model):
    """A list with a name: a condition (see ``tickets.conditions``), an order and the columns of its table.

    ``revision`` grows with the condition; counters belong to a revision and are shown when ``counted_revision`` has reached it.
    """

    class Scope(models.TextChoices):
        """Whose it is."""

        PERSONAL = "personal", _("Only me")
        TEAM = "team", _("A team")
        EVERYONE = "everyone", _("Everyone")

    name = models.CharField(_("name"), max_length=60)
    icon = models.CharField(_("icon"), max_length=40, default="bookmark")
    scope = models.CharField(_("for"), max_length=8, choices=Scope.choices, default=Scope.PERSONAL)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    condition = models.JSONField(_("condition"), default=dict)
    columns = models.JSONField(_("columns"), default=list)
    sort = models.CharField(_("order"), max_length=12, default="sla")
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(_("active"), default=True)
    revision = models.PositiveIntegerField(default=1)
    counted_revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["SavedView"]] = models.Manager.from_queryset(SavedViewQuerySet)()

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """What the address of the view says."""
        return f"saved-{self.pk}"


class ListColumns(models.Model):
    """The columns that a person has chosen for the table of a view."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    view = models.CharField(max_length=32)
    columns = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "view"], name="one_choice_of_columns_per_view")
        ]


class ViewCount(models.Model):
    """How many tickets one part of the people sees in one view; what a person sees is a sum of these.

    ``team`` is the private team of the tickets counted, ``assignee`` who has them there: both 0 outside private teams.
    ``person`` is 0 for what holds for everybody; for a person it is the difference that the word "me" makes.
    """

    view = models.CharField(max_length=32)
    team = models.BigIntegerField(default=0)
    assignee = models.BigIntegerField(default=0)
    person = models.BigIntegerField(default=0)
    count = models.IntegerField(default=0)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["view", "team", "assignee", "person"], name="one_count_per_bucket"
            )
        ]


class CountedTicket(models.Model):
    """How a ticket has been counted: ``buckets`` are [view, team, assignee, person, difference].

    ``version`` and ``unread`` are the ticket's at that moment; after ``due_at`` the passing of time alone changes the answer.
    """

    ticket = models.OneToOneField(Ticket, models.CASCADE, primary_key=True, related_name="+")
    buckets = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=0)
    unread = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="counted_ticket_due")
        ]


def _new_reference() -> str:
    return secrets.token_hex(8)


class BulkAct(models.Model):
    """One act on many tickets: what was asked (``act`` and its ``value``), by whom, and what became of it."""

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    reference = models.CharField(max_length=16, unique=True, default=_new_reference)
    act = models.CharField(max_length=16)
    value = models.JSONField(default=dict)
    words = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    api_key = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    undo_state = models.CharField(max_length=10, choices=State.choices, blank=True)
    undo_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at"], name="bulk_act_user"),
            # What is looked at every half minute: acts that nobody may be working on.
            models.Index(
                fields=["created_at"],
                condition=Q(state="running") | Q(undo_state="running"),
                name="bulk_act_running",
            ),
        ]


class BulkItem(models.Model):
    """What a bulk act did to one ticket. ``before`` is what taking it back restores, ``after`` what the act has made of it."""

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        SAME = "same", _("Was so already")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")
        UNDONE = "undone", _("Taken back")
        KEPT = "kept", _("Not taken back")
        UNDO_FAILED = "undo_failed", _("Could not be taken back")

    act = models.ForeignKey(BulkAct, models.CASCADE, related_name="items")
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    state = models.CharField(max_length=11, choices=State.choices, default=State.WAITING)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["act", "ticket"], name="one_item_per_ticket")
        ]
        indexes: ClassVar = [models.Index(fields=["act", "state", "id"], name="bulk_item_state")]
