"""What killed trainings leave behind goes, whatever a living one or a row may need stays."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from ml import tasks
from ml.artefacts import Artefact
from ml.datasets.files import write_lines
from ml.models import DatasetSnapshot, ModelVersion, TrainingRun
from ml.services.start_training import this_process
from ml.services.sweep_files import sweep_files
from people.models import User
from tests.ml.versions import version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def killed_training() -> list[Path]:
    """Let a process die by ``kill -9`` while it writes, and return what it has left, two days old."""
    root = Path(settings.MODEL_DIR)
    before = set(root.rglob("*"))

    def lines() -> Iterator[str]:
        yield "{}"
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        try:
            for folder in ("runs", "colours"):  # an artefact to compare with, and one without a version yet
                (root / folder / ("0f" * 8)).mkdir(parents=True)
                (root / folder / ("0f" * 8) / "metadata.json").write_text("{}")
            write_lines(root / "runs" / "colours-0123456789abcdef.jsonl.gz", lines())
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = sorted(set(root.rglob("*")) - before)
    assert any(path.name.startswith(".colours-") for path in left)
    age(left, 2 * DAY)
    return [path for path in left if path.parent.parent == root]


def age(paths: list[Path], by: timedelta) -> None:
    then = (timezone.now() - by).timestamp()
    for path in paths:
        os.utime(path, (then, then))


def left(paths: list[Path]) -> list[bool]:
    return [path.exists() for path in paths]


def test_what_a_killed_training_has_left_is_swept() -> None:
    found = killed_training()
    assert len(found) == 3
    tasks.sweep_files()
    assert left(found) == [False] * 3


def test_what_rows_know_and_what_is_young_stays() -> None:
    root = Path(settings.MODEL_DIR)
    version = version_of("colours", Artefact(metadata={"model": {}}))
    folder = root / "colours" / ("ab" * 8)
    (root / version.path).rename(folder)
    ModelVersion.objects.update(path="colours/" + "ab" * 8)
    snapshot, held, young = (
        root / path
        for path in ("snapshots/colours-1.jsonl.gz", "runs/colours-2.jsonl.gz", "runs/colours-3.jsonl.gz")
    )
    for path in (snapshot, held, young):
        write_lines(path, ["{}"])
    somebody_s = root / "colours" / "notes.txt"
    somebody_s.write_text("not ours")
    DatasetSnapshot.objects.create(task="colours", rows=1, digest="d", path="snapshots/colours-1.jsonl.gz")
    TrainingRun.objects.create(
        task="colours", trigger="manual", state="done", held_out_path="runs/colours-2.jsonl.gz"
    )
    age([folder, *folder.iterdir(), snapshot, held, somebody_s], 30 * DAY)
    tasks.sweep_files()
    assert left([folder, snapshot, held, young, somebody_s]) == [True] * 5
    age([young], 2 * DAY)
    tasks.sweep_files()
    assert not young.exists()


def test_nothing_goes_that_a_living_training_may_have_written() -> None:
    found = killed_training()
    now = timezone.now()
    run = TrainingRun.objects.create(
        task="other", trigger="manual", state="running", process=this_process(), started_at=now - 3 * DAY, beat_at=now
    )  # fmt: skip
    tasks.sweep_files()
    assert left(found) == [True] * 3
    # It was killed, too: nobody hears of it any more.
    TrainingRun.objects.filter(pk=run.pk).update(beat_at=now - 2 * DAY)
    tasks.sweep_files()
    assert left(found) == [False] * 3


def test_who_may_not_manage_models_does_not_sweep(lead_user: User) -> None:
    with pytest.raises(PermissionDenied):
        sweep_files(by=lead_user.as_viewer())
