"""Look at a version in service: are its audited answers as good as promised, does it answer at all, and in time?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Max, Q

from ml.models import AuditItem, Feedback, ModelAlias, ModelVersion, Prediction, RollbackEvent
from ml.monitoring.estimates import audited_accuracy
from ml.monitoring.guard import GuardReading, watch_accuracy
from ml.services.roll_back import former_champion
from ml.services.roll_back_automatically import roll_back_automatically
from people.viewer import Viewer

RECENT = 200
ALL_FAILED = 20
MOST_FAILED = 0.02
SLOWER = 3.0
NEVER_SLOW_MS = 100.0
FEWEST_AUDITS = 100
MOST_LABELS = 5_000

Trigger = RollbackEvent.Trigger
Failure = Prediction.Failure


def watch_service(*, by: Viewer, task: str = "") -> list[RollbackEvent]:
    """Check every champion and canary (of one task) and roll back what does harm; returns what was done."""
    aliases = ModelAlias.objects.filter(name__in=(ModelAlias.Name.CHAMPION, ModelAlias.Name.CANARY))
    done: list[RollbackEvent | None] = []
    for alias in aliases.filter(Q(task=task) if task else Q()).select_related("version").order_by("pk"):
        found = _operational(alias)
        if found is None:
            reading = read_guard(alias)
            if reading is not None and reading.alarmed_at is not None:
                found = Trigger.ACCURACY, asdict(reading)
        if found is not None:
            trigger, evidence = found
            done.append(roll_back_automatically(alias=alias, trigger=trigger, evidence=evidence, by=by))
    return [row for row in done if row is not None]


def read_guard(alias: ModelAlias) -> GuardReading | None:
    """Where the guard of a version stands since it began to serve; None for versions without a measured accuracy.

    It begins again when a person ends a stop. Labels count in the order in which they were given: audits by the weight of
    their stratum within their day, and what quality assurance confirmed with weight one.
    """
    expected = expected_accuracy(alias)
    if expected is None:
        return None
    since = _counted_from(alias)
    audits = list(
        AuditItem.objects.filter(
            version=alias.version, state=AuditItem.State.ANSWERED, answered_at__gte=since
        )
        .order_by("-answered_at", "-pk")
        .values_list(
            "answered_at", "pk", "label", "predicted_label", "inclusion_probability", "day", "subject_id"
        )[:MOST_LABELS]
    )
    days: dict[Any, list[float]] = defaultdict(list)
    for *_rest, chance, day, _subject in audits:
        days[day].append(1 / chance)
    labels = [
        (at, pk, label == said, 1 / chance / (sum(days[day]) / len(days[day])))
        for at, pk, label, said, chance, day, _subject in audits
    ]
    labels += _confirmed(alias, since, {subject for *_rest, subject in audits})
    return watch_accuracy([(hit, weight) for _at, _pk, hit, weight in sorted(labels)], expected)


def _confirmed(
    alias: ModelAlias, since: datetime, audited: Collection[int]
) -> list[tuple[datetime, int, bool, float]]:
    """What quality assurance confirmed, the last word about each subject; one that was audited counts by its audit."""
    rows = (
        Feedback.objects.filter(version=alias.version, source=Feedback.Source.QA, created_at__gte=since)
        .exclude(predicted_label="")
        .order_by("-pk")
        .values_list("subject_id", "created_at", "pk", "label", "predicted_label")[:MOST_LABELS]
    )
    last: dict[int, tuple[datetime, int, bool, float]] = {}
    for subject, at, pk, label, said in rows:
        if subject not in audited:
            last.setdefault(subject, (at, pk, label == said, 1.0))
    return list(last.values())


def _counted_from(alias: ModelAlias) -> datetime:
    """What came before does not count: a person who ended a stop of the version knew it."""
    ended = RollbackEvent.objects.filter(task=alias.task, from_version=alias.version, ended_at__isnull=False)
    last = ended.aggregate(last=Max("ended_at"))["last"]
    return max(alias.changed_at, last) if last else alias.changed_at


def expected_accuracy(alias: ModelAlias) -> float | None:
    """What a version promised when it began to serve: its held-out accuracy, but no more than its forerunner really reached.

    A stream that is harder than the held-out rows is no reason to go back to a version that found it as hard.
    """
    promised = alias.version.metrics.get("accuracy")
    if promised is None:
        return None
    before = _forerunner(alias)
    if before is not None:
        answered = AuditItem.objects.filter(version=before, state=AuditItem.State.ANSWERED)
        labels = answered.order_by("-pk").values_list("label", "predicted_label", "inclusion_probability")
        rows = [(label == said, chance) for label, said, chance in labels[:MOST_LABELS]]
        reached = audited_accuracy(rows) if len(rows) >= FEWEST_AUDITS else None
        if reached is not None:
            return float(min(promised, reached.value))
    return float(promised)


def _forerunner(alias: ModelAlias) -> ModelVersion | None:
    """What a version is measured against: the champion before it, for a canary the present one."""
    if alias.name == ModelAlias.Name.CHAMPION:
        return former_champion(alias.task)
    champion = ModelAlias.objects.filter(task=alias.task, name=ModelAlias.Name.CHAMPION)
    found = champion.select_related("version").first()
    return found.version if found else None


def _operational(alias: ModelAlias) -> tuple[RollbackEvent.Trigger, dict[str, Any]] | None:
    """What goes wrong without any label: answers that did not come, or came late."""
    version, since = alias.version, _counted_from(alias)
    rows = list(
        Prediction.objects.filter(Q(version=version) | Q(failed_version=version), created_at__gte=since)
        .order_by("-pk")
        .values_list("failed_version_id", "failure", "latency_ms")[:RECENT]
    )
    broken = [failed == version.pk and why != Failure.SLOW for failed, why, _ms in rows]
    if len(rows) >= ALL_FAILED and all(broken[:ALL_FAILED]):
        whys = {why for _failed, why, _ms in rows[:ALL_FAILED]}
        trigger = Trigger.LOAD if Failure.LOAD in whys else Trigger.ERRORS
        return trigger, {"failed": sum(broken), "rows": len(rows)}
    if len(rows) == RECENT and sum(broken) > MOST_FAILED * RECENT:
        return Trigger.ERRORS, {"failed": sum(broken), "rows": RECENT}
    usual = _usual_latency(alias)
    if len(rows) == RECENT and usual is not None:
        limit = 1_000.0 * settings.ML_PREDICT_SECONDS
        took = sorted(
            limit if failed == version.pk else ms or 0.0
            for (failed, _why, ms), is_broken in zip(rows, broken, strict=True)
            if not is_broken
        )
        now = took[int(0.95 * len(took))]
        if now > max(SLOWER * usual, NEVER_SLOW_MS):
            return Trigger.LATENCY, {"p95_ms": round(now, 1), "usual_p95_ms": round(usual, 1)}
    return None


def _usual_latency(alias: ModelAlias) -> float | None:
    """The p95 in milliseconds of the forerunner's last 200 answers, or of the version's own first 200; None before that."""
    for judged, order in ((_forerunner(alias), "-pk"), (alias.version, "pk")):
        if judged is None:
            continue
        rows = Prediction.objects.filter(version=judged, latency_ms__isnull=False).order_by(order)
        took = sorted(ms or 0.0 for ms in rows.values_list("latency_ms", flat=True)[:RECENT])
        if len(took) == RECENT:
            return took[int(0.95 * RECENT)]
    return None
