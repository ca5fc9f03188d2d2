"""Compare each full window of a champion's predictions with its reference and store what differs; two in a row are an alarm.

The true labels of audits are compared in windows of their own: they tell whether the work itself has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from core.services.notify_user import Notice, notify_people
from ml.classifiers.beside import TextInput, text_of
from ml.events import DRIFT_SEEN
from ml.models import DriftWindow, Feedback, ModelAlias, ModelVersion, Prediction, RollbackEvent
from ml.monitoring.windows import (
    CONFIDENCE,
    FEWEST_REFERENCE,
    MOST_REFERENCE,
    WINDOW_ROWS,
    Comparison,
    Row,
    compare_labels,
    compare_window,
    same_weekdays,
    some_of,
    strangest,
)
from ml.registry import ml_tasks
from ml.services.roll_back_automatically import pause_task
from people.selectors import people_who_may
from people.viewer import Viewer

REFERENCE_DAYS = timedelta(days=28)
FALLEN = -5.0  # standard errors of the mean confidence
Verdict = DriftWindow.Verdict
# A week of audits; three weeks of them are needed before the first can be judged.
WINDOW_LABELS = 140
FEWEST_LABELS = 280
MOST_LABELS = 1_000
EXAMPLES = 5
CHUNK = 500


def watch_drift(*, by: Viewer, task: str = "") -> int:
    """Judge every full window that nobody has judged, of one task or of all; returns how many.

    A window is 250 predictions of one version. Its reference are up to 4,000 earlier ones from the version's first 28 days,
    without windows in which something differed; the first 500 are reference only. A window of labels is 140 audits, a week's
    worth, and its reference up to 1,000 audits of the task before it.
    """
    by.require("ml.manage")
    judged = 0
    champions = ModelAlias.objects.filter(Q(task=task) if task else Q(), name=ModelAlias.Name.CHAMPION)
    for alias in champions.select_related("version").order_by("pk"):
        while _judge_next(alias.version, by):
            judged += 1
        while _judge_next_labels(alias.version, by):
            judged += 1
    return judged


def _judge_next(version: ModelVersion, by: Viewer) -> bool:
    windows = DriftWindow.objects.filter(version=version).of_predictions()
    done = windows.aggregate(number=Max("number"), last=Max("last_prediction"))
    rows = Prediction.objects.filter(version=version).order_by("pk")
    after = done["last"]
    if after is None:
        after = rows.values_list("pk", flat=True)[FEWEST_REFERENCE - 1 : FEWEST_REFERENCE].first()
        if after is None:
            return False
    window = _read(rows.filter(pk__gt=after)[:WINDOW_ROWS])
    if len(window) < WINDOW_ROWS:
        return False
    reference = same_weekdays(_reference(version, window[0].pk), window)
    number = (done["number"] or 0) + 1
    comparisons = compare_window(reference, window, _texts(version.task, reference, window))
    before = dict(windows.filter(number=number - 1).values_list("item", "verdict"))
    fallen = next(one.test.statistic for one in comparisons if one.item == CONFIDENCE)
    earlier = windows.filter(number=number - 1, item=CONFIDENCE, statistic__lte=FALLEN)
    with transaction.atomic():
        # Who is second here finds the rows of the first, and ends with an IntegrityError that the next tick makes good.
        DriftWindow.objects.bulk_create(
            [
                _stored(version, number, one, _verdict(one, before.get(one.item)), len(reference), window)
                for one in comparisons
            ]
        )
        new = [
            one
            for one in comparisons
            if _verdict(one, before.get(one.item)) == Verdict.ALARM and before.get(one.item) != Verdict.ALARM
        ]
        # One change shows in several items; while one of them is in alarm the others tell nothing new.
        if new and Verdict.ALARM not in before.values():
            _tell(version, number, new, window[-1].pk, by)
        if fallen <= FALLEN and earlier.exists():
            pause_task(
                version=version,
                trigger=RollbackEvent.Trigger.CONFIDENCE,
                evidence={"window": number, "standard_errors": round(fallen, 2)},
                by=by,
            )
    return True


def _judge_next_labels(version: ModelVersion, by: Viewer) -> bool:
    """Judge the next 140 audited labels of the task; what they are does not depend on the version that serves."""
    windows = DriftWindow.objects.filter(task=version.task).of_labels()
    last = windows.order_by("-last_prediction").first()
    labels = Feedback.objects.filter(
        task=version.task, source=Feedback.Source.BLIND_AUDIT, inclusion_probability__isnull=False
    ).order_by("pk")
    after = last.last_prediction if last else None
    if after is None:
        after = labels.values_list("pk", flat=True)[FEWEST_LABELS - 1 : FEWEST_LABELS].first()
        if after is None:
            return False
    rows = list(labels.filter(pk__gt=after)[:WINDOW_LABELS])
    if len(rows) < WINDOW_LABELS:
        return False
    known = labels.filter(pk__lt=rows[0].pk)
    for first, end in windows.exclude(verdict=Verdict.OK).values_list("first_prediction", "last_prediction"):
        known = known.exclude(pk__gte=first, pk__lte=end)
    reference = list(known.order_by("-pk").values_list("label", "inclusion_probability")[:MOST_LABELS])
    one = compare_labels(
        [(label, chance or 1.0) for label, chance in reference],
        [(row.label, row.inclusion_probability or 1.0) for row in rows],
        DriftWindow.TRUE_LABEL,
    )
    number = (windows.filter(version=version).aggregate(number=Max("number"))["number"] or 0) + 1
    before = last.verdict if last else None
    verdict = _verdict(one, before)
    with transaction.atomic():
        DriftWindow.objects.create(
            **_fields(version, number, one, verdict, len(reference)),
            rows=len(rows),
            examples=[row.subject_id for row in rows[:EXAMPLES]] if verdict != Verdict.OK else [],
            first_prediction=rows[0].pk,
            last_prediction=rows[-1].pk,
            starts_at=rows[0].created_at,
            ends_at=rows[-1].created_at,
        )
        if verdict == Verdict.ALARM and before != Verdict.ALARM:
            _tell(version, number, [one], rows[-1].pk, by)
    return True


def _texts(task: str, reference: Sequence[Row], window: Sequence[Row]) -> dict[int, str]:
    """What the subjects wrote, by subject, as far as the task reads texts and they are still there."""
    if task not in ml_tasks:
        return {}
    part, found = ml_tasks.get(task), {}
    ids = [row.subject_id for row in (*some_of(reference), *window)]
    for start in range(0, len(ids), CHUNK):
        inputs = part.inputs(ids[start : start + CHUNK])
        found.update(
            {pk: text_of(given) for pk, given in inputs.items() if isinstance(given, str | TextInput)}
        )
    return found


def _verdict(one: Comparison, before: str | None) -> DriftWindow.Verdict:
    if not one.flagged:
        return Verdict.OK
    return Verdict.ALARM if before in (Verdict.WATCH, Verdict.ALARM) else Verdict.WATCH


def _reference(version: ModelVersion, before: int) -> Sequence[Row]:
    rows = Prediction.objects.filter(version=version).order_by("pk")
    start = rows.values_list("created_at", flat=True).first()
    if start is not None:
        rows = rows.filter(pk__lt=before, created_at__lt=start + REFERENCE_DAYS)
    flagged = DriftWindow.objects.filter(version=version).of_predictions().exclude(verdict=Verdict.OK)
    for first, last in set(flagged.values_list("first_prediction", "last_prediction")):
        rows = rows.exclude(pk__gte=first, pk__lte=last)
    return _read(rows[:MOST_REFERENCE])


def _read(rows: QuerySet[Prediction]) -> list[Row]:
    read = rows.values_list("pk", "created_at", "subject_id", "label", "probability", "abstained", "facts")
    return [Row(*values) for values in read]


def _stored(
    version: ModelVersion,
    number: int,
    one: Comparison,
    verdict: DriftWindow.Verdict,
    reference_rows: int,
    window: Sequence[Row],
) -> DriftWindow:
    return DriftWindow(
        **_fields(version, number, one, verdict, reference_rows),
        rows=len(window),
        examples=strangest(window) if verdict != Verdict.OK else [],
        first_prediction=window[0].pk,
        last_prediction=window[-1].pk,
        starts_at=window[0].at,
        ends_at=window[-1].at,
    )


def _fields(
    version: ModelVersion, number: int, one: Comparison, verdict: DriftWindow.Verdict, reference_rows: int
) -> dict[str, Any]:
    return {
        "task": version.task,
        "version": version,
        "number": number,
        "item": one.item[:64],
        "test": one.test.test,
        "reference_rows": reference_rows,
        "statistic": one.test.statistic,
        "effect": one.test.effect,
        "p_value": one.test.p_value,
        "p_adjusted": one.p_adjusted,
        "psi": one.test.psi,
        "verdict": verdict,
        "shown": dict(one.shown),
    }


def _tell(version: ModelVersion, number: int, new: Sequence[Comparison], last: int, by: Viewer) -> None:
    items = [one.item for one in new]
    detail: dict[str, Any] = {"task": version.task, "window": number, "items": items}
    event = DRIFT_SEEN.record(by=by, subject_id=version.pk, detail=detail | {"last_prediction": last})
    text = _("What %(model)s is asked has changed: %(items)s.") % {
        "model": version.label,
        "items": ", ".join(items),
    }
    notify_people(
        notices=[
            Notice(user_id=user_id, text=text, verb=event.verb, cause=event, group=f"ml:{version.task}")
            for user_id in people_who_may("ml.manage")
        ],
        by=by,
    )
