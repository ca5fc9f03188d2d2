"""Idempotency-Key: the first answer to a key is remembered for 48 hours and given again.

The key is claimed in a row of its own before the work starts, so of two requests at once the second gets 409 with
Retry-After. Requests that fail validation are not remembered; the claim of a request that died is free after a minute.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.problems import Conflict, problem
from core.models import IdempotencyRecord

View = TypeVar("View", bound=Callable[..., Response])

KEPT = timedelta(hours=48)
ABANDONED = timedelta(seconds=60)
MAX_KEY = 255


def idempotent(method: View) -> View:
    """Decorate a handler method of an APIView: honours the Idempotency-Key header when one is sent."""

    @functools.wraps(method)
    def wrapped(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > MAX_KEY:
            return problem(400, code="invalid", detail="Idempotency-Key is longer than 255 characters.")
        claimed, remembered = _claim(request, key)
        if remembered is not None:
            return remembered
        return _answer(claimed, method, view, request, *args, **kwargs)

    return wrapped  # type: ignore[return-value]


def _answer(
    claimed: IdempotencyRecord, method: Callable[..., Response], *args: Any, **kwargs: Any
) -> Response:
    """Run the handler and remember its answer in the transaction of its effects."""
    try:
        with transaction.atomic():
            response = method(*args, **kwargs)
            if 200 <= response.status_code < 300:
                body = json.loads(json.dumps(response.data, default=str))
                mine = IdempotencyRecord.objects.filter(pk=claimed.pk, status=None)
                if not mine.update(status=response.status_code, body=body):
                    # This took longer than a claim lives and the request was repeated: one of the two may have effects.
                    raise Conflict("Another request with this Idempotency-Key has overtaken this one.")
    except BaseException:
        IdempotencyRecord.objects.filter(pk=claimed.pk, status=None).delete()
        raise
    if not 200 <= response.status_code < 300:
        IdempotencyRecord.objects.filter(pk=claimed.pk, status=None).delete()
    return response


def _claim(request: Request, key: str) -> tuple[IdempotencyRecord, Response | None]:
    """Claim the key, or return the answer to give instead."""
    scope = f"{request.user} {request.method} {request.path}"[:200]
    digest = hashlib.sha256(
        json.dumps(request.data, sort_keys=True, separators=(",", ":"), default=str).encode()
    ).hexdigest()
    IdempotencyRecord.objects.filter(
        scope=scope, key=key, status=None, created_at__lt=timezone.now() - ABANDONED
    ).delete()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(scope=scope, key=key, request_digest=digest), None
    except IntegrityError:
        pass
    record = IdempotencyRecord.objects.filter(scope=scope, key=key).first()
    if record is None or record.status is None:
        conflict = problem(
            409, code="in_progress", detail="A request with this Idempotency-Key is being worked on."
        )
        conflict["Retry-After"] = "1"
        return IdempotencyRecord(), conflict
    if record.request_digest != digest:
        raise Conflict("This Idempotency-Key was used with another body.")
    again = Response(record.body, status=record.status)
    again["Idempotent-Replayed"] = "true"
    return record, again


def forget_old_answers() -> int:
    """Delete answers older than 48 hours; returns how many."""
    deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted
