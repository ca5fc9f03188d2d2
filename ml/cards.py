"""The card of a version: what it is for, what it learned from, how good it is and for whom, who let it serve.

Made from the rows each time it is asked for, so that it cannot say something else than they do. No text of a ticket is in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from ml.artefacts import ArtefactRefused
from ml.evaluation.held_out import read_held_out
from ml.lineage import Lineage, lineage_of_version
from ml.models import GateResult, ModelVersion
from ml.monitoring.estimates import wilson
from ml.registry import HeldOut, MLTask, ml_tasks
from people.viewer import Viewer

SHOWN = (
    "accuracy",
    "micro_f1",
    "macro_f1",
    "micro_precision",
    "micro_recall",
    "roc_auc",
    "pr_auc",
    "brier",
    "ece",
    "lift_at_10",
    "mae",
    "median_error",
    "within_p80",
    "log_error",
    "abstained",
    "ms_per_row",
)


@dataclass(frozen=True)
class SliceFigure:
    """How often the answers about one part of the work were right; ``low`` to ``high`` is Wilson's 90 % interval."""

    name: str
    value: str
    rows: int
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class Card:
    """Everything a page or a file shows of a version."""

    version: ModelVersion
    title: str
    purpose: str
    limits: str
    lineage: Lineage
    figures: Sequence[tuple[str, Any, Any, Any]]  # name, held out, trivial model, random split
    slices: Sequence[SliceFigure]
    gates: Sequence[GateResult]


def card_of(version: ModelVersion, viewer: Viewer) -> Card:
    """Collect the card; reads the run's answers on held-out rows. Raises PermissionDenied without ``ml.view``."""
    lineage = lineage_of_version(version, viewer)
    task = ml_tasks.get(version.task) if version.task in ml_tasks else None
    random_split = version.metrics.get("random_split", {})
    try:
        held_out = read_held_out(lineage.run) if lineage.run else []
    except ArtefactRefused:
        held_out = []
    return Card(
        version=version,
        title=str(task.title) if task else version.task,
        purpose=str(task.purpose) if task else "",
        limits=str(task.limits) if task else "",
        lineage=lineage,
        figures=[
            (name, version.metrics[name], version.baseline_metrics.get(name), random_split.get(name))
            for name in SHOWN
            if version.metrics.get(name) is not None
        ],
        slices=slice_figures(held_out, task),
        gates=list(version.gates.all()),
    )


def slice_figures(held_out: Sequence[HeldOut], task: MLTask | None = None) -> list[SliceFigure]:
    """Share of right answers for each slice, by name and size."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in held_out:
        for name, value in row.slices.items():
            found[name, value].append(task.right(row) if task else row.truth == row.answer)
    figures = []
    for (name, value), hits in found.items():
        right = sum(hits) / len(hits)
        figures.append(SliceFigure(name, value, len(hits), right, *wilson(right, len(hits))))
    return sorted(figures, key=lambda one: (one.name, -one.rows, one.value))


def markdown(card: Card) -> str:
    """The card as a file."""
    version, run, snapshot = card.version, card.lineage.run, card.lineage.snapshot
    reason = f" ({version.stage_reason})" if version.stage_reason else ""
    parts = [
        f"# {card.title}: {version.label}",
        card.purpose,
        f"{_('Limits')}: {card.limits}" if card.limits else "",
        f"{_('Stage')}: {version.get_stage_display()}{reason}",
    ]
    if snapshot is not None:
        labels = ", ".join(f"{_cell(name)} {count}" for name, count in snapshot.label_counts.items())
        sources = ", ".join(f"{_cell(name) or '-'} {count}" for name, count in snapshot.label_sources.items())
        erased = _("Trained on %d rows that have been erased since.") % snapshot.erased_rows
        parts += [
            f"## {_('Data')}",
            f"{snapshot.rows} {_('rows')}, {_day(snapshot.first_at)} – {_day(snapshot.last_at)}; {labels}.",
            f"{_('Labels from')}: {sources}. {_('Fingerprint')}: `{snapshot.digest}`.",
            erased if snapshot.erased_rows else "",
        ]
    if run is not None:
        parts += [
            f"## {_('Training')}",
            f"{run.get_trigger_display()}, {_day(run.started_at)}, {run.cpu_seconds} s, {_('seed')} {run.seed}. "
            f"{_('Code')} `{run.code_digest[:16]}`, {_('environment')} `{run.environment_digest[:16]}`, "
            f"{_('content')} `{version.digest[:16]}`.",
        ]
    head = (_("Figure"), _("Newest rows"), _("Trivial model"), _("Random split"))
    parts += [f"## {_('Figures')}", _table(head, card.figures)]
    if card.slices:
        rows = [
            (f"{one.name} {one.value}", one.rows, one.right, f"{one.low:.3f} – {one.high:.3f}")
            for one in card.slices
        ]
        parts += [f"## {_('Parts of the work')}", _table((_("Part"), _("Rows"), _("Right"), "90 %"), rows)]
    gates = [(gate.gate, gate.state, gate.observed, gate.threshold) for gate in card.gates]
    parts += [f"## {_('Gates')}", _table((_("Gate"), _("Verdict"), _("Seen"), _("Asked")), gates)]
    parts.append(_service(card.lineage))
    return "\n\n".join(part for part in parts if part) + "\n"


def _service(lineage: Lineage) -> str:
    if lineage.service is None:
        return _("It has not been in service.")
    if lineage.approval is None:
        return _("In service since %s as the first version, without a second person.") % _day(
            lineage.service.at
        )
    return _("In service since %(day)s: asked for by %(asker)s, approved by %(decider)s.") % {
        "day": _day(lineage.service.at),
        "asker": lineage.approval.requested_by,
        "decider": lineage.approval.decided_by,
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _day(moment: Any) -> str:
    return moment.date().isoformat() if moment else "-"
