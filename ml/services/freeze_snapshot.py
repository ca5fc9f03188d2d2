"""Freeze the rows that a task would learn from now: a file, its fingerprint, and what the checks saw."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml.datasets.checks import Data, run_checks
from ml.datasets.files import write_lines
from ml.datasets.rows import Example, canonical, digest_of_line, fingerprint
from ml.events import SNAPSHOT_FROZEN
from ml.features.views import versions_of
from ml.models import DataCheck, DatasetSnapshot
from ml.registry import MLTask
from ml.services.erase_subjects import erase_from_snapshot, erased_since
from people.viewer import Viewer

# Processes on several machines do not agree about the second, and an erasure's job is older than its commit.
CLOCKS_DIFFER = timedelta(minutes=5)


def freeze_snapshot(*, task: MLTask, by: Viewer) -> DatasetSnapshot:
    """Store the rows as they are now; the same rows as an untouched snapshot's give that snapshot again.

    Whoever is erased while the rows are read is erased from the snapshot, too: the job of that erasure may have looked at all
    snapshots before this one was there. Raises PermissionDenied without ``ml.manage`` and ``TypeError`` for a value that
    cannot be frozen.
    """
    by.require("ml.manage")
    since = timezone.now() - CLOCKS_DIFFER
    found = [(example.at, canonical(example), example) for example in task.rows()]
    found.sort(key=lambda row: row[:2])
    examples = [example for _at, _line, example in found]
    versions = versions_of(task.uses)
    digest = fingerprint(digest_of_line(line) for _at, line, _example in found)
    former = DatasetSnapshot.objects.filter(task=task.key).first()
    known = DatasetSnapshot.objects.filter(
        task=task.key, digest=digest, erased_rows=0, feature_versions=versions
    ).first()
    if known is not None and (Path(settings.MODEL_DIR) / known.path).is_file():
        return known  # it was there before, for every erasure to find
    path = f"snapshots/{task.key}-{secrets.token_hex(8)}.jsonl.gz"
    target = Path(settings.MODEL_DIR) / path
    file_sha256 = write_lines(target, (line for _at, line, _example in found))
    try:
        findings = run_checks(
            Data(
                [replace(example, label=task.label_group(example.label)) for example in examples],
                task.fewest_rows,
                timezone.now(),
                former.label_counts if former else {},
                task.names_in,
                task.scores,
            )
        )
        with transaction.atomic():
            snapshot = DatasetSnapshot.objects.create(
                task=task.key,
                subject_kind=task.subject_kind,
                rows=len(examples),
                first_at=examples[0].at if examples else None,
                last_at=examples[-1].at if examples else None,
                schema=_schema(examples),
                feature_versions=versions,
                label_counts=_counts(
                    name for example in examples for name in task.names_in(task.label_group(example.label))
                ),
                slice_counts=_slices(examples),
                label_sources=_counts(example.label_source for example in examples),
                digest=digest,
                path=path,
                file_sha256=file_sha256,
                parent=former,
                created_by_id=by.user_id,
            )
            DataCheck.objects.bulk_create(
                DataCheck(
                    snapshot=snapshot,
                    check_key=check.key,
                    severity=check.severity,
                    ok=finding.ok,
                    observed=finding.observed[:200],
                    threshold=finding.threshold[:200],
                    samples=list(finding.samples),
                )
                for check, finding in findings
            )
            SNAPSHOT_FROZEN.record(
                by=by,
                subject_id=snapshot.pk,
                detail={"task": task.key, "rows": snapshot.rows, "digest": digest},
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    for subjects in erased_since(since):
        erase_from_snapshot(snapshot_id=snapshot.pk, ids=subjects.get(snapshot.subject_kind, ()), by=by)
    snapshot.refresh_from_db()
    return snapshot


def _counts(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _slices(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for name, value in example.slices.items():
            found[name][value] += 1
    return {name: dict(sorted(counts.items())) for name, counts in sorted(found.items())}


def _schema(examples: Sequence[Example]) -> dict[str, Any]:
    """Whether there are texts, and the kinds of values of each feature."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        for name, value in example.features.items():
            kinds[name].add("null" if value is None else type(value).__name__)
    return {
        "text": any(example.text for example in examples),
        "features": {name: sorted(found) for name, found in sorted(kinds.items())},
    }
