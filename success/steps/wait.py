"""Wait: let some days pass. As the first step it is also the patience of the playbook: who recovers meanwhile leaves."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from success.models import Enrolment
from success.registry import PlaybookStep, StepOutcome


class WaitForm(forms.Form):
    """How long."""

    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=60, initial=3)


class Wait(PlaybookStep):
    """Rests for whole days."""

    key = "wait"
    label = gettext_lazy("Wait")
    icon = "calendar"
    form = WaitForm

    def run(self, enrolment: Enrolment, config: Mapping[str, Any], index: int, now: datetime) -> StepOutcome:
        """Do nothing but rest."""
        days = int(config["days"])
        until = (now + timedelta(days=days)).date().isoformat()
        return StepOutcome(_("Waits until %(day)s.") % {"day": until}, rest=timedelta(days=days))

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return how long."""
        days = int(config["days"])
        return ngettext("Wait %(days)s day", "Wait %(days)s days", days) % {"days": days}
