"""Page addresses of insights."""

from django.urls import URLPattern, path

from insights.pages import channels, dashboard, tickets

urlpatterns: list[URLPattern] = [
    path("insights/", dashboard.dashboard, name="insights"),
    path("insights/channels/", channels.channels, name="insights-channels"),
    path("insights/tickets/", tickets.tickets, name="insights-tickets"),
    path("insights/export/", dashboard.export, name="insights-export"),
]
