"""Errors outside any view: pages for people, problem+json for REST clients."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from core.api.problems import CONTENT_TYPE


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return _problem(request, 400, "bad request") or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _problem(request, 403, "permission denied") or defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _problem(request, 404, "not found") or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; the page needs neither database nor session."""
    return _problem(request, 500, "server error") or defaults.server_error(request)


def _problem(request: HttpRequest, status: int, title: str) -> HttpResponse | None:
    """Return problem+json for a REST path, None for pages."""
    if not request.path.startswith("/api/"):
        return None
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": title.replace(" ", "_"),
        "detail": title,
    }
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
