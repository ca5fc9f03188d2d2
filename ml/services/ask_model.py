"""Ask the model in service, or the rules in its place, about a text or a stored subject; a worker answers within seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import nudge
from ml.models import PredictionRequest
from ml.registry import ml_tasks
from ml.serving.answers import Answer, Item
from people.viewer import Viewer

LONGEST_TEXT = 20_000
RATE = 60
RATE_WINDOW = timedelta(minutes=1)
# One round of the worker, which also routes what comes in: a pile of questions must not hold that up.
BATCH = 16
KEPT = timedelta(days=1)


class TooManyQuestions(ValidationError):
    """The asker has asked ``RATE`` questions within a minute."""


@transaction.atomic
def ask_model(*, task: str, by: Viewer, text: str = "", subject_id: int | None = None) -> PredictionRequest:
    """Store a question about exactly one of a text and a subject.

    Raises PermissionDenied without ``ml.view`` or for a subject that ``by`` may not see, LookupError for an unknown task,
    ``TooManyQuestions``, and ValidationError for a question that the task cannot be asked.
    """
    by.require("ml.view")
    part = ml_tasks.get(task)
    if bool(text.strip()) == (subject_id is not None):
        raise ValidationError(_("Ask about a text, or about a subject."))
    if text and not part.reads_text:
        raise ValidationError({"text": _("This task does not read texts.")})
    if len(text) > LONGEST_TEXT:
        raise ValidationError({"text": _("At most %d characters.") % LONGEST_TEXT})
    if subject_id is not None and subject_id not in part.shown([subject_id], by):
        raise PermissionDenied(_("You may not see what this is about."))
    recent = PredictionRequest.objects.asked_by(by).filter(created_at__gt=timezone.now() - RATE_WINDOW)
    if recent.count() >= RATE:
        raise TooManyQuestions(_("At most %d questions a minute.") % RATE)
    request = PredictionRequest.objects.create(
        task=part.key, text=text, subject_id=subject_id, user_id=by.user_id, api_key_id=by.api_key_id
    )
    nudge.task_after_commit("ml.answer_requests", queue="ml")
    return request


def answer_requests() -> int:
    """Answer the oldest open questions, sixteen at most; returns how many. Loads models: in an ml worker."""
    waiting = PredictionRequest.objects.filter(answered_at=None).order_by("pk")[:BATCH]
    by_task: dict[str, list[PredictionRequest]] = defaultdict(list)
    for request in waiting:
        by_task[request.task].append(request)
    return sum(_answer(task, requests) for task, requests in by_task.items())


def forget_requests() -> int:
    """Delete questions of the day before."""
    return PredictionRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _answer(task: str, requests: Sequence[PredictionRequest]) -> int:
    from ml.serving.door import predict  # models are loaded behind it

    inputs: Mapping[int, Any] = {}
    if task in ml_tasks:
        inputs = ml_tasks.get(task).inputs([one.subject_id for one in requests if one.subject_id is not None])
    asked = [
        (request, Item(request.text if request.subject_id is None else inputs[request.subject_id]))
        for request in requests
        if task in ml_tasks and (request.subject_id is None or request.subject_id in inputs)
    ]
    answers = predict(task, [item for _request, item in asked]) if asked else []
    told = {request.pk: answer for (request, _item), answer in zip(asked, answers, strict=True)}
    for request in requests:
        _store(request, told.get(request.pk))
    return len(requests)


def _store(request: PredictionRequest, answer: Answer | None) -> None:
    """Write the answer; none for a subject that is gone, and one without a label where even the rules know nothing."""
    request.answered_at = timezone.now()
    request.text = ""
    if answer is not None:
        value, served = answer.value, answer.served
        request.version, request.source = served.version, served.source[:64]
        request.label = str(getattr(value, "label", "") or "")[:120]
        request.probability = getattr(value, "probability", None)
        request.abstained = bool(value is None or served.paused or getattr(value, "abstained", False))
        request.alternatives = [
            [str(label), round(float(share), 4)] for label, share in getattr(value, "alternatives", ())
        ]
    request.save()
