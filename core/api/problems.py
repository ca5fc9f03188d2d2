"""Errors as problem+json (RFC 9457): a title, a detail and, for refused input, each field with its reasons."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DataError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

CONTENT_TYPE = "application/problem+json"


class Conflict(exceptions.APIException):
    """The request contradicts the state of the resource."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The request contradicts the present state."
    default_code = "conflict"


def problem(status_code: int, *, code: str, detail: str, errors: Any = None, **extra: Any) -> Response:
    """Build one problem response; ``errors`` maps field names to lists of sentences."""
    body: dict[str, Any] = {"type": "about:blank", "title": code.replace("_", " "), "status": status_code,
                            "code": code, "detail": detail}  # fmt: skip
    if errors is not None:
        body["errors"] = errors
    return Response(body | extra, status=status_code, content_type=CONTENT_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF exception handler; Django's own refusals get the same form."""
    if isinstance(error, Http404 | ObjectDoesNotExist):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    elif isinstance(error, ValidationError):
        error = exceptions.ValidationError(
            error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        )
    elif isinstance(error, DataError) and "NUL" in str(error):
        # In a query string; bodies are looked through by their parser.
        error = exceptions.ParseError(_("Text must not hold null characters."))
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        named = ", ".join(str(name) for name in errors)
        answer = problem(response.status_code, code="invalid", detail=f"Refused: {named}.", errors=errors)
    else:
        extra = getattr(error, "extra", {})
        answer = problem(response.status_code, code=error.default_code, detail=str(error.detail), **extra)
    for name, value in response.items():
        if name.lower() != "content-type":
            answer[name] = value
    return answer
