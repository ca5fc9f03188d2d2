"""Figures of a version, beside those of the one in service where both are there: table, curves, confusions."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import charts
from core.formatting import percent, plain, signed
from ml.artefacts import ArtefactRefused
from ml.evaluation.comparison import LOWER_IS_BETTER, TARGET, Comparison, Interval, compare
from ml.evaluation.held_out import read_held_out
from ml.models import GateResult, ModelVersion, TrainingRun
from ml.registry import MLTask

CONFUSIONS = 8
# Groups of fewer rows are drawn as a ring without a line: their share says little.
FEWEST_IN_BIN = 10
# Figure, what it says, and the gate that judges it.
FIGURES = {
    "accuracy": (gettext_lazy("Accuracy"), gettext_lazy("share of right answers"), "better_than_baseline"),
    "macro_f1": (gettext_lazy("Macro F1"), gettext_lazy("all classes alike"), "champion"),
    "roc_auc": (gettext_lazy("AUC"), gettext_lazy("order of the risks"), "champion"),
    "brier": (gettext_lazy("Brier score"), gettext_lazy("squared error"), "better_than_baseline"),
    "mae": (gettext_lazy("Mean error"), gettext_lazy("hours to either side"), "own_conditions"),
    "log_error": (
        gettext_lazy("Relative error"),
        gettext_lazy("of the logarithm"),
        "better_than_baseline",
    ),
    "ece": (gettext_lazy("Calibration error"), gettext_lazy("ECE"), "calibration"),
    "coverage": (gettext_lazy("Coverage"), gettext_lazy("at accuracy 95 %"), ""),
}
SHARES = frozenset(("accuracy", "ece", "coverage"))


@dataclass(frozen=True)
class Row:
    """One line of the table of figures; positions are pixels in a strip 130 wide, zero in its middle."""

    label: str
    sub: str
    theirs: str
    ours: str
    difference: str = ""
    interval: str = ""
    tone: str = "steady"
    at: float | None = None
    low: float = 0.0
    high: float = 0.0
    gate: GateResult | None = None
    url: str = ""
    their_interval: str = ""
    our_interval: str = ""


def figures(task: MLTask, live: ModelVersion | None, subject: ModelVersion) -> dict[str, Any]:
    """The table, the two curves and the confusions of ``subject``, beside ``live`` where both are there."""
    found, damaged = compared(task, subject.run, live.run if live else None)
    judged = {gate.gate: gate for gate in subject.gates.all()}
    answers_url = reverse("model-answers", args=[task.key, subject.number])
    rows: list[Row] = []
    context: dict[str, Any] = {
        "subject": subject,
        "compared": found,
        "damaged": damaged,
        "answers_url": answers_url,
    }
    if found is None:
        return context | {"rows": rows}
    # Differences below a point are drawn as small as they are.
    reach = max([0.01, *(max(abs(one.low), abs(one.high)) for one in found.differences.values())])
    for key, (label, sub, gate) in FIGURES.items():
        if key in found.ours:
            rows.append(_row(key, str(label), str(sub), found, subject, reach, judged.get(gate), answers_url))
    slow, live_slow = _milliseconds(subject), _milliseconds(live)
    if slow:
        rows.append(
            Row(_("Latency"), _("p95 of one answer, ms"), live_slow or "–", slow, gate=judged.get("cost"))
        )
    return context | {
        "rows": rows,
        "calibration": _calibration_plot(found, live is not None),
        "coverage": _coverage_plot(found),
        "coverage_words": _coverage_words(found, subject, live),
        "confusions": _confusions(found, answers_url),
        "confused": sum(count for *_pair, count, _other in found.confusions),
    }


def compared(
    task: MLTask, ours: TrainingRun | None, theirs: TrainingRun | None
) -> tuple[Comparison | None, bool]:
    """The comparison of two runs' answers and whether a file is damaged. Files never change, so what was read is kept."""
    try:
        return _compared(task, _Held(ours), _Held(theirs)), False
    except ArtefactRefused:
        return None, True


class _Held:
    """A run's file of answers, equal when the content is."""

    def __init__(self, run: TrainingRun | None) -> None:
        self.run = run
        self.key = run.held_out_sha256 if run else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=32)
def _compared(task: MLTask, ours: _Held, theirs: _Held) -> Comparison | None:
    return compare(
        read_held_out(ours.run) if ours.run else [],
        read_held_out(theirs.run) if theirs.run else [],
        yes_no=task.yes_no,
        numeric=task.numeric,
    )


def _milliseconds(version: ModelVersion | None) -> str:
    for gate in version.gates.all() if version else ():
        if gate.gate == "cost" and "p95_ms" in gate.detail:
            return plain(gate.detail["p95_ms"], 0)
    return ""


def _row(
    key: str,
    label: str,
    sub: str,
    found: Comparison,
    subject: ModelVersion,
    reach: float,
    gate: GateResult | None,
    url: str,
) -> Row:
    share, scale = key in SHARES, 1 if key == "mae" else 100
    ours, theirs, change = found.ours[key], found.theirs.get(key), found.differences.get(key)
    if theirs is not None:
        other = _value(theirs.value, share)
    else:
        trivial = subject.baseline_metrics.get(key)
        other = _value(trivial, share) if isinstance(trivial, int | float) else "–"
    row: dict[str, Any] = {}
    if change is not None:
        sure = change.low > 0 or change.high < 0
        better = (change.value < 0) == (key in LOWER_IS_BETTER)
        row = {
            "difference": signed(scale * change.value, 1),
            "interval": _("%(low)s to %(high)s")
            % {"low": signed(scale * change.low, 1), "high": signed(scale * change.high, 1)},
            "tone": ("good" if better else "bad") if sure else "steady",
            "at": round(65 + 60 * change.value / reach, 1),
            "low": round(65 + 60 * change.low / reach, 1),
            "high": round(65 + 60 * change.high / reach, 1),
        }
    evidence = f"{url}?wrong=1" if key in ("accuracy", "macro_f1") else url
    return Row(
        label,
        sub,
        other,
        _value(ours.value, share),
        gate=gate,
        url=evidence,
        our_interval=_span(ours, share),
        their_interval=_span(theirs, share) if theirs else "",
        **row,
    )


def _value(value: float, share: bool) -> str:
    return percent(value, 1) if share else plain(value, 3)


def _span(one: Interval, share: bool) -> str:
    low, high = _value(one.low, share), _value(one.high, share)
    return _("95 %% interval %(low)s to %(high)s") % {"low": low, "high": high}


def _calibration_plot(found: Comparison, pair: bool) -> charts.Plot | None:
    bins = [("lb", "pb", found.their_bins if pair else []), ("l1", "p1", found.our_bins)]
    dots = [
        (
            dot if one.rows >= FEWEST_IN_BIN else "an",
            one.told,
            one.right,
            _bin_words(one.told, one.right, one.rows),
        )
        for _line, dot, group in bins
        for one in group
    ]
    return charts.curve_plot(
        [
            (line, [(one.told, one.right) for one in group if one.rows >= FEWEST_IN_BIN])
            for line, _dot, group in bins
        ],
        dots=dots,
        floor=0.0,
        diagonal=True,
    )


def _bin_words(told: float, right: float, rows: int) -> str:
    words = {"told": percent(told), "right": percent(right), "rows": rows}
    return _("told %(told)s, came true %(right)s, %(rows)s rows") % words


def _coverage_plot(found: Comparison) -> charts.Plot | None:
    dots = [
        (css, figures["coverage"].value, max(TARGET, curve[-1][1]), percent(figures["coverage"].value))
        for css, figures, curve in (
            ("pb", found.theirs, found.their_curve),
            ("p1", found.ours, found.our_curve),
        )
        if "coverage" in figures and figures["coverage"].value > 0
    ]
    return charts.curve_plot(
        [("lb", found.their_curve), ("l1", found.our_curve)],
        dots=dots,
        target=TARGET if found.our_curve else None,
        target_label=_("accuracy %s") % percent(TARGET),
    )


def _coverage_words(found: Comparison, subject: ModelVersion, live: ModelVersion | None) -> str:
    if "coverage" not in found.ours:
        return ""
    words = _("v%(number)s can answer %(share)s alone") % {
        "number": subject.number,
        "share": percent(found.ours["coverage"].value),
    }
    if live is not None and "coverage" in found.theirs:
        words += ", v%s %s" % (live.number, percent(found.theirs["coverage"].value))  # noqa: UP031 - two plain values
    return words


def _confusions(found: Comparison, url: str) -> Iterable[dict[str, Any]]:
    most = found.confusions[0][2] if found.confusions else 1
    return [
        {
            "truth": truth,
            "answer": answer,
            "count": count,
            "bar": f"{100 * count / most:.0f}",
            "share": percent(count / found.rows, 1),
            "change": None if other is None else count - other,
            "url": f"{url}?{urlencode({'truth': truth, 'answer': answer})}",
        }
        for truth, answer, count, other in found.confusions[:CONFUSIONS]
    ]
