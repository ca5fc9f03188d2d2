"""What is expected of an open ticket."""

from typing import ClassVar

from django.db import models

from tickets.models.ticket import Ticket


class TicketForecast(models.Model):
    """When a ticket will probably be solved and how likely its next promise is missed, as of ``made_at``. Written by
    ``tickets.services.forecast_tickets`` alone; a solved ticket has none.

    Seconds are of the calendar, from ``made_at`` on; times of ``longest_seconds`` or more mean "longer than that". Sources are
    a version (``remaining_time-v3``) or the name of the trivial forecast.
    """

    ticket = models.OneToOneField(Ticket, models.CASCADE, primary_key=True, related_name="forecast")
    median_seconds = models.PositiveBigIntegerField(null=True)
    likely_seconds = models.PositiveBigIntegerField(null=True)
    longest_seconds = models.PositiveBigIntegerField(default=0)
    time_source = models.CharField(max_length=64, blank=True)
    breach_probability = models.FloatField(null=True)
    breach_about = models.CharField(max_length=16, blank=True)
    breach_due_at = models.DateTimeField(null=True)
    breach_source = models.CharField(max_length=64, blank=True)
    # [feature, value, points of the probability] of the strongest reasons; empty for the trivial forecast.
    breach_reasons = models.JSONField(default=list)
    made_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["made_at"], name="forecast_made_at")]
