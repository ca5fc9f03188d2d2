"""Macros that give the ticket to somebody."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.models import Team, User
from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import MacroAction
from tickets.services.assign_ticket import WORKING_ROLES, assign_ticket
from tickets.services.correct_routing import correct_routing

ME = "me"
NOBODY = "nobody"


class AssignToPerson(MacroAction):
    """Give the ticket to a person, to whoever applies the macro, or back to its team."""

    key = "assign"
    label = gettext_lazy("Assignee")
    icon = "user-check"
    order = 30
    permission = "tickets.assign"

    def fields(self) -> dict[str, forms.Field]:
        """Who can answer tickets."""
        people = User.objects.filter(is_active=True, role__in=WORKING_ROLES)
        choices = [(ME, _("Whoever applies it")), (NOBODY, _("Nobody: back to the team"))]
        choices += [(str(user.pk), user.name) for user in people]
        return {"to": forms.ChoiceField(label=_("Assignee"), choices=choices)}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Assign to Priya Raman"."""
        to = values["to"]
        if to == ME:
            return _("Assign to you")
        if to == NOBODY:
            return _("Give back to the team")
        name = User.objects.filter(pk=to).values_list("name", flat=True).first()
        return _("Assign to %s") % (name or _("somebody who is no longer here"))

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Assign it."""
        to = by.user_id if values["to"] == ME else values["to"]
        if to is None:
            raise ValidationError({"assignee": _("An integration cannot take tickets.")})
        assignee = None if to == NOBODY else User.objects.filter(pk=to).first()
        if to != NOBODY and assignee is None:
            raise ValidationError({"assignee": _("This person is no longer here.")})
        assign_ticket(ticket=ticket, assignee=assignee, by=by)


class AssignToTeam(MacroAction):
    """Give the ticket to a team."""

    key = "team"
    label = gettext_lazy("Team")
    icon = "users"
    order = 31

    def fields(self) -> dict[str, forms.Field]:
        """The active teams."""
        teams = Team.objects.filter(is_active=True)
        return {"team": forms.ModelChoiceField(label=_("Team"), queryset=teams, empty_label=None)}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Move to Billing"."""
        name = Team.objects.filter(pk=values["team"]).values_list("name", flat=True).first()
        return _("Move to the team %s") % (name or "?")

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Move it; a person's word, so routing learns from it."""
        team = Team.objects.filter(pk=values["team"], is_active=True).first()
        if team is None:
            raise ValidationError({"team": _("This team takes no tickets any more.")})
        if ticket.team_id != team.pk:
            correct_routing(ticket=ticket, team=team, category=None, by=by)
