"""Why an account needs somebody, in health's words: a cap that holds, else what moved its score down most."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.formatting import MINUS, percent, plain
from customers.models import Account
from customers.registry import AccountReason
from health.models import HealthSnapshot
from health.selectors import change_lines, driver_lines, label_of
from people.viewer import Viewer

RECENT = timedelta(days=7)
TOLD_POINTS = 3.0


class HealthReason(AccountReason):
    """Reads the newest snapshot of each account, in one query."""

    key = "health"
    order = 50

    def reasons(self, viewer: Viewer, accounts: Collection[Account]) -> Mapping[int, str]:
        """Return a sentence for each account whose score says something."""
        if not viewer.can("health.view"):
            return {}
        rows = HealthSnapshot.objects.filter(
            account__in=[account.pk for account in accounts], as_of__gte=timezone.now().date() - RECENT
        ).order_by("as_of")
        newest = {row.account_id: row for row in rows}
        sentences = {pk: reason_of(snapshot) for pk, snapshot in newest.items()}
        return {pk: sentence for pk, sentence in sentences.items() if sentence}


def reason_of(snapshot: HealthSnapshot) -> str:
    """Say the most important thing about a score; empty when there is nothing to say."""
    if snapshot.knock_outs:
        return label_of(min(snapshot.knock_outs, key=lambda cap: cap["ceiling"])["key"])
    worst = next((line for line in change_lines(snapshot) if line.key and line.points <= -TOLD_POINTS), None)
    if worst is not None:
        points = ngettext("%(minus)s%(points)s point", "%(minus)s%(points)s points", round(-worst.points)) % {
            "minus": MINUS,
            "points": plain(-worst.points),
        }
        seen = f", {worst.seen}" if worst.seen else ""
        return f"{worst.label} {points}{seen}"
    driver = next((line for line in driver_lines(snapshot) if line.points >= 1), None)
    if driver is not None and snapshot.churn_probability is not None:
        return _("Churn %(p)s, most by %(driver)s: %(seen)s") % {
            "p": percent(snapshot.churn_probability),
            "driver": driver.label,
            "seen": driver.seen,
        }
    return ""
