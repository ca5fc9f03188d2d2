"""Every URL of CS Ops: each app's pages, each app's REST under `/api/v1/`, schema, docs and the probes."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from core.api.nowhere import Nowhere
from core.pages.probes import healthz, readyz
from cs_ops.pages.setup import setup, start

handler400 = "cs_ops.pages.errors.bad_request"
handler403 = "cs_ops.pages.errors.permission_denied"
handler404 = "cs_ops.pages.errors.page_not_found"
handler500 = "cs_ops.pages.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("people.api.urls")),
    path("api/v1/", include("customers.api.urls")),
    path("api/v1/", include("ml.api.urls")),
    path("api/v1/", include("health.api.urls")),
    path("api/v1/", include("tickets.api.urls")),
    path("api/v1/", include("success.api.urls")),
    path("api/v1/", include("insights.api.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("api/v1/", include("imports.api.urls")),
    re_path(r"^api/v1/.*/$", Nowhere.as_view()),
    path("", start, name="start"),
    path("setup/", setup, name="setup"),
    path("settings/", include("tickets.pages.settings_urls")),
    path("", include("core.pages.urls")),
    path("", include("people.pages.urls")),
    path("", include("tickets.pages.urls")),
    path("", include("customers.pages.urls")),
    path("", include("health.pages.urls")),
    path("", include("success.pages.urls")),
    path("", include("insights.pages.urls")),
    path("", include("ml.pages.urls")),
    path("", include("integrations.pages.urls")),
    path("", include("imports.pages.urls")),
]
