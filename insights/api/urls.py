"""REST addresses of insights."""

from django.urls import URLPattern, path

from insights.api import signals, views

urlpatterns: list[URLPattern] = [
    path("insights/kpis/", views.KpiList.as_view(), name="api-insights-kpis"),
    path("insights/signals/", signals.SignalCounts.as_view(), name="api-insights-signals"),
    path(
        "insights/signals/<slug:kind>/accounts/", signals.SignalAccounts.as_view(), name="api-insights-board"
    ),
    path("insights/tickets/", views.KpiTickets.as_view(), name="api-insights-tickets"),
]
