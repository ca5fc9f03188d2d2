"""What a ticket is about may change while people write: what was seen in a later message, and what people made of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tickets.models.inbox import Category
from tickets.models.message import Message
from tickets.models.ticket import Ticket


class TopicChange(models.Model):
    """The newest proposal of a ticket. It moves nothing; a person follows or dismisses it.

    ``first_category`` is what the ticket was about when it came: training keeps to it, for the first message has not changed.
    """

    class State(models.TextChoices):
        """What became of it."""

        PROPOSED = "proposed", _("Proposed")
        FOLLOWED = "followed", _("Followed")
        DISMISSED = "dismissed", _("Dismissed")

    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="topic_change")
    message = models.ForeignKey(Message, models.CASCADE, related_name="+")
    first_category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="+")
    category = models.ForeignKey(Category, models.CASCADE, related_name="+")
    probability = models.FloatField()
    source = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1), name="topic_probability_is_one"
            ),
        ]
