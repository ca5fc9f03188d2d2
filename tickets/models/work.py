"""Work on a ticket beside its conversation: the steps to take and the time it took."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tickets.models.fields import TicketType
from tickets.models.ticket import Ticket


class ChecklistItem(models.Model):
    """A step. ``from_type`` is the type whose list it came from, empty when somebody wrote it."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="checklist")
    text = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    from_type = models.ForeignKey(TicketType, models.SET_NULL, null=True, related_name="+")
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.text


class TimeEntry(models.Model):
    """Minutes that a person worked on a ticket on a day; ``user`` is empty when an integration logged nobody's time."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="time_entries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    minutes = models.PositiveIntegerField()
    note = models.CharField(max_length=200, blank=True)
    worked_on = models.DateField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-worked_on", "-pk"]

    def __str__(self) -> str:
        return f"{self.minutes} min"
