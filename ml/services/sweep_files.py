"""Delete files under ``MODEL_DIR`` that no row knows: what killed trainings and erasures have left behind."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Min

from ml.models import DatasetSnapshot, ModelVersion, TrainingRun
from ml.services.start_training import close_abandoned_runs
from people.viewer import Viewer

# What is younger may belong to work that has not stored its row yet.
LEAST_AGE = timedelta(days=1)
# Machines that share the folder do not agree about the second.
CLOCKS_DIFFER = timedelta(minutes=5)
# Files of rows and the folders of artefacts, as the product names them, finished or half written; nothing else is touched.
_FOLDER = re.compile(r"[0-9a-f]{16}")
_ROWS = re.compile(r"\.?[\w.-]+\.jsonl\.gz(\.[0-9a-f]{8})?")


def sweep_files(*, by: Viewer) -> list[str]:
    """Delete and return, by their paths, files and folders of artefacts that are a day old and that no row names.

    Nothing goes that was written since the oldest training that still runs has begun. Raises PermissionDenied without
    ``ml.manage``.
    """
    by.require("ml.manage")
    close_abandoned_runs()
    running = TrainingRun.objects.filter(state=TrainingRun.State.RUNNING)
    begun = running.aggregate(first=Min("started_at"))["first"]
    before = time.time() - LEAST_AGE.total_seconds()
    if begun is not None:
        before = min(before, (begun - CLOCKS_DIFFER).timestamp())
    # The rows are read after the files: what is stored meanwhile is known.
    found = [path for path in _candidates() if _newest(path) < before]
    known = set(DatasetSnapshot.objects.values_list("path", flat=True))
    known.update(TrainingRun.objects.values_list("held_out_path", flat=True))
    known.update(ModelVersion.objects.values_list("path", flat=True))
    root = Path(settings.MODEL_DIR)
    swept = []
    for path in found:
        name = path.relative_to(root).as_posix()
        if name in known:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        swept.append(name)
    return swept


def _candidates() -> Iterator[Path]:
    """Rows in ``snapshots`` and ``runs``, and artefacts one level deep in ``runs`` and in the folders of the tasks."""
    root = Path(settings.MODEL_DIR)
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_symlink() or not folder.is_dir():
            continue
        holds_rows = folder.name in ("snapshots", "runs")
        for path in sorted(folder.iterdir()):
            if path.is_symlink():
                continue
            ours = _FOLDER if path.is_dir() else _ROWS if holds_rows else None
            if ours is not None and ours.fullmatch(path.name):
                yield path


def _newest(path: Path) -> float:
    """When the file, or the last one in the folder, was written; now for what is going at this moment."""
    try:
        return max(float(one.stat().st_mtime) for one in (path, *(path.iterdir() if path.is_dir() else ())))
    except FileNotFoundError:
        return time.time()
