"""Trainings: what a run keeps, how it ends, the same again, and its own process."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone

from core.job_runner import cancel_job, run_jobs
from core.models import Job
from ml.datasets.files import read_lines
from ml.encoders import sentence_encoder
from ml.jobs import train as train_job
from ml.models import DatasetSnapshot, ModelVersion, TrainingRun
from ml.registry import Example, TextTask, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.erase_subjects import erase_from_snapshot
from ml.services.start_training import close_abandoned_runs, repeat_training, start_training
from people.models import User
from people.viewer import system_viewer
from tests.ml.fakes import text_examples

BY = system_viewer("command")
State = TrainingRun.State
MANUAL = TrainingRun.Trigger.MANUAL


class Topics(TextTask):
    """Invented tickets; ``given`` are its rows."""

    key = "test-runs"
    title = "Topics"
    given: list[Example] = []

    def rows(self) -> Iterable[Example]:
        return list(self.given)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topics]:
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: None)
    with ml_tasks.temporarily(Topics) as part:
        assert isinstance(part, Topics)
        part.given = text_examples()
        yield part


def train(task: Topics) -> TrainingRun:
    run = start_training(task=task.key, trigger=MANUAL, by=BY)
    return carry_out_run(run_id=run.pk, by=BY)


@pytest.mark.django_db
def test_a_run_keeps_what_it_was_made_of(task: Topics) -> None:
    run = train(task)
    assert (run.state, run.error) == (State.DONE, "")
    version = ModelVersion.objects.get(run=run)
    assert version.stage == ModelVersion.Stage.CANDIDATE
    assert run.snapshot is not None
    assert run.snapshot.rows == 120
    assert len(run.code_digest) == len(run.environment_digest) == 64
    assert run.environment["scikit-learn"]
    assert run.cpu_seconds is not None
    assert run.cpu_seconds > 0
    assert "fingerprint" in run.log
    held = list(read_lines(Path(settings.MODEL_DIR) / run.held_out_path, run.held_out_sha256))
    assert len(held) == version.metrics["held_out_rows"] == 24
    assert not any(row.text in line for row in task.given for line in held)
    assert version.metrics["split"]["kind"] == "time-forward"
    assert version.metrics["random_split"]["accuracy"] > 0.5


@pytest.mark.django_db
def test_a_class_of_few_rows_is_not_learned_and_named(task: Topics) -> None:
    rare = [
        replace(row, subject_id=row.subject_id + 500, label="rare", text=f"{row.text} once more")
        for row in task.given[:29]
    ]
    task.given = [*task.given, *rare]
    run = train(task)
    version = ModelVersion.objects.get(run=run)
    assert version.training["classes"] == ["access", "billing", "delivery"]
    assert version.training["too_few"] == {"rare": 29}
    assert version.training["rows"] == 120
    assert "rare 29" in run.log


@pytest.mark.django_db
def test_the_same_again_gives_the_same_content(task: Topics) -> None:
    first = train(task)
    task.given = task.given[:60]  # what the rows are now does not count
    again = repeat_training(run=first, by=BY)
    again = carry_out_run(run_id=again.pk, by=BY)
    assert (again.state, again.reproduced, again.snapshot) == (State.DONE, True, first.snapshot)
    assert again.held_out_sha256 == first.held_out_sha256
    assert ModelVersion.objects.count() == 1
    other = repeat_training(run=again, by=BY)
    assert other.repeats == first
    TrainingRun.objects.filter(pk=other.pk).update(seed=1)
    other = carry_out_run(run_id=other.pk, by=BY)
    assert other.reproduced is False
    assert ModelVersion.objects.filter(run=other).exists()


@pytest.mark.django_db
def test_vectors_that_are_known_from_before_give_the_same_content(
    task: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = sentence_encoder()
    task.given = task.given[:96]  # thirty of a class are the fewest that are learned
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: encoder)
    encoder.forget()
    encoder.encode_layers([example.text for example in task.given[::3]])
    first = train(task)
    monkeypatch.setattr(encoder, "_compute", None)  # nothing is left to encode
    again = carry_out_run(run_id=repeat_training(run=first, by=BY).pk, by=BY)
    assert (again.state, again.reproduced) == (State.DONE, True), again.error
    monkeypatch.undo()
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: encoder)
    encoder.forget()
    alone = carry_out_run(run_id=repeat_training(run=first, by=BY).pk, by=BY)
    assert (alone.state, alone.reproduced) == (State.DONE, True), alone.error


@pytest.mark.django_db
def test_bad_rows_stop_a_training_before_it_begins(task: Topics) -> None:
    task.given = [replace(task.given[0], label=""), *task.given[1:]]
    run = train(task)
    assert run.state == State.REFUSED
    assert "labelled: 1 rows without a label" in run.error
    assert not ModelVersion.objects.exists()
    with pytest.raises(ValidationError):
        repeat_training(run=run, by=BY)


@pytest.mark.django_db
def test_an_error_is_kept_and_the_task_is_free_again(task: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_options: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("ml.services.register_version.write_artefact", broken)
        run = train(task)
    assert (run.state, run.error) == (State.FAILED, "OSError: disk full")
    assert "Traceback" in run.log
    assert train(task).state == State.DONE


@pytest.mark.django_db
def test_a_run_that_was_killed_after_storing_its_version_stores_it_anew(task: Topics) -> None:
    run = train(task)
    killed = ModelVersion.objects.get(run=run)
    TrainingRun.objects.update(state=State.QUEUED, process="", finished_at=None)
    run = carry_out_run(run_id=run.pk, by=BY)
    assert (run.state, run.error) == (State.DONE, "")
    version = ModelVersion.objects.get(run=run)
    assert version.digest == killed.digest
    assert (Path(settings.MODEL_DIR) / version.path).is_dir()
    assert not (Path(settings.MODEL_DIR) / killed.path).exists()


@pytest.mark.django_db
def test_an_erasure_during_a_training_does_not_stop_it(
    task: Topics, django_capture_on_commit_callbacks: Any
) -> None:
    run = start_training(task=task.key, trigger=MANUAL, by=BY)

    def erase(line: str) -> None:
        if "stored as" in line:
            with django_capture_on_commit_callbacks(execute=True):
                snapshot = DatasetSnapshot.objects.get()
                erase_from_snapshot(snapshot_id=snapshot.pk, ids=[task.given[0].subject_id], by=BY)

    run = carry_out_run(run_id=run.pk, by=BY, report=erase)
    assert (run.state, run.error) == (State.DONE, "")
    assert DatasetSnapshot.objects.get().erased_rows == 1


@pytest.mark.django_db
def test_one_run_is_open_at_a_time(task: Topics, lead_user: User) -> None:
    first = start_training(task=task.key, trigger=MANUAL, by=BY)
    assert start_training(task=task.key, trigger=MANUAL, by=BY) == first
    job = Job.objects.get(kind="ml.train")
    assert (job.queue, job.params) == ("train", {"run": first.pk})
    cancel_job(job=job, by=BY)
    second = start_training(task=task.key, trigger=MANUAL, by=BY)
    first.refresh_from_db()
    assert second != first
    assert first.state == State.CANCELLED
    with pytest.raises(PermissionDenied):
        start_training(task=task.key, trigger=MANUAL, by=lead_user.as_viewer())
    with pytest.raises(LookupError):
        start_training(task="absent", trigger=MANUAL, by=BY)


@pytest.mark.django_db
def test_the_job_starts_a_process_and_waits_without_holding_the_worker(
    task: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    monkeypatch.setattr(train_job, "start_process", started.append)
    run = start_training(task=task.key, trigger=MANUAL, by=BY)
    assert run_jobs("train") == 1
    assert started == [run.pk]
    job = Job.objects.get(kind="ml.train")
    assert job.not_before is not None
    assert job.leased_until is None
    assert run_jobs("train") == 0  # not due yet

    # A killed process: started once more, then given up.
    for expected in (State.QUEUED, State.FAILED):
        TrainingRun.objects.update(state=State.RUNNING, process=f"{os.uname().nodename}:99999999")
        Job.objects.update(not_before=None, cursor={"starts": 1 if expected == State.QUEUED else 2})
        run_jobs("train")
        run.refresh_from_db()
        assert run.state == expected
    for _attempt in range(3):
        Job.objects.update(not_before=None)
        run_jobs("train")
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "its process was killed")
    assert close_abandoned_runs() == 0


@pytest.mark.django_db
def test_a_number_that_another_process_has_by_now_is_no_sign_of_life(task: Topics) -> None:
    run = start_training(task=task.key, trigger=MANUAL, by=BY)
    beat = timezone.now()
    TrainingRun.objects.update(
        state=State.RUNNING, process=f"{os.uname().nodename}:{os.getpid()}", beat_at=beat
    )
    Job.objects.update(cursor={"starts": 1})
    for minutes, expected in ((1, State.RUNNING), (11, State.QUEUED)):
        TrainingRun.objects.update(beat_at=beat - timedelta(minutes=minutes))
        Job.objects.update(not_before=None)
        run_jobs("train")
        run.refresh_from_db()
        assert run.state == expected


class OwnProcess(TransactionTestCase):
    """A real process on the same database."""

    def test_a_run_is_carried_out_in_a_process_of_its_own(self) -> None:
        """Without tickets the run is refused, by another process than this one."""
        settings_of = connection.settings_dict
        if connection.vendor == "sqlite":
            url = f"sqlite:///{settings_of['NAME']}"
        else:
            login = (
                f"{settings_of['USER']}:{settings_of['PASSWORD']}@{settings_of['HOST']}:{settings_of['PORT']}"
            )
            url = f"postgres://{login}/{settings_of['NAME']}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            patch.setenv("VAR_DIR", str(settings.VAR_DIR))
            run = start_training(task="priority", trigger=MANUAL, by=BY)
            run_jobs("train")
            child = train_job._children[-1]
            assert child.args[0] == sys.executable  # type: ignore[index]
            child.wait(timeout=100)
        run.refresh_from_db()
        assert (run.state, run.error) == (State.REFUSED, "enough_rows: 0 rows")
        assert run.process.endswith(f":{child.pid}")
        Job.objects.update(not_before=None)
        run_jobs("train")
        assert Job.objects.get(kind="ml.train").result["state"] == "refused"
