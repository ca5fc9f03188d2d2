"""Health fell: the account's band drops to at risk, and counts as recovered only well above the threshold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import band_label, plain
from core.models import Event
from customers.models import Account
from health.models import HealthSnapshot
from success.registry import Occasion, PlaybookTrigger

# Best first; a fall is a move to the right.
ORDER = ("healthy", "steady", "watch", "at_risk")


class BandFellForm(forms.Form):
    """Into which band, and when it is over."""

    band = forms.ChoiceField(
        label=gettext_lazy("Health falls to"),
        choices=[("at_risk", gettext_lazy("At risk")), ("watch", gettext_lazy("Watch"))],
        initial="at_risk",
    )
    clear_score = forms.IntegerField(
        label=gettext_lazy("Recovered above the score"),
        min_value=1,
        max_value=100,
        initial=55,
        help_text=gettext_lazy(
            "Above the band's threshold, so that a score that wavers does not start it again."
        ),
    )


class BandFell(PlaybookTrigger):
    """Listens to the changes of health bands."""

    key = "band_fell"
    label = gettext_lazy("Health falls to a band")
    verbs = frozenset({"health.band_changed"})
    form = BandFellForm

    def occasion(self, event: Event, config: Mapping[str, Any]) -> Occasion | None:
        """Return the fall, with the signals that moved the score most. A first score is no fall."""
        seen = event.detail.data or {}
        old, new = seen.get("old_band"), seen.get("new_band")
        if new != config["band"] or old not in ORDER or ORDER.index(old) >= ORDER.index(new):
            return None
        reason = _("Health fell from %(old)s to %(new)s (score %(score)s)") % {
            "old": band_label(old),
            "new": band_label(new),
            "score": plain(seen.get("score")),
        }
        evidence = {key: seen.get(key) for key in ("old_band", "new_band", "score", "delta", "changes")}
        return Occasion(reason, evidence)

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Say whether the score has been above the recovery score since."""
        later = HealthSnapshot.objects.filter(account=account, as_of__gte=since.date(), computed_at__gt=since)
        return later.filter(score__gt=config["clear_score"]).exists()

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether the score is above the recovery score now."""
        return account.health_score is not None and account.health_score > config["clear_score"]
