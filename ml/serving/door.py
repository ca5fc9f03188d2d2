"""Ask the model in service: champion, canary for its share of the subjects, rules whenever they cannot answer in time.

Nothing here raises for want of a model. Missing, changed, unreadable, failing or slow, the caller gets the task's fallback,
which says which version failed and why. The same holds for a class that is off: rules answer in its place, as far as nobody has
switched them off for it, too. Every call is noted; enough that failed roll the version back (``watch_service``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from ml.class_modes import ClassRows, class_rows
from ml.evaluation.class_precision import OFF, SUGGEST
from ml.models import ModelAlias, ModelVersion, Prediction, RollbackEvent
from ml.registry import ml_tasks
from ml.services.note_call import note_call
from ml.serving import circuit
from ml.serving.answers import Answer, Fallback, Item, Served
from ml.serving.canary import meets_canary
from ml.serving.deadline import TooSlow, within
from ml.serving.loading import NotLoaded, load_version

logger = logging.getLogger(__name__)

Failure = Prediction.Failure
Role = Prediction.Role


def predict(task: str, items: Sequence[Item]) -> list[Answer]:
    """Answer every item, in order; an unknown task raises LookupError.

    Two queries, one more for versions with modes of classes, one when a version is loaded, and one that notes how a version
    fared with what has a subject: others ask whatever they like.
    """
    part = ml_tasks.get(task)
    if not items:
        return []
    aliases = {
        alias.name: alias
        for alias in ModelAlias.objects.select_related("version").filter(
            task=task, name__in=(Role.CHAMPION, Role.CANARY)
        )
    }
    paused = aliases and RollbackEvent.objects.in_force().filter(task=task, outcome="paused").exists()
    answers: dict[int, Answer] = {}
    failed: dict[int, tuple[ModelVersion, str]] = {}
    champion, canary = aliases.get(Role.CHAMPION), aliases.get(Role.CANARY)
    if canary is not None:
        chosen = [n for n, item in enumerate(items) if meets_canary(task, item.subject_id, canary.share)]
        _ask(canary, items, chosen, answers, failed)
    if champion is not None:
        _ask(champion, items, [n for n in range(len(items)) if n not in answers], answers, failed)
    modes = class_rows([alias.version for alias in aliases.values()])
    answers = {n: known for n, answer in answers.items() if (known := _by_class(answer, modes)) is not None}
    rest = [n for n in range(len(items)) if n not in answers]
    if rest:
        inputs = [items[n].content for n in rest]
        why = ""
        if broken := next((failed[n] for n in rest if n in failed), None):
            version, why = broken
            why = circuit.last_failure(version.pk) if why == Failure.OPEN else why
        kept = modes.get(champion.version_id, {}) if champion is not None else {}
        for n, said in zip(rest, _by_rules(part, inputs, why), strict=True):
            answer = _as_decided(said, kept)
            answers[n] = (
                replace(answer, served=answer.served.instead_of(*failed[n])) if n in failed else answer
            )
    if paused:
        return [_only_suggested(answers[n]) for n in range(len(items))]
    return [answers[n] for n in range(len(items))]


def _by_class(answer: Answer, modes: Mapping[int, ClassRows]) -> Answer | None:
    """The answer with the mode of its class; None when the class is off. What the model leaves to a person stays so."""
    version = answer.served.version
    row = modes.get(version.pk, {}).get(getattr(answer.value, "label", "")) if version is not None else None
    if row is None:
        return answer
    if row.mode == OFF:
        return None
    if getattr(answer.value, "abstained", False):
        return replace(answer, mode=SUGGEST)
    return replace(answer, mode=row.for_probability(answer.value.probability))


def _as_decided(answer: Answer, kept: ClassRows) -> Answer:
    """What rules say, kept to what was decided about the class since it was measured: the measure was of the model alone."""
    row = kept.get(getattr(answer.value, "label", ""))
    if row is None or row.change is None:
        return answer
    if row.mode == OFF:
        return replace(answer, value=None)
    return replace(answer, mode=row.mode)


def _only_suggested(answer: Answer) -> Answer:
    if answer.served.version is None:
        return answer
    return replace(answer, served=replace(answer.served, paused=True))


def _ask(
    alias: ModelAlias,
    items: Sequence[Item],
    chosen: Sequence[int],
    answers: dict[int, Answer],
    failed: dict[int, tuple[ModelVersion, str]],
) -> None:
    """Fill in the answers of one version, or why there are none."""
    if not chosen:
        return
    version = alias.version
    values, failure, took = _values(version, [items[n].content for n in chosen])
    subjects = sum(items[n].subject_id is not None for n in chosen)
    if subjects:
        note_call(version=version, answers=subjects, failure=failure, latency_ms=took)
    if failure:
        failed.update((n, (version, failure)) for n in chosen)
        return
    for n, value in zip(chosen, values, strict=True):
        served = Served(version.label, version, alias.name, took)
        # An item that the canary failed is answered by the champion, and still tells about the canary.
        answers[n] = Answer(value, served.instead_of(*failed.pop(n)) if n in failed else served)


def _values(version: ModelVersion, inputs: Sequence[Any]) -> tuple[Sequence[Any], str, float | None]:
    """The answers or why there are none, and the milliseconds for each input, without those of a loading that worked."""
    if not circuit.may_try(version.pk):
        return (), Failure.OPEN, None
    started = time.perf_counter()
    try:
        model = load_version(version, seconds=settings.ML_LOAD_SECONDS)
        started = time.perf_counter()
        limit = settings.ML_PREDICT_SECONDS + settings.ML_PREDICT_SECONDS_EACH * (len(inputs) - 1)
        values: Sequence[Any] = within(limit, f"predict:{version.pk}", lambda: model.predict(inputs))
        if len(values) != len(inputs):
            raise ValueError(f"{len(values)} answers to {len(inputs)} inputs")
    except NotLoaded as error:
        failure: str = Failure.SLOW if error.slow else Failure.LOAD
    except TooSlow as error:
        logger.warning("%s: %s", version.label, error)
        failure = Failure.SLOW
    except Exception:  # a prediction never blocks its caller, whatever a model does
        logger.exception("%s failed", version.label)
        failure = Failure.ERROR
    else:
        circuit.note_success(version.pk)
        return values, "", _each(started, inputs)
    circuit.note_failure(version.pk, failure)
    return (), failure, _each(started, inputs)


def _each(started: float, inputs: Sequence[Any]) -> float:
    return 1_000 * (time.perf_counter() - started) / len(inputs)


def _by_rules(part: Any, inputs: Sequence[Any], failure: str) -> list[Answer]:
    started = time.perf_counter()
    try:
        said: Fallback = part.fallback(inputs, failure=failure)
        if len(said.values) != len(inputs):
            raise ValueError(f"{len(said.values)} answers to {len(inputs)} inputs")
    except Exception:  # neither do rules
        logger.exception("the rules of %s failed", part.key)
        said = Fallback("none", [None] * len(inputs))
    took = _each(started, inputs)
    return [Answer(value, Served(said.source, latency_ms=took)) for value in said.values]
