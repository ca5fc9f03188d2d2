"""Tags that the model suggests for a ticket, and what became of each."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.fields import Tag
from tickets.models.ticket import Ticket


class TagSuggestionQuerySet(models.QuerySet["TagSuggestion"]):
    """Reads of suggestions."""

    def visible_to(self, viewer: Viewer) -> "TagSuggestionQuerySet":
        """Return the suggestions for the tickets that a viewer may see."""
        return self.filter(ticket__in=Ticket.objects.visible_to(viewer))


class TagSuggestion(models.Model):
    """One tag for one ticket. It is on the ticket once it is ``accepted`` by a person or ``applied`` by itself.

    ``source`` names the version. Words of the customer that speak for it are kept with the prediction alone, which forgets them.
    """

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Accepted")
        DISMISSED = "dismissed", _("Dismissed")
        APPLIED = "applied", _("Applied by itself")

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="tag_suggestions")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")
    probability = models.FloatField()
    source = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    suggested_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[models.Manager["TagSuggestion"]] = models.Manager.from_queryset(TagSuggestionQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "tag"], name="one_suggestion_per_tag"),
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="tag_probability_is_one"
            ),
        ]
