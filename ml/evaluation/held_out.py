"""What a run's trial model said about rows that it had not seen: read back from the run's file."""

from __future__ import annotations

import json
from pathlib import Path

from django.conf import settings

from ml.datasets.files import read_lines
from ml.models import TrainingRun
from ml.registry import HeldOut


def read_held_out(run: TrainingRun) -> list[HeldOut]:
    """The answers in their order; none for a run without any. Raises ``ArtefactRefused`` for a damaged file."""
    if not run.held_out_path:
        return []
    path = Path(settings.MODEL_DIR) / run.held_out_path
    return [HeldOut(**json.loads(line)) for line in read_lines(path, run.held_out_sha256)]
