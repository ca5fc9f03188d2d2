"""Carry out one training in this process: freeze, check, learn, measure, store the version."""

from __future__ import annotations

import contextlib
import json
import resource
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml.artefacts import describe_artefact, write_artefact
from ml.datasets.files import read_examples, write_lines
from ml.encoders import ModelUnavailable, sentence_encoder
from ml.events import TRAINING_ENDED
from ml.models import DataCheck, DatasetSnapshot, ModelVersion, TrainingRun
from ml.provenance import code_digest, environment, environment_digest
from ml.registry import MLTask, TrainedModel, ml_tasks
from ml.services.freeze_snapshot import freeze_snapshot
from ml.services.judge_version import judge_version
from ml.services.register_version import discard_folder, discard_unfinished, register_version
from ml.services.start_training import this_process
from ml.tabular import NotEnoughData
from people.viewer import Viewer

Report = Callable[[str], None]
State = TrainingRun.State
MOST_VECTORS = 100_000  # 300 MB


class Refused(NotEnoughData):
    """A blocking check failed."""


def carry_out_run(*, run_id: int, by: Viewer, report: Report = lambda _line: None) -> TrainingRun:
    """Do a queued run from start to end; one that is not queued is returned as it is. Never raises for a failed training.

    The run says how it ended: done with a version, refused by the data, or failed with the error in its log.
    """
    by.require("ml.manage")
    claimed = TrainingRun.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING, process=this_process(), started_at=timezone.now(), beat_at=timezone.now()
    )
    run = TrainingRun.objects.select_related("repeats__version", "snapshot").get(pk=run_id)
    if not claimed:
        return run
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        TrainingRun.objects.filter(pk=run.pk).update(log="\n".join(lines), beat_at=timezone.now())
        report(line)

    started = time.process_time()
    try:
        _train(run, ml_tasks.get(run.task), log, by)
        run.state = State.DONE
    except NotEnoughData as error:
        run.state, run.error = State.REFUSED, str(error)
    except KeyboardInterrupt:
        run.state, run.error = State.CANCELLED, "stopped"
    except Exception as error:  # noqa: BLE001 - the failure is shown on the run
        run.state, run.error = State.FAILED, f"{type(error).__name__}: {error}"[:2000]
        lines.append("".join(traceback.format_exception(error))[-8000:])
    run.log = "\n".join(lines)
    run.finished_at = run.beat_at = timezone.now()
    run.cpu_seconds = round(time.process_time() - started, 3)
    run.peak_megabytes = _peak_megabytes()
    with transaction.atomic():
        run.save()
        TRAINING_ENDED.record(by=by, subject_id=run.pk, detail={"task": run.task, "state": run.state})
    return run


def _train(run: TrainingRun, task: MLTask, log: Report, by: Viewer) -> None:
    kept = discard_unfinished(run)
    if kept is not None:
        log(f"{task.key}: {kept.label} was stored before its process was killed")
        return
    run.code_digest = code_digest(task)
    run.environment = environment()
    run.environment_digest = environment_digest(run.environment)
    if run.snapshot is None:
        log(f"{task.key}: freezing the rows")
        run.snapshot = freeze_snapshot(task=task, by=by)
    snapshot = run.snapshot
    run.save(update_fields=["snapshot", "code_digest", "environment", "environment_digest"])
    log(f"{task.key}: {snapshot.rows} rows, fingerprint {snapshot.digest[:16]}")
    _refuse_bad_data(snapshot, log)
    examples = read_examples(Path(settings.MODEL_DIR) / snapshot.path, snapshot.file_sha256)
    if snapshot.erased_rows:
        log(f"{task.key}: {snapshot.erased_rows} of them have been erased since")
    with _vectors_kept(len(examples)):
        trained = task.train(examples, log, seed=run.seed)
    # Beside what decides predictions: it must not serve once a feature means something else.
    trained.artefact.metadata["features"] = dict(snapshot.feature_versions)
    _keep_held_out(run, trained)
    if run.repeats is not None:
        run.reproduced = _content_digest(trained) == _version_of(run.repeats).digest
        log(
            f"{task.key}: {'the same content' if run.reproduced else 'other content'} as run {run.repeats.pk}"
        )
        if run.reproduced:
            return
    version = register_version(task=task.key, trained=trained, by=by, run=run)
    log(f"{task.key}: stored as {version.label}")
    judge_version(version=version, run=run, trained=trained, report=log)


@contextlib.contextmanager
def _vectors_kept(rows: int) -> Iterator[None]:
    """Keep the vectors of all rows, which are asked for twice, until the run ends.

    An encoder whose vectors differ a little with the texts beside begins as in a new process: a repetition gives the same model.
    """
    try:
        encoder = sentence_encoder()
    except ModelUnavailable:
        yield
        return
    if not encoder.steady:
        encoder.forget()
    with encoder.room_for(min(rows, MOST_VECTORS)):
        yield


def _version_of(run: TrainingRun) -> ModelVersion:
    return ModelVersion.objects.get(run=run)


def _refuse_bad_data(snapshot: DatasetSnapshot, log: Report) -> None:
    failed = list(snapshot.checks.filter(ok=False).order_by("pk"))
    for check in failed:
        log(f"check {check.check_key} ({check.severity}): {check.observed}; allowed: {check.threshold}")
    blocking = [check for check in failed if check.severity == DataCheck.Severity.BLOCK]
    if blocking:
        raise Refused("; ".join(f"{check.check_key}: {check.observed}" for check in blocking))


def _keep_held_out(run: TrainingRun, trained: TrainedModel) -> None:
    """Store what the trial said about each row, without the rows themselves: slices and paired tests read it."""
    run.held_out_path = f"runs/{run.task}-{secrets.token_hex(8)}.jsonl.gz"
    lines = (json.dumps(asdict(row), sort_keys=True, ensure_ascii=False) for row in trained.held_out)
    run.held_out_sha256 = write_lines(Path(settings.MODEL_DIR) / run.held_out_path, lines)


def _content_digest(trained: TrainedModel) -> str:
    folder = Path(settings.MODEL_DIR) / f"runs/{secrets.token_hex(8)}"
    try:
        write_artefact(folder, trained.artefact)
        return describe_artefact(folder).digest
    finally:
        discard_folder(folder)


def _peak_megabytes() -> float:
    """The most memory that this process has held; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
