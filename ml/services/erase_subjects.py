"""Empty the rows of erased subjects in every snapshot; a job walks the files, so that the erasure itself is quick."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.job_runner import start_job
from ml.datasets.files import is_tombstone, read_lines, tombstone, write_lines
from ml.datasets.rows import parse
from ml.events import SNAPSHOT_ROWS_ERASED
from ml.models import DataCheck, DatasetSnapshot, GoldenCase
from people.viewer import Viewer

JOB_KIND = "ml.erase_subjects"


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


def erase_from_snapshot(*, snapshot_id: int, ids: Collection[int], by: Viewer) -> int:
    """Put tombstones in the place of the subjects' rows and return how many; a repetition finds none.

    The new file is written beside the old one, which goes after the commit. Raises ``ArtefactRefused`` for a damaged file.
    """
    snapshot = DatasetSnapshot.objects.get(pk=snapshot_id)
    folder, gone = Path(settings.MODEL_DIR), set(ids)
    lines: list[str] = []
    erased = 0
    for line in read_lines(folder / snapshot.path, snapshot.file_sha256):
        if not is_tombstone(line) and parse(line).subject_id in gone:
            lines.append(tombstone(line))
            erased += 1
        else:
            lines.append(line)
    if not erased:
        return 0
    path = f"{snapshot.path.removesuffix('.jsonl.gz').partition('.')[0]}.{snapshot.erased_rows + erased}.jsonl.gz"
    file_sha256 = write_lines(folder / path, lines)
    with transaction.atomic():
        DatasetSnapshot.objects.filter(pk=snapshot.pk, file_sha256=snapshot.file_sha256).update(
            path=path,
            file_sha256=file_sha256,
            erased_rows=F("erased_rows") + erased,
            erased_at=timezone.now(),
        )
        for check in DataCheck.objects.filter(snapshot=snapshot).exclude(samples=[]):
            check.samples = [one for one in check.samples if one not in gone]
            check.save(update_fields=["samples"])
        SNAPSHOT_ROWS_ERASED.record(by=by, subject_id=snapshot.pk, detail={"rows": erased})
        transaction.on_commit((folder / snapshot.path).unlink)
    return erased
