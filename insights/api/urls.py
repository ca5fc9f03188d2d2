"""REST addresses of insights."""

from django.urls import URLPattern, path

from insights.api import views

urlpatterns: list[URLPattern] = [
    path("insights/kpis/", views.KpiList.as_view(), name="api-insights-kpis"),
    path("insights/tickets/", views.KpiTickets.as_view(), name="api-insights-tickets"),
]
