"""Call to action: open a task for the account's CSM, or add to the one that is open."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import system_viewer
from success.due_dates import business_days_after
from success.models import CTA, Enrolment
from success.registry import PlaybookStep, StepOutcome
from success.services.open_cta import open_cta


class CTAForm(forms.Form):
    """What to do, until when."""

    title = forms.CharField(label=gettext_lazy("Task"), max_length=200)
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=CTA.Kind.choices, initial=CTA.Kind.RISK)
    due_business_days = forms.IntegerField(
        label=gettext_lazy("Due after (business days)"), min_value=0, max_value=60, initial=2
    )


class OpenCTA(PlaybookStep):
    """Opens a CTA with the enrolment's reason and evidence."""

    key = "cta"
    label = gettext_lazy("Open a task for the CSM")
    icon = "flag"
    form = CTAForm

    def run(self, enrolment: Enrolment, config: Mapping[str, Any], index: int, now: datetime) -> StepOutcome:
        """Open the CTA."""
        account = enrolment.account
        cta = open_cta(
            account=account,
            by=system_viewer("playbook"),
            title=config["title"],
            kind=config["type"],
            reason=enrolment.reason,
            reason_key=f"playbook:{enrolment.playbook.key}",
            evidence=enrolment.evidence,
            due_on=business_days_after(now.date(), int(config["due_business_days"]), account.csm),
            enrolment=enrolment,
        )
        if account.csm is None:
            return StepOutcome(_("Opened a task; the account has no CSM."))
        return StepOutcome(
            _("Opened a task for %(name)s, due %(day)s.") % {"name": account.csm.name, "day": cta.due_on}
        )

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return the task."""
        return _("Task: %(title)s") % {"title": config["title"]}
