"""Page addresses of insights."""

from django.urls import URLPattern, path

from insights.pages import channels, dashboard, revenue, signals, tickets

urlpatterns: list[URLPattern] = [
    path("insights/", dashboard.dashboard, name="insights"),
    path("insights/channels/", channels.channels, name="insights-channels"),
    path("insights/revenue/", revenue.revenue, name="insights-revenue"),
    path("insights/revenue/accounts/", revenue.accounts, name="insights-revenue-accounts"),
    path("insights/revenue/months/", revenue.months, name="insights-revenue-months"),
    path("insights/revenue/export/<slug:form>/", revenue.export, name="insights-revenue-export"),
    path("insights/tickets/", tickets.tickets, name="insights-tickets"),
    path("insights/signals/", signals.signals, name="insights-signals"),
    path("insights/signals/export/", signals.export, name="insights-signals-export"),
    path("insights/signals/<slug:kind>/", signals.board, name="insights-board"),
    path("insights/signals/<slug:kind>/export/", signals.export_board, name="insights-board-export"),
    path("insights/export/", dashboard.export, name="insights-export"),
]
