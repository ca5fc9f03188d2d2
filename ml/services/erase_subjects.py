"""Empty the rows of erased subjects in every snapshot; a job walks the files, so that the erasure itself is quick."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.job_runner import start_job
from core.models import Job
from ml.artefacts import ArtefactRefused
from ml.datasets.files import is_tombstone, read_lines, tombstone, write_lines
from ml.datasets.rows import parse
from ml.events import SNAPSHOT_ROWS_ERASED
from ml.models import DataCheck, DatasetSnapshot, GoldenCase
from people.viewer import Viewer

JOB_KIND = "ml.erase_subjects"
MOST_ATTEMPTS = 10


class Overtaken(RuntimeError):
    """Other erasures have always been quicker; the job tries again."""


def erase_subjects(*, subjects: Mapping[str, Collection[int]], by: Viewer) -> None:
    """Queue the erasure of subjects, ids by kind; the caller has checked that ``by`` may erase them.

    Runs in the transaction of the erasure, whose commit starts it.
    """
    wanted = {kind: sorted(ids) for kind, ids in sorted(subjects.items()) if ids}
    if not wanted:
        return
    for kind, ids in wanted.items():
        GoldenCase.objects.filter(subject_kind=kind, subject_id__in=ids).delete()
    key = hashlib.sha256(repr(wanted).encode()).hexdigest()[:32]
    start_job(kind=JOB_KIND, key=key, by=by, params={"subjects": wanted})


def erased_since(since: datetime) -> list[dict[str, list[int]]]:
    """The subjects of every erasure that began since then, ids by kind."""
    jobs = Job.objects.filter(kind=JOB_KIND, created_at__gte=since).order_by("pk")
    return [params["subjects"] for params in jobs.values_list("params", flat=True)]


def erase_from_snapshot(*, snapshot_id: int, ids: Collection[int], by: Viewer) -> int:
    """Put tombstones in the place of the subjects' rows and return how many; a repetition finds none.

    The new file is written beside the old one, which goes after the commit. Raises ``ArtefactRefused`` for a damaged file.
    """
    for _attempt in range(MOST_ATTEMPTS):
        erased = _erase(DatasetSnapshot.objects.get(pk=snapshot_id), set(ids), by)
        if erased is not None:
            return erased
    raise Overtaken(f"snapshot {snapshot_id} was changed by others {MOST_ATTEMPTS} times")


def _erase(snapshot: DatasetSnapshot, gone: Collection[int], by: Viewer) -> int | None:
    """How many rows were emptied; None when another erasure has put its file in the place of the one that was read."""
    folder = Path(settings.MODEL_DIR)
    lines: list[str] = []
    erased = 0
    try:
        for line in read_lines(folder / snapshot.path, snapshot.file_sha256):
            if not is_tombstone(line) and parse(line).subject_id in gone:
                lines.append(tombstone(line))
                erased += 1
            else:
                lines.append(line)
    except (ArtefactRefused, OSError):
        if _is_current(snapshot):
            raise
        return None
    if not erased:
        return 0
    # A name of its own: two erasures at once must not write the same file.
    stem = snapshot.path.removesuffix(".jsonl.gz").partition(".")[0]
    path = f"{stem}.{snapshot.erased_rows + erased}-{secrets.token_hex(4)}.jsonl.gz"
    file_sha256 = write_lines(folder / path, lines)
    try:
        with transaction.atomic():
            moved = DatasetSnapshot.objects.filter(pk=snapshot.pk, path=snapshot.path).update(
                path=path,
                file_sha256=file_sha256,
                erased_rows=F("erased_rows") + erased,
                erased_at=timezone.now(),
            )
            if moved:
                for check in DataCheck.objects.filter(snapshot=snapshot).exclude(samples=[]):
                    check.samples = [one for one in check.samples if one not in gone]
                    check.save(update_fields=["samples"])
                SNAPSHOT_ROWS_ERASED.record(by=by, subject_id=snapshot.pk, detail={"rows": erased})
                transaction.on_commit(lambda: (folder / snapshot.path).unlink(missing_ok=True))
    except BaseException:
        (folder / path).unlink(missing_ok=True)
        raise
    if moved:
        return erased
    (folder / path).unlink(missing_ok=True)
    return None


def _is_current(snapshot: DatasetSnapshot) -> bool:
    return DatasetSnapshot.objects.filter(pk=snapshot.pk, path=snapshot.path).exists()
