"""Look at a version in service: are its audited answers as good as promised, does it answer at all, and in time?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Max, Q, QuerySet

from ml.models import AuditItem, Feedback, ModelAlias, ModelVersion, Prediction, RollbackEvent, ServedCall
from ml.monitoring.estimates import audited_accuracy
from ml.monitoring.guard import GuardReading, watch_accuracy
from ml.services.roll_back import former_champion
from ml.services.roll_back_automatically import roll_back_automatically
from people.viewer import Viewer

RECENT = 200
ALL_FAILED = 20
MOST_FAILED = 0.02
FEWEST_CALLS = 3
# A call about many subjects is one piece of evidence, and leaves room for others among the last 200 answers.
MOST_OF_A_CALL = 50
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
    """What goes wrong without any label: answers that did not come, or came late. One call says nothing about a version."""
    calls = _last_answers(
        ServedCall.objects.filter(version=alias.version, created_at__gte=_counted_from(alias))
    )
    why = [call.failure for call in calls]
    broken = [failure not in ("", Failure.SLOW) for failure in why]
    if len({call.pk for call, is_broken in zip(calls, broken, strict=True) if is_broken}) >= FEWEST_CALLS:
        if len(calls) >= ALL_FAILED and all(broken[:ALL_FAILED]):
            trigger = Trigger.LOAD if Failure.LOAD in why[:ALL_FAILED] else Trigger.ERRORS
            return trigger, {"failed": sum(broken), "rows": len(calls)}
        if len(calls) == RECENT and sum(broken) > MOST_FAILED * RECENT:
            return Trigger.ERRORS, {"failed": sum(broken), "rows": RECENT}
    usual = _usual_latency(alias)
    if len(calls) == RECENT and usual is not None:
        now = _p95([call for call, is_broken in zip(calls, broken, strict=True) if not is_broken])
        if now > max(SLOWER * usual, NEVER_SLOW_MS):
            return Trigger.LATENCY, {"p95_ms": round(now, 1), "usual_p95_ms": round(usual, 1)}
    return None


def _last_answers(calls: QuerySet[ServedCall], order: str = "-pk") -> list[ServedCall]:
    """The last (or first) 200 answers, each by the call that it came of; fewer where there are no more."""
    found: list[ServedCall] = []
    for call in calls.order_by(order)[:RECENT]:
        found += [call] * min(call.answers, MOST_OF_A_CALL, RECENT - len(found))
        if len(found) == RECENT:
            break
    return found


def _p95(answers: Sequence[ServedCall]) -> float:
    took = sorted(call.latency_ms or 0.0 for call in answers)
    return took[int(0.95 * len(took))] if took else 0.0


def _usual_latency(alias: ModelAlias) -> float | None:
    """The p95 in milliseconds of the forerunner's last 200 answers, or of the version's own first 200; None before that."""
    for judged, order in ((_forerunner(alias), "-pk"), (alias.version, "pk")):
        if judged is None:
            continue
        answers = _last_answers(ServedCall.objects.filter(version=judged, failure=""), order)
        if len(answers) == RECENT:
            return _p95(answers)
    return None
