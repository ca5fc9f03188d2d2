"""REST addresses of insights."""

from django.urls import URLPattern, path

from insights.api import revenue, signals, views

urlpatterns: list[URLPattern] = [
    path("success-metrics/", revenue.SuccessMetrics.as_view(), name="api-success-metrics"),
    path(
        "success-metrics/accounts/",
        revenue.SuccessMetricAccounts.as_view(),
        name="api-success-metric-accounts",
    ),
    path("success-metrics/months/", revenue.ClosedMonths.as_view(), name="api-success-metric-months"),
    path("insights/kpis/", views.KpiList.as_view(), name="api-insights-kpis"),
    path("insights/signals/", signals.SignalCounts.as_view(), name="api-insights-signals"),
    path(
        "insights/signals/<slug:kind>/accounts/", signals.SignalAccounts.as_view(), name="api-insights-board"
    ),
    path("insights/tickets/", views.KpiTickets.as_view(), name="api-insights-tickets"),
]
