"""Segments: named conditions on accounts, and the ledger of who was in them when."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from people.viewer import Viewer


class SegmentQuerySet(models.QuerySet["Segment"]):
    """Reads of segments."""

    def visible_to(self, viewer: Viewer) -> "SegmentQuerySet":
        """Return what a viewer may see: shared segments and the own ones, for those who may look at customers.

        Segments that ask about what the viewer may not read are left out by ``customers.segments.readable``.
        """
        if not viewer.can("customers.view"):
            return self.none()
        own = models.Q(owner_id=viewer.user_id) if viewer.user_id else models.Q(pk__in=[])
        return self.filter(models.Q(is_shared=True) | own)


class Segment(models.Model):
    """Accounts that meet a condition. ``definition`` is read by ``customers.segments``; ``revision`` counts its changes.

    ``evaluated_revision`` below ``revision`` means that the ledger does not say yet what the definition says now.
    """

    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=300, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )
    is_shared = models.BooleanField(_("shared"), default=True)
    definition = models.JSONField(_("condition"), default=dict)
    revision = models.PositiveIntegerField(default=1)
    evaluated_revision = models.PositiveIntegerField(default=0)
    evaluated_at = models.DateTimeField(null=True)
    members = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["Segment"]] = models.Manager.from_queryset(SegmentQuerySet)()

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("name"),
                name="one_segment_per_name",
                violation_error_message=_("There is such a segment."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMembership(models.Model):
    """An account was in a segment from ``entered_at`` until ``left_at``, null while it is. Rows are closed, never changed."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, models.CASCADE, related_name="segment_memberships")
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["segment", "account"], condition=models.Q(left_at=None), name="one_open_membership"
            ),
            models.CheckConstraint(
                condition=models.Q(left_at=None) | models.Q(left_at__gte=models.F("entered_at")),
                name="membership_ends_after_it_begins",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-entered_at"], name="membership_of_account"),
            models.Index(
                fields=["segment", "id"], condition=models.Q(left_at=None), name="open_members_of_segment"
            ),
        ]
