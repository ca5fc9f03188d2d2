"""The ml worker's sign of life: loads what it needs to serve and writes which models it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from core.models import Heartbeat
from ml.encoders import ModelUnavailable, sentence_encoder
from ml.models import ModelAlias
from ml.sentiment.scorer import sentiment_model
from ml.services.promote_version import CHAMPION
from ml.serving.loading import failed_champions, load_champion

HEARTBEAT = "ml:models"


def report_models() -> dict[str, Any]:
    """Load encoder, sentiment model and champions and write the heartbeat row; returns its detail.

    The first call of a process takes seconds (weights are hashed and loaded), later ones a few queries.
    """
    detail: dict[str, Any] = {"models": {}, "errors": {}}
    loaders: dict[str, Callable[[], str]] = {
        "encoder": lambda: sentence_encoder().name,
        "sentiment": lambda: sentiment_model().version,
    }
    for name, load in loaders.items():
        try:
            detail["models"][name] = load()
        except ModelUnavailable as error:
            detail["errors"][name] = str(error)
    for task in ModelAlias.objects.filter(name=CHAMPION).values_list("task", flat=True):
        champion = load_champion(task)
        if champion:
            detail["models"][task] = champion.version.label
    detail["errors"].update(failed_champions())
    Heartbeat.objects.update_or_create(name=HEARTBEAT, defaults={"beat_at": timezone.now(), "detail": detail})
    return detail
