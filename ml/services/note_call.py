"""Note how a version fared when it was asked: what the watch over served models reads."""

from __future__ import annotations

import logging

from django.db import DatabaseError, transaction

from ml.models import ModelVersion, ServedCall

logger = logging.getLogger(__name__)


def note_call(
    *, version: ModelVersion, answers: int, failure: str = "", latency_ms: float | None = None
) -> None:
    """Store one call about ``answers`` subjects. Telemetry: no event, and one that cannot be stored costs no prediction."""
    try:
        with transaction.atomic():
            ServedCall.objects.create(
                version=version, answers=answers, failure=failure, latency_ms=latency_ms
            )
    except DatabaseError:
        logger.exception("a call of %s could not be noted", version.label)
