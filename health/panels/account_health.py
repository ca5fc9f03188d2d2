"""The health of the customer beside a ticket: score, what changed, churn, contract, owner."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.formatting import money, percent, plain
from customers.models import Account
from health.selectors import change_lines, latest_snapshot
from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import TicketPanel

SHOWN_CHANGES = 3


class AccountHealthPanel(TicketPanel):
    """Score ring, band, change, sparkline, what changed, and the facts an agent needs to weigh the ticket."""

    key = "account_health"
    label = gettext_lazy("Health")
    icon = "activity"
    order = 10
    permission = "health.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the card and facts; without an account or score the template says so."""
        account = (
            Account.objects.visible_to(viewer).select_related("csm").filter(pk=ticket.account_id or 0).first()
        )
        if account is None:
            return {"account": None}
        snapshot = latest_snapshot(account, viewer)
        changes = change_lines(snapshot) if snapshot and account.health_score is not None else []
        return {
            "account": account,
            "health": {
                "score": account.health_score,
                "band": account.health_band,
                "change": account.health_delta_30,
                "points": account.health_trend,
                "changes": [(line.label, line.points) for line in changes[:SHOWN_CHANGES]],
            },
            "facts": account_facts(account),
        }


def account_facts(account: Account) -> list[tuple[str, str, str]]:
    """Return (term, value, more) rows: churn, coverage, ARR, renewal, owner; unknown ones are left out."""
    rows: list[tuple[str, str, str]] = []
    if account.churn_probability is not None:
        interval = f"{plain((account.churn_low or 0) * 100)}–{plain((account.churn_high or 0) * 100)}"
        rows.append((_("Churn, 90 d"), percent(account.churn_probability), interval))
    if account.health_coverage is not None:
        rows.append((_("Coverage"), percent(account.health_coverage), ""))
    rows.append((_("ARR"), money(account.arr, account.currency), account.get_tier_display()))
    if account.renewal_on is not None:
        days = (account.renewal_on - timezone.localdate()).days
        left = (
            ngettext("in %(days)s day", "in %(days)s days", days) % {"days": plain(days)} if days >= 0 else ""
        )
        rows.append((_("Renewal"), date_format(account.renewal_on, "j M Y"), left))
    rows.append((_("CSM"), str(account.csm or _("Nobody")), ""))
    return rows
