"""Idempotency-Key: the first answer to a key is remembered for 48 hours and given again.

The key is claimed in a row of its own before the work starts, so of two requests at once the second gets 409 with
Retry-After. Requests that fail validation are not remembered; the claim of a request that died is free after a minute.

``idempotent`` runs the handler in one transaction with its answer. ``idempotent_in_steps`` is for work of many transactions:
the first of them stores where the work is written down, and a repetition finds it there, also after the first request died.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.problems import Conflict, problem
from core.models import IdempotencyRecord

View = TypeVar("View", bound=Callable[..., Response])

KEPT = timedelta(hours=48)
ABANDONED = timedelta(seconds=60)
MAX_KEY = 255
_OVERTAKEN = "Another request with this Idempotency-Key has overtaken this one."


def idempotent(method: View) -> View:
    """Decorate a handler method of an APIView: honours the Idempotency-Key header when one is sent."""

    @functools.wraps(method)
    def wrapped(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        claimed = _claim(request, key)
        if isinstance(claimed, Response):
            return claimed
        return _answer(claimed, method, view, request, *args, **kwargs)

    wrapped.takes_idempotency_key = True  # type: ignore[attr-defined]
    return wrapped  # type: ignore[return-value]


@dataclass(frozen=True)
class Steps:
    """The claim of a request whose work commits in steps; without a record when no key was sent."""

    record: IdempotencyRecord | None = None

    def begun(self, pointer: Mapping[str, Any]) -> None:
        """Store where the work is found again, in the transaction that writes the work down. Raises Conflict when another
        request with the key has overtaken this one."""
        if self.record is None:
            return
        mine = IdempotencyRecord.objects.filter(pk=self.record.pk, status=None, body__isnull=True)
        if not mine.update(body=dict(pointer)):
            raise Conflict(_OVERTAKEN)


def idempotent_in_steps(resume: Callable[[Request, Mapping[str, Any]], Response]) -> Callable[[View], View]:
    """Decorate a handler that commits in steps and gets its ``Steps`` as ``steps``.

    ``resume(request, pointer)`` answers a repetition of a request that has begun but was never answered.
    """

    def decorate(method: View) -> View:
        @functools.wraps(method)
        def wrapped(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get("Idempotency-Key", "")
            if not key:
                return method(view, request, *args, steps=Steps(), **kwargs)
            claimed = _claim(request, key)
            if isinstance(claimed, Response):
                return claimed
            if claimed.body is not None:
                return resume(request, claimed.body)
            try:
                response = method(view, request, *args, steps=Steps(claimed), **kwargs)
            except BaseException:
                # What has begun will be finished: its pointer stays for the repetition.
                IdempotencyRecord.objects.filter(pk=claimed.pk, status=None, body__isnull=True).delete()
                raise
            return _remember(claimed, response)

        wrapped.takes_idempotency_key = True  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return decorate


def _remember(claimed: IdempotencyRecord, response: Response) -> Response:
    """Store the answer to work that is committed already."""
    mine = IdempotencyRecord.objects.filter(pk=claimed.pk, status=None)
    if 200 <= response.status_code < 300:
        mine.update(status=response.status_code, body=_plain(response))
    else:
        mine.filter(body__isnull=True).delete()
    return response


def _plain(response: Response) -> Any:
    return json.loads(json.dumps(response.data, default=str))


def _answer(
    claimed: IdempotencyRecord, method: Callable[..., Response], *args: Any, **kwargs: Any
) -> Response:
    """Run the handler and remember its answer in the transaction of its effects."""
    try:
        with transaction.atomic():
            response = method(*args, **kwargs)
            if 200 <= response.status_code < 300:
                mine = IdempotencyRecord.objects.filter(pk=claimed.pk, status=None)
                if not mine.update(status=response.status_code, body=_plain(response)):
                    # This took longer than a claim lives and the request was repeated: one of the two may have effects.
                    raise Conflict(_OVERTAKEN)
    except BaseException:
        IdempotencyRecord.objects.filter(pk=claimed.pk, status=None).delete()
        raise
    if not 200 <= response.status_code < 300:
        IdempotencyRecord.objects.filter(pk=claimed.pk, status=None).delete()
    return response


def _plain_part(value: Any) -> str:
    """What stands for a part of a body that is no JSON: of a file the digest of its content."""
    if not isinstance(value, UploadedFile):
        return str(value)
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return f"{value.name}:{digest.hexdigest()}"


def _claim(request: Request, key: str) -> IdempotencyRecord | Response:
    """Claim the key, or return the answer to give instead. A claim with a body is work that was begun and not answered."""
    if len(key) > MAX_KEY:
        return problem(400, code="invalid", detail="Idempotency-Key is longer than 255 characters.")
    scope = f"{request.user} {request.method} {request.path}"[:200]
    # A form may have several parts of one name.
    sent = dict(request.data.lists()) if isinstance(request.data, MultiValueDict) else request.data
    digest = hashlib.sha256(
        json.dumps(sent, sort_keys=True, separators=(",", ":"), default=_plain_part).encode()
    ).hexdigest()
    IdempotencyRecord.objects.filter(
        scope=scope, key=key, status=None, body__isnull=True, created_at__lt=timezone.now() - ABANDONED
    ).delete()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(scope=scope, key=key, request_digest=digest)
    except IntegrityError:
        pass
    record = IdempotencyRecord.objects.filter(scope=scope, key=key).first()
    if record is None or (record.status is None and record.body is None):
        conflict = problem(
            409, code="in_progress", detail="A request with this Idempotency-Key is being worked on."
        )
        conflict["Retry-After"] = "1"
        return conflict
    if record.request_digest != digest:
        raise Conflict("This Idempotency-Key was used with another body.")
    if record.status is None:
        return record
    again = Response(record.body, status=record.status)
    again["Idempotent-Replayed"] = "true"
    return again


def forget_answers(*, method: str, path: str) -> int:
    """Forget what was answered to this request, whoever sent it, because of what is in the answers; returns how many.

    A repetition with the same key does the work again.
    """
    answered = IdempotencyRecord.objects.filter(status__isnull=False, scope__endswith=f" {method} {path}")
    deleted, _by_model = answered.delete()
    return deleted


def forget_old_answers() -> int:
    """Delete answers older than 48 hours; returns how many."""
    deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return deleted
