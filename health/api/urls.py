"""REST addresses of health."""

from django.urls import URLPattern, path

from health.api.views import AccountHealth

urlpatterns: list[URLPattern] = [
    path("accounts/<int:pk>/health/", AccountHealth.as_view(), name="api-account-health"),
]
