"""How tickets hang together and who is on them: followers, people in copy, links, merges."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Contact
from tickets.models.ticket import Ticket


class Follower(models.Model):
    """A colleague who wants to hear about a ticket without working on it."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="followers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "ticket"], name="one_follower_per_ticket")
        ]


class CarbonCopy(models.Model):
    """A contact who gets a copy of the answers on a ticket. With ``removed_at`` the person stays off them, also when a
    message of the customer copies the person."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="carbon_copies")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="carbon_copies")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "contact"], name="one_copy_per_contact")
        ]


class TicketLink(models.Model):
    """Two tickets that belong together.

    ``related`` is symmetric and stored with the older ticket first; ``parent``: ``from_ticket`` is the parent; ``duplicate``:
    ``from_ticket`` repeats ``to_ticket``; ``split``: ``to_ticket`` was split off ``from_ticket``.
    """

    class Kind(models.TextChoices):
        """What the first ticket is to the second."""

        RELATED = "related", _("Related")
        PARENT = "parent", _("Parent")
        DUPLICATE = "duplicate", _("Duplicate")
        SPLIT = "split", _("Split")

    from_ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="links_out")
    to_ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="links_in")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["from_ticket", "to_ticket", "kind"], name="one_link_of_a_kind"),
            models.UniqueConstraint(
                fields=["to_ticket"], condition=Q(kind="parent"), name="one_parent_per_ticket"
            ),
            models.CheckConstraint(condition=~Q(from_ticket=models.F("to_ticket")), name="no_link_to_itself"),
        ]


class TicketMerge(models.Model):
    """A merge that can be taken back. ``before`` are the columns of the source that taking it back restores."""

    source = models.ForeignKey(Ticket, models.CASCADE, related_name="merges")
    target = models.ForeignKey(Ticket, models.CASCADE, related_name="+")
    before = models.JSONField(default=dict)
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    merged_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(undone_at=None), name="one_open_merge_per_ticket"
            )
        ]
