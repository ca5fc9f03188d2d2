"""Product usage and adoption on the overview, and in full on a tab of their own."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import percent
from customers.adoption import AccountAdoption, account_adoption
from customers.models import Account
from customers.registry import AccountPanel
from customers.usage_figures import UsageFigures, usage_figures
from people.viewer import Viewer

MATRIX_WEEKS = 6


class UsageOverview(AccountPanel):
    """Six measures over twelve weeks, and who uses what."""

    key = "usage-overview"
    label = gettext_lazy("Usage")
    place = "overview"
    order = 50
    permission = "customers.view"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return tiles and matrix; without usage what to do about it."""
        figures = read_usage(account)
        url = reverse("account-tab", args=[account.pk, "usage"])
        return {
            "figures": figures,
            "usage_url": url,
            **(usage_context(account, figures, features=3, lines=7)),
        }


class UsageTab(AccountPanel):
    """All features."""

    key = "usage"
    label = gettext_lazy("Usage")
    place = "tab"
    order = 20
    permission = "customers.view"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the two lines over time, a tile and a line of the matrix per feature."""
        figures = read_usage(account)
        adoption = account_adoption(account, until=timezone.now().date())
        return {
            "figures": figures,
            **usage_context(account, figures, features=60, lines=60),
            "adoption": adoption,
            "adoption_facts": adoption_facts(adoption),
        }


def adoption_facts(adoption: AccountAdoption) -> list[tuple[str, str, str]]:
    """Return breadth, depth, active days and stickiness as (label, value, note)."""
    used = sum(1 for one in adoption.features if one.days)
    habitual = sum(one.state == "habitual" for one in adoption.features)
    return [
        (_("Breadth"), percent(adoption.breadth), _("features used: %d") % used),
        (_("Depth"), percent(adoption.depth), _("of these habitual: %d") % habitual),
        (_("Active days (L28)"), f"{adoption.active_days} / 28", ""),
        (_("Stickiness"), percent(adoption.stickiness), _("mean daily users of the busiest day's")),
    ]


def read_usage(account: Account) -> UsageFigures | None:
    """Return the usage of the twelve weeks before today (UTC days)."""
    today = timezone.now().date()
    names = (_("Daily users, weekly mean"), _("Events a week"), _("Active days a week"))
    return usage_figures(account, until=today, names=names)


def usage_context(
    account: Account, figures: UsageFigures | None, *, features: int, lines: int
) -> dict[str, Any]:
    """Return what the usage templates draw: ``tiles`` and the adoption matrix of the last weeks."""
    if figures is None:
        return {"docs_url": reverse("api-docs")}
    starts = figures.week_starts()
    seats = account.seats or int(max((max(peak) for _name, peak in figures.peaks), default=0)) or 1
    tiles = [figures.users, figures.events, figures.active_days, *figures.features[:features]]
    return {
        "tiles": tiles,
        "labels": [date_format(start, "j M") for start in starts],
        "columns": [date_format(start, "j M") for start in starts[-MATRIX_WEEKS:]],
        "matrix": [
            (name, [min(100, round(100 * users / seats)) for users in peak[-MATRIX_WEEKS:]])
            for name, peak in figures.peaks[:lines]
        ],
        "seats": account.seats,
        "chart_headers": [_("Week of"), _("Daily users"), _("Events")],
        "chart_rows": [
            (label, round(users, 1), round(events))
            for label, users, events in zip(
                [date_format(start, "j M Y") for start in starts],
                figures.users.values,
                figures.events.values,
                strict=True,
            )
        ],
    }
