"""What automatic assignment remembers of a team."""

from django.conf import settings
from django.db import models

from people.models import Team


class TeamQueue(models.Model):
    """Whose turn it was last in a team that takes turns."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="+", primary_key=True)
    last_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
