"""Tickets that say the same: what was found beside each one, and incidents made of many that came together."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tickets.models.ticket import Ticket


class SimilarTickets(models.Model):
    """What an ml worker found near a ticket, nearest first: ``tickets`` and ``macros`` are lists of [id, cosine].

    ``searched`` of ``total`` tickets were compared; fewer than all only above what the process holds.
    """

    ticket = models.OneToOneField(Ticket, models.CASCADE, primary_key=True, related_name="similar")
    tickets = models.JSONField(default=list)
    macros = models.JSONField(default=list)
    searched = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    searched_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["searched_at"], name="similar_searched_at")]


class Incident(models.Model):
    """Tickets of several customers that say the same within hours: proposed by a machine, decided by a person.

    ``ticket`` is the one that the others are children of, once it is confirmed. ``decided_size`` is how many there were when it
    was dismissed: at twice as many it is proposed again.
    """

    class State(models.TextChoices):
        """What became of it."""

        PROPOSED = "proposed", _("Proposed")
        CONFIRMED = "confirmed", _("Confirmed")
        DISMISSED = "dismissed", _("Dismissed")

    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_size = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "-id"], name="incident_state")]


class IncidentTicket(models.Model):
    """A ticket of an incident; ``cosine`` to the one that it was found near to."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="members")
    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="incident_member")
    cosine = models.FloatField()
    added_at = models.DateTimeField()
