"""Macros that hand something to the customer's CSM."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from success.models import CTA
from success.services.open_cta import open_cta
from tickets.models import Ticket
from tickets.registry import MacroAction


class OpenTask(MacroAction):
    """Open a task for the account of the ticket; the ticket is its reason, so twice adds evidence to the one task."""

    key = "success_task"
    label = gettext_lazy("Success task")
    icon = "target"
    order = 200
    permission = "success.act"

    def fields(self) -> dict[str, forms.Field]:
        """What is to be done, and within how many days."""
        return {
            "title": forms.CharField(label=_("What is to be done"), max_length=120),
            "days": forms.IntegerField(label=_("Days"), min_value=1, max_value=90, initial=7),
        }

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Open the success task “Call them”, due in 7 days"."""
        return _("Open the success task “%(title)s”, due in %(days)s days") % {
            "title": values["title"],
            "days": values["days"],
        }

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Open it."""
        if ticket.account is None:
            raise ValidationError({"account": _("The ticket belongs to no customer who could have a task.")})
        open_cta(
            account=ticket.account,
            by=by,
            title=values["title"],
            reason=_("Ticket #%(number)d: %(subject)s")
            % {"number": ticket.number, "subject": ticket.subject},
            reason_key=f"ticket:{ticket.pk}",
            kind=CTA.Kind.RISK,
            evidence={"ticket": ticket.pk},
            due_on=timezone.localdate() + timedelta(days=int(values["days"])),
        )
