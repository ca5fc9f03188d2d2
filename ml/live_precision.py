"""How often a version in service is right when it names a class, by what people have said since it began to serve.

Two views, both of answers that were treated as the class is treated now. Audits are drawn at random: their share of right
answers is an estimate. Corrections are not, nobody corrects everything that is wrong: what was not corrected counts as right,
so they give a bound from above only. Where either says that a class cannot be as good as asked, it is not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef

from ml.class_modes import ClassRow, ClassRows
from ml.evaluation.class_precision import AUTOMATIC, SUGGEST
from ml.models import AuditItem, Feedback, ModelAlias, ModelVersion, Prediction
from ml.monitoring.estimates import Estimate, audited_accuracy, wilson

# Fewer labels say nothing: of one wrong answer the upper bound is 0.73 already.
FEWEST = 10
MOST_AUDITS = 20_000
_SAID = (Feedback.Source.CORRECTION, Feedback.Source.QA)


@dataclass(frozen=True)
class LivePrecision:
    """``audits`` is None without any; of ``said`` answers people corrected ``corrected``."""

    audits: Estimate | None
    said: int
    corrected: int

    @property
    def at_most(self) -> float:
        """The lower of both upper bounds (90 % intervals); 1 with fewer than ten answers."""
        bounds = [1.0]
        if self.audits is not None and self.audits.rows >= FEWEST:
            bounds.append(self.audits.high)
        if self.said >= FEWEST:
            bounds.append(wilson(1 - self.corrected / self.said, self.said)[1])
        return min(bounds)


def serving_since(version: ModelVersion) -> datetime | None:
    """Since when the version answers as champion or canary; None when it does not."""
    names = (ModelAlias.Name.CHAMPION, ModelAlias.Name.CANARY)
    alias = ModelAlias.objects.filter(version=version, name__in=names).order_by("changed_at").first()
    return alias.changed_at if alias is not None else None


def live_precision(version: ModelVersion, rows: ClassRows) -> dict[str, LivePrecision]:
    """By label, for a version in service; empty for any other. Four queries.

    A class is counted anew from the last change of its mode: who made it knew what was there.
    """
    begin = serving_since(version)
    if begin is None or not rows:
        return {}
    since = {label: _since(row, begin) for label, row in rows.items()}
    said, corrected = _corrections(version, rows, since)
    audits = _audits(version, rows, since)
    return {
        label: LivePrecision(audited_accuracy(audits[label]), said[label], corrected[label]) for label in rows
    }


def _since(row: ClassRow, begin: datetime) -> datetime:
    return max(begin, row.change.at) if row.change is not None else begin


def _corrections(
    version: ModelVersion, rows: ClassRows, since: Mapping[str, datetime]
) -> tuple[Counter[str], Counter[str]]:
    """How many answers there were with each label, and how many of them people corrected."""
    said: Counter[str] = Counter()
    corrected: Counter[str] = Counter()
    for begin in sorted(set(since.values())):
        labels = [label for label, at in since.items() if at == begin]
        answers = Prediction.objects.filter(version=version, label__in=labels, created_at__gte=begin)
        wrong = Feedback.objects.filter(
            version=version, source__in=_SAID, prediction__in=answers, predicted_label__in=labels
        ).exclude(label=F("predicted_label"))
        for label, mode, count in answers.values_list("label", "mode").annotate(Count("pk")):
            said[label] += count if mode == rows[label].mode else 0
        counted = wrong.values_list("predicted_label", "prediction__mode")
        for label, mode, count in counted.annotate(Count("prediction", distinct=True)):
            corrected[label] += count if mode == rows[label].mode else 0
    return said, corrected


def _audits(
    version: ModelVersion, rows: ClassRows, since: Mapping[str, datetime]
) -> dict[str, list[tuple[bool, float]]]:
    """The audited answers with each label: whether right, and the chance to be drawn."""
    items = AuditItem.objects.filter(version=version, state=AuditItem.State.ANSWERED)
    items = items.filter(answered_at__gte=min(since.values()))
    told = Prediction.objects.filter(
        version=version,
        task=OuterRef("task"),
        subject_kind=OuterRef("subject_kind"),
        subject_id=OuterRef("subject_id"),
    )
    applied, suggested = (Exists(told.filter(mode=mode)) for mode in (AUTOMATIC, SUGGEST))
    found: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    listed = items.annotate(applied=applied, suggested=suggested).order_by("-pk")
    for said, label, chance, at, was_applied, was_suggested in listed.values_list(
        "predicted_label", "label", "inclusion_probability", "answered_at", "applied", "suggested"
    )[:MOST_AUDITS]:
        row = rows.get(said)
        if row is None or at is None or at < since[said]:
            continue
        if {AUTOMATIC: was_applied, SUGGEST: was_suggested}.get(row.mode, False):
            found[said].append((said == label, chance))
    return found
