"""Navigation of insights."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem


class InsightsNav(NavItem):
    """The dashboard."""

    key = "insights"
    label = _("Insights")
    icon = "chart-bar"
    url_name = "insights"
    permission = "insights.view"
    order = 50
    goto = "d"


class RevenueNav(NavItem):
    """Success metrics."""

    key = "insights-revenue"
    label = _("Revenue")
    icon = "chart-line"
    url_name = "insights-revenue"
    permission = "customers.view"
    order = 51
