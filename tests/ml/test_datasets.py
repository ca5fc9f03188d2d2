"""Snapshots: fingerprints, files, what the checks catch, and the erasure of a person's rows."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event, Job
from ml.artefacts import ArtefactRefused
from ml.datasets.files import read_examples, read_fingerprint
from ml.datasets.near_duplicates import groups_of_near_duplicates
from ml.datasets.rows import Example, canonical, parse, row_digest
from ml.datasets.splitting import split_forward
from ml.models import DataCheck, DatasetSnapshot
from ml.registry import TextTask, ml_tasks
from ml.services import erase_subjects as erasing
from ml.services.erase_subjects import erase_subjects
from ml.services.freeze_snapshot import freeze_snapshot
from people.models import User
from people.viewer import system_viewer
from tests.ml.fakes import text_examples

BY = system_viewer("command")


class Given(TextTask):
    """A task whose rows the test sets."""

    key = "test-given"
    title = "Given"
    examples: list[Example] = []

    def rows(self) -> Iterable[Example]:
        return list(self.examples)


@pytest.fixture
def task() -> Iterator[Given]:
    with ml_tasks.temporarily(Given) as part:
        assert isinstance(part, Given)
        part.examples = text_examples()
        yield part


def freeze(task: Given, examples: list[Example] | None = None) -> DatasetSnapshot:
    if examples is not None:
        task.examples = examples
    return freeze_snapshot(task=task, by=BY)


def file_of(snapshot: DatasetSnapshot) -> Path:
    return Path(settings.MODEL_DIR) / snapshot.path


def test_a_row_survives_its_canonical_form() -> None:
    row = Example(
        7,
        "a",
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        text="Zoë",
        features={"b": 0.1 + 0.2, "a": None, "c": [1, True]},
    )
    assert parse(canonical(row)) == row
    decomposed = replace(row, text="Zoe\u0308", features=dict(reversed(row.features.items())))
    elsewhere = replace(row, at=row.at.astimezone(datetime.now().astimezone().tzinfo))
    assert {row_digest(one) for one in (row, decomposed, elsewhere)} == {row_digest(row)}
    for changed in (replace(row, text="Zoe"), replace(row, label="b"), replace(row, features={"b": 0.3})):
        assert row_digest(changed) != row_digest(row)
    assert parse(canonical(replace(row, features={"arr": Decimal("1.5"), "nan": float("nan")}))).features == {
        "arr": 1.5,
        "nan": None,
    }
    with pytest.raises(TypeError, match="object"):
        canonical(replace(row, features={"x": object()}))


@pytest.mark.django_db
def test_the_same_rows_in_any_order_are_the_same_snapshot(task: Given) -> None:
    first = freeze(task)
    again = freeze(task, text_examples()[::-1])
    assert again == first
    rows = text_examples()
    rows[3] = replace(rows[3], label="access" if rows[3].label != "access" else "billing")
    other = freeze(task, rows)
    assert other.digest != first.digest
    assert other.parent == first
    assert first.rows == 120
    assert first.label_counts == {"access": 40, "billing": 40, "delivery": 40}
    assert first.slice_counts == {"channel": {"chat": 40, "email": 80}}
    assert read_fingerprint(file_of(first), first.file_sha256) == first.digest
    assert [row.at for row in read_examples(file_of(first), first.file_sha256)] == sorted(
        row.at for row in text_examples()
    )
    assert Event.objects.filter(verb="ml.snapshot_frozen").count() == 2


@pytest.mark.django_db
def test_a_changed_file_is_not_learned_from(task: Given) -> None:
    snapshot = freeze(task)
    text = gzip.decompress(file_of(snapshot).read_bytes())
    file_of(snapshot).write_bytes(gzip.compress(text.replace(b"billing", b"bombing", 1)))
    with pytest.raises(ArtefactRefused, match="changed"):
        read_examples(file_of(snapshot), snapshot.file_sha256)


@pytest.mark.django_db
def test_only_who_may_manage_models_freezes_data(task: Given, lead_user: User) -> None:
    with pytest.raises(PermissionDenied):
        freeze_snapshot(task=task, by=lead_user.as_viewer())
    assert not DatasetSnapshot.objects.exists()


# One seeded defect each, made of sound rows; the key names the check that must see it, and no other check of its severity.
def _telling(rows: list[Example]) -> list[Example]:
    return [
        replace(row, label=number % 2, features={"days": float(number % 2) * 50 + number % 7})
        for number, row in enumerate(rows)
    ]


DEFECTS: dict[str, Callable[[list[Example]], list[Example]]] = {
    "enough_rows": lambda rows: rows[:39],
    "classes": lambda rows: [replace(row, label="billing") for row in rows],
    "labelled": lambda rows: [replace(rows[0], label=""), *rows[1:]],
    "schema": lambda rows: [replace(rows[0], features={"tier": "gold"}), *rows[1:]],
    "not_empty": lambda rows: [replace(rows[0], text=" "), *rows[1:]],
    "not_repeated": lambda rows: [*rows, rows[5]],
    "not_from_the_future": lambda rows: [*rows[:-1], replace(rows[-1], at=timezone.now() + timedelta(days=2))],
    "no_telling_feature": _telling,
    "no_conflicts": lambda rows: [*rows, *(replace(row, subject_id=900 + row.subject_id, label="other") for row in rows[:30])],
    "few_duplicates": lambda rows: [*rows, *(replace(row, subject_id=900 + row.subject_id) for row in rows[:80])],
    "label_not_in_text": lambda rows: [replace(row, text=f"{row.text} -- the {row.label} team") for row in rows],
    "class_minimum": lambda rows: [replace(row, label="rare") if number < 9 else row for number, row in enumerate(rows)],
    "not_one_class": lambda rows: [replace(row, label="a" if number else "b") for number, row in enumerate(rows)],
    "known_features": lambda rows: [
        replace(row, features={"tier": str(number % 3) if number % 5 == 0 else None}) for number, row in enumerate(rows)
    ],
    "varied_features": lambda rows: [replace(row, features={"tier": "gold"}) for row in rows],
    "readable": lambda rows: [replace(row, text=row.text + "\ufffd") if row.subject_id < 9 else row for row in rows],
    "fresh": lambda rows: [replace(row, at=row.at - timedelta(days=800)) for row in rows],
}  # fmt: skip


def recent(rows: list[Example]) -> list[Example]:
    """Sound rows: the newest label is of an hour ago."""
    newest = max(row.at for row in rows)
    shift = timezone.now() - timedelta(hours=1) - newest
    return [replace(row, at=row.at + shift) for row in rows]


def failed(snapshot: DatasetSnapshot) -> set[str]:
    return set(DataCheck.objects.filter(snapshot=snapshot, ok=False).values_list("check_key", flat=True))


@pytest.mark.django_db
def test_sound_rows_pass_every_check(task: Given) -> None:
    assert failed(freeze(task, recent(text_examples()))) == set()


@pytest.mark.django_db
@pytest.mark.parametrize("key", DEFECTS)
def test_a_seeded_defect_is_caught(task: Given, key: str) -> None:
    snapshot = freeze(task, DEFECTS[key](recent(text_examples())))
    assert key in failed(snapshot)
    check = DataCheck.objects.get(snapshot=snapshot, check_key=key)
    assert check.observed
    assert check.threshold


@pytest.mark.django_db
def test_a_lost_class_and_lost_rows_are_seen_beside_the_former_snapshot(task: Given) -> None:
    freeze(task, recent(text_examples()))
    kept = [row for row in recent(text_examples()) if row.label != "billing"][:50]
    assert {"same_labels", "not_shrunk"} <= failed(freeze(task, kept))


@pytest.mark.django_db
def test_an_erased_person_leaves_no_row_and_the_fingerprint_still_holds(
    task: Given, django_capture_on_commit_callbacks: Any
) -> None:
    first = freeze(task)
    second = freeze(task, text_examples()[:100])
    gone = text_examples()[0]
    path = file_of(first)
    erase_subjects(subjects={"ticket": [gone.subject_id], "message": []}, by=BY)
    with django_capture_on_commit_callbacks(execute=True):
        run_jobs("batch")
    assert Job.objects.get(kind="ml.erase_subjects").result == {"erased": 2}
    for snapshot in (first, second):
        before = snapshot.digest
        snapshot.refresh_from_db()
        assert (snapshot.erased_rows, snapshot.digest) == (1, before)
        assert gone.text.encode() not in gzip.decompress(file_of(snapshot).read_bytes())
        assert len(read_examples(file_of(snapshot), snapshot.file_sha256)) == snapshot.rows - 1
        assert read_fingerprint(file_of(snapshot), snapshot.file_sha256) == before
    assert not path.exists()
    # The rows as they are now are another snapshot: nothing brings the erased one back into a file that lost it.
    erase_subjects(subjects={"ticket": [gone.subject_id]}, by=BY)
    run_jobs("batch")
    first.refresh_from_db()
    assert first.erased_rows == 1


@pytest.mark.django_db
def test_an_erasure_that_another_one_overtakes_begins_again(
    task: Given, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    damaged, snapshot = freeze(task), freeze(task, text_examples()[:100])
    file_of(damaged).write_bytes(b"cut off")
    mine, theirs = text_examples()[:2]
    written = erasing.write_lines

    def overtaken(path: Path, lines: Iterable[str]) -> str:
        monkeypatch.setattr(erasing, "write_lines", written)
        sha256 = written(path, lines)
        erasing.erase_from_snapshot(snapshot_id=snapshot.pk, ids=[theirs.subject_id], by=BY)
        return sha256

    monkeypatch.setattr(erasing, "write_lines", overtaken)
    erase_subjects(subjects={"ticket": [mine.subject_id]}, by=BY)
    with django_capture_on_commit_callbacks(execute=True):
        for _attempt in range(3):
            Job.objects.update(not_before=None)
            run_jobs("batch")
    snapshot.refresh_from_db()
    left = read_examples(file_of(snapshot), snapshot.file_sha256)
    assert snapshot.erased_rows == 2
    assert not {row.subject_id for row in left} & {mine.subject_id, theirs.subject_id}
    assert read_fingerprint(file_of(snapshot), snapshot.file_sha256) == snapshot.digest
    stem = file_of(snapshot).name.partition(".")[0]
    assert [path.name for path in file_of(snapshot).parent.glob(f"{stem}*")] == [file_of(snapshot).name]
    # The damaged snapshot held up nobody, but is told.
    job = Job.objects.get(kind="ml.erase_subjects")
    assert job.state == "failed"
    assert "missing or was changed" in job.error


@pytest.mark.django_db
def test_who_is_erased_while_the_rows_are_read_is_not_in_the_snapshot(
    task: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = text_examples()[0]

    def rows() -> list[Example]:
        # The erasure and its job are done before the snapshot is there.
        erase_subjects(subjects={"ticket": [gone.subject_id]}, by=BY)
        run_jobs("batch")
        return text_examples()

    monkeypatch.setattr(task, "rows", rows)
    snapshot = freeze(task)
    assert Job.objects.get(kind="ml.erase_subjects").state == "done"
    assert snapshot.erased_rows == 1
    left = read_examples(file_of(snapshot), snapshot.file_sha256)
    assert len(left) == snapshot.rows - 1
    assert gone.subject_id not in {row.subject_id for row in left}


def test_the_newest_rows_measure_and_share_no_conversation() -> None:
    rows: list[Any] = [
        replace(row, group=f"contact:{number % 30}") for number, row in enumerate(text_examples())
    ]
    split = split_forward(rows)
    assert len(split.held) == 24
    assert max(row.at for row in split.train) < split.since == min(row.at for row in split.held)
    assert not {row.group for row in split.train} & {row.group for row in split.held}
    assert split.left_out == 96 - len(split.train) > 0


def test_texts_that_say_almost_the_same_are_one_group() -> None:
    alert = " ".join(f"word{n}" for n in range(80))
    texts = [
        alert,
        "quite another thing that somebody wrote about an invoice",
        f"{alert} 4711",  # one sequence more
        alert.replace("word40", "word99"),  # five of 76 sequences differ: Jaccard 71/81
        "Thanks!",
        "",
        "thanks",
        "",
    ]
    assert groups_of_near_duplicates(texts) == [0, 1, 0, 3, 4, 5, 4, 7]


def test_no_near_duplicate_of_a_measuring_row_is_learned_from() -> None:
    rows = text_examples()
    long = " ".join(f"word{n}" for n in range(60))
    rows = [
        replace(row, text=f"{long} {number}") if number in (3, 50, 119) else row
        for number, row in enumerate(rows)
    ]
    split = split_forward(rows)
    assert split.near_duplicates == 2
    assert len(split.train) == 94
    assert split.summary()["near_duplicate_rows"] == 2
    assert not any(row.text.startswith("word0") for row in split.train)
