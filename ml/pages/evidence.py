"""The answers behind a figure: rows that a version's trial had not seen, with truth, answer and confidence.

What a row is about is shown by its task, and only to who may see the subject.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from ml.artefacts import ArtefactRefused
from ml.datasets.files import is_tombstone, line_digest, read_lines
from ml.datasets.rows import parse
from ml.evaluation.comparison import Answers
from ml.evaluation.held_out import read_held_out
from ml.models import DatasetSnapshot
from ml.pages.frame import frame, task_or_404, version_or_404
from ml.registry import HeldOut, MLTask, ShownSubject
from people.requests import StaffRequest, page
from people.viewer import Viewer

SHOWN = 50


@dataclass(frozen=True)
class Line:
    """One held-out row; ``subject`` is None when it was erased, is gone, or may not be seen."""

    row: HeldOut
    right: bool
    subject: ShownSubject | None


@page("ml.view")
@require_GET
def answers(request: StaffRequest, task: str, number: int) -> HttpResponse:
    """List rows, the surest mistakes first; ``truth``, ``answer``, ``bin``, ``wrong`` and ``from`` narrow it."""
    part = task_or_404(task)
    version = version_or_404(part.key, number)
    damaged = False
    rows: list[HeldOut] = []
    try:
        rows = _chosen(read_held_out(version.run) if version.run else [], part, request)
    except ArtefactRefused:
        damaged = True
    start = _number(request.GET.get("from", ""))
    shown = rows[start : start + SHOWN]
    snapshot = version.run.snapshot if version.run else None
    subjects = _subjects(part, shown, snapshot, request.viewer)
    rest = {key: str(value) for key, value in request.GET.items() if key != "from"}
    context = frame(part, "model-versions") | {
        "version": version,
        "damaged": damaged,
        "total": len(rows),
        "first": start + 1 if shown else 0,
        "last": start + len(shown),
        "lines": [Line(row, part.right(row), subjects.get(row.row)) for row in shown],
        "chips": _chips(rest),
        "next_url": f"?{urlencode(rest | {'from': start + SHOWN})}" if start + SHOWN < len(rows) else "",
        "back_url": f"?{urlencode(rest | {'from': max(0, start - SHOWN)})}" if start else "",
    }
    return render(request, "ml/answers.html", context)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _chosen(rows: list[HeldOut], task: MLTask, request: StaffRequest) -> list[HeldOut]:
    asked = request.GET
    if asked.get("bin", "").isdigit() and rows:
        bins = Answers(rows, task.yes_no).bins
        rows = [row for row, number in zip(rows, bins, strict=True) if str(number) == asked["bin"]]
    if "truth" in asked:
        rows = [row for row in rows if str(row.truth) == asked["truth"]]
    if "answer" in asked:
        rows = [row for row in rows if str(row.answer) == asked["answer"]]
    if asked.get("wrong"):
        rows = [row for row in rows if not task.right(row)]
    if task.numeric:
        return sorted(rows, key=lambda row: (-row.loss, row.row))
    return sorted(rows, key=lambda row: (task.right(row), -(row.probability or 0.0), row.row))


def _chips(rest: dict[str, str]) -> list[dict[str, str]]:
    """The filters in force, each with the address without it."""
    words = {
        "truth": _("should be %s"),
        "answer": _("was %s"),
        "bin": _("group %s of confidence"),
        "wrong": _("wrong only"),
    }
    found = []
    for key, sentence in words.items():
        if key in rest:
            value = str(int(rest[key]) + 1) if key == "bin" and rest[key].isdigit() else rest[key]
            kept = {name: one for name, one in rest.items() if name != key}
            found.append(
                {"label": sentence % value if "%s" in sentence else sentence, "url": f"?{urlencode(kept)}"}
            )
    return found


def _subjects(
    task: MLTask, rows: list[HeldOut], snapshot: DatasetSnapshot | None, viewer: Viewer
) -> dict[str, ShownSubject]:
    """What each row is about, by digest: the snapshot knows the subject, the task who may see it."""
    if snapshot is None or not rows:
        return {}
    wanted = {row.row for row in rows}
    ids: dict[str, int] = {}
    try:
        for line in read_lines(Path(settings.MODEL_DIR) / snapshot.path, snapshot.file_sha256):
            if not is_tombstone(line) and (digest := line_digest(line)) in wanted:
                ids[digest] = parse(line).subject_id
    except ArtefactRefused:
        return {}
    shown = task.shown(sorted(set(ids.values())), viewer)
    return {digest: shown[subject] for digest, subject in ids.items() if subject in shown}
