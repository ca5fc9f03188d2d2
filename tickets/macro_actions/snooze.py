"""Macros that put tickets aside."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import MacroAction
from tickets.services.snooze_ticket import snooze_ticket

MORNING = time(9, 0)
SPANS = {
    "1h": gettext_lazy("for an hour"),
    "4h": gettext_lazy("for four hours"),
    "tomorrow": gettext_lazy("until tomorrow at 9:00"),
    "monday": gettext_lazy("until Monday at 9:00"),
    "3d": gettext_lazy("for three days"),
    "7d": gettext_lazy("for a week"),
}


class Snooze(MacroAction):
    """Put the ticket aside until a time, or until the customer writes."""

    key = "snooze"
    label = gettext_lazy("Snooze")
    icon = "alarm-snooze"
    order = 70

    def fields(self) -> dict[str, forms.Field]:
        """For how long."""
        return {"span": forms.ChoiceField(label=_("How long"), choices=list(SPANS.items()))}

    def words(self, values: Mapping[str, Any]) -> str:
        """Return "Snooze until Monday at 9:00"."""
        return _("Snooze %s") % SPANS.get(str(values["span"]), "?")

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Snooze it."""
        snooze_ticket(ticket=ticket, until=end_of(values["span"], timezone.now()), by=by)


def end_of(span: str, now: datetime) -> datetime:
    """Return when a span that begins now ends; mornings are those of the current time zone."""
    if span in {"1h", "4h"}:
        return now + timedelta(hours=int(span[0]))
    if span in {"3d", "7d"}:
        return now + timedelta(days=int(span[0]))
    today = timezone.localdate(now)
    days = 1 if span == "tomorrow" else 7 - today.weekday()
    return datetime.combine(today + timedelta(days=days), MORNING, timezone.get_current_timezone())
