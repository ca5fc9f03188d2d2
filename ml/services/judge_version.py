"""Let every gate look at a stored version; one that fails a gate is rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings
from django.db import transaction

from ml.artefacts import ArtefactRefused, read_artefact, unpacked_bytes
from ml.datasets.files import is_tombstone, line_digest, read_lines
from ml.datasets.rows import Example, parse, row_digest
from ml.encoders import ModelUnavailable
from ml.evaluation.held_out import read_held_out
from ml.judging import Contender, Pair, Verdict, gates
from ml.models import GateResult, GoldenCase, ModelAlias, ModelVersion, TrainingRun
from ml.registry import Answer, HeldOut, MLTask, Report, TrainedModel, ml_tasks

State = GateResult.State
Moment = tuple[int, object]
MOST_BUILT_AGAIN = 200


def judge_version(*, version: ModelVersion, run: TrainingRun, trained: TrainedModel, report: Report) -> bool:
    """Store every gate's verdict and return whether none failed. Slow: in the process of a run, outside transactions."""
    contender = _contender(version, run, trained)
    verdicts = {gate.key: _judge(gate.key, contender) for gate in gates}
    for key, verdict in verdicts.items():
        word = {True: "passed", False: "failed", None: "skipped"}[verdict.ok]
        report(f"{version.task}: gate {key} {word}: {verdict.observed}")
    failed = [key for key, verdict in verdicts.items() if verdict.ok is False]
    with transaction.atomic():
        GateResult.objects.filter(version=version).delete()
        GateResult.objects.bulk_create(
            GateResult(
                version=version,
                gate=key,
                state={True: State.PASSED, False: State.FAILED, None: State.SKIPPED}[verdict.ok],
                observed=verdict.observed[:300],
                threshold=verdict.threshold[:200],
                detail=dict(verdict.detail),
            )
            for key, verdict in verdicts.items()
        )
        if failed:
            version.stage = ModelVersion.Stage.REJECTED
            version.stage_reason = f"gates: {', '.join(failed)}"
            version.save(update_fields=["stage", "stage_reason"])
    return not failed


def _judge(key: str, contender: Contender) -> Verdict:
    """A gate that breaks fails the version: what could not be looked at is not good."""
    try:
        return gates.get(key).judge(contender)
    except Exception as error:  # noqa: BLE001 - shown as the verdict
        return Verdict(False, f"{type(error).__name__}: {error}", "a verdict")


def _contender(version: ModelVersion, run: TrainingRun, trained: TrainedModel) -> Contender:
    task, folder = ml_tasks.get(version.task), Path(settings.MODEL_DIR) / version.path
    model = task.load(read_artefact(folder, version.files))
    snapshot = run.snapshot
    if snapshot is not None:
        snapshot.refresh_from_db()  # an erasure during the training has put another file in its place
    rows = {} if snapshot is None else _rows(Path(settings.MODEL_DIR) / snapshot.path, snapshot.file_sha256)
    held = [rows[row.row] for row in trained.held_out if row.row in rows]
    champion, pairs = _against_champion(task, trained.held_out, rows)
    return Contender(
        task=task,
        trained=trained,
        model=model,
        held=held,
        file_megabytes=sum((folder / name).stat().st_size for name in version.files) / 1e6,
        memory_megabytes=unpacked_bytes(folder, version.files) / 1e6,
        champion=champion,
        pairs=pairs,
        built_again=_built_again(task, held),
        golden=[
            Example(case.subject_id or 0, case.label, case.created_at, text=case.text, features=case.features)
            for case in GoldenCase.objects.in_force(task.key)
        ],
        failed_checks=dict(
            snapshot.checks.filter(ok=False, severity="block").values_list("check_key", "observed")
            if snapshot
            else []
        ),
    )


def _built_again(task: MLTask, held: Sequence[Example]) -> list[tuple[Example, Mapping[str, object] | None]]:
    """Some held rows of either outcome with what the task builds for them now."""
    if not task.yes_no:
        return []
    chosen = [row for value in (1, 0) for row in _some([one for one in held if one.label == value])]
    return list(zip(chosen, again, strict=True)) if (again := task.built_again(chosen)) else []


def _some(rows: Sequence[Example]) -> Sequence[Example]:
    return rows[:: max(1, -(-len(rows) // MOST_BUILT_AGAIN))]


def _rows(path: Path, file_sha256: str) -> dict[str, Example]:
    """The rows of a snapshot that are left, by digest."""
    return {
        line_digest(line): parse(line) for line in read_lines(path, file_sha256) if not is_tombstone(line)
    }


def _against_champion(
    task: MLTask, held_out: Sequence[HeldOut], rows: Mapping[str, Example]
) -> tuple[str, list[Pair]]:
    """The champion's name and pairs of answers about rows that neither model had seen.

    The champion has seen the rows of its snapshot, except those its own trial was measured on: of these the trial's answer
    counts. Rows that are new since then are answered by the champion itself. A row is known by its subject and moment, since
    a corrected label makes another digest of it; both answers are held against the label as it is now.
    """
    alias = (
        ModelAlias.objects.select_related("version__run__snapshot")
        .filter(task=task.key, name=ModelAlias.Name.CHAMPION)
        .first()
    )
    if alias is None:
        return "", []
    version, run = alias.version, alias.version.run
    if run is None or run.snapshot is None:
        return version.label, []
    try:
        theirs_rows = _rows(Path(settings.MODEL_DIR) / run.snapshot.path, run.snapshot.file_sha256)
        trial = {_moment(theirs_rows[row.row]): row for row in read_held_out(run) if row.row in theirs_rows}
        model = task.load(read_artefact(Path(settings.MODEL_DIR) / version.path, version.files))
    except (ArtefactRefused, ModelUnavailable, OSError, ValueError):
        return version.label, []
    seen = {_moment(example) for example in theirs_rows.values()}
    known = [(row, rows[row.row]) for row in held_out if row.row in rows]
    pairs = [
        (row, _answered(task, example, Answer(said.answer, said.probability, said.abstained)))
        for row, example in known
        if (said := trial.get(_moment(example))) is not None
    ]
    fresh = [(row, example) for row, example in known if _moment(example) not in seen]
    answers = task.answer(model, [example for _row, example in fresh])
    for (row, example), answer in zip(fresh, answers, strict=True):
        pairs.append((row, _answered(task, example, answer)))
    return version.label, pairs


def _answered(task: MLTask, example: Example, answer: Answer) -> HeldOut:
    return HeldOut(
        row=row_digest(example),
        truth=example.label,
        answer=answer.label,
        probability=answer.probability,
        loss=task.loss(example, answer),
        baseline_loss=0.0,
        abstained=answer.abstained,
        group=example.group,
        slices=example.slices,
    )


def _moment(example: Example) -> Moment:
    return example.subject_id, example.at
