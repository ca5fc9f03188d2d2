"""Write the whole installation into files: rows as lines of JSON, contents by their SHA-256, and a manifest that proves them.

By command into a folder, or by a job into one TAR file: of the common containers the one that a killed worker can go on with, as
it is cut back to the last whole piece.
"""

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import OPEN, cancel_job, start_job
from imports.archive_tables import archived_columns, archived_tables, line_of
from imports.events import ARCHIVE_FETCHED, ARCHIVE_MADE, ARCHIVE_REQUESTED
from imports.models import Archive
from people.viewer import Viewer
from tickets.models import StoredFile
from tickets.stored_files import read_file, storage_key

FORMAT = 1
JOB_KIND = "imports.archive"
ROWS_AT_ONCE = 5_000
SLICE_SECONDS = 20.0
KEPT = timedelta(hours=24)


class Sink(Protocol):
    """Where the files of an archive go."""

    def add(self, name: str, content: bytes) -> None:
        """Keep one file."""


class FolderSink:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, content: bytes) -> None:
        """Write the file; names are ours."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class TarSink:
    """A TAR file that is being written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - ended by ``close``

    def add(self, name: str, content: bytes) -> None:
        """Append the file."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), int(time.time()), 0o640
        self._tar.addfile(info, io.BytesIO(content))

    def close(self) -> None:
        """Write the end."""
        self._tar.close()


class ArchiveRun:
    """One archive on its way: ``state`` is plain JSON, with which another process goes on."""

    def __init__(self, sink: Sink, state: dict[str, Any]) -> None:
        self._sink, self.state = sink, state

    @staticmethod
    def begin() -> dict[str, Any]:
        """Return the state at the start. Rows that come later are left out, so that none refers to one that is missing."""
        with transaction.atomic():
            last = {model._meta.label: _last_key(model) for model in archived_tables()}
            files = StoredFile.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        return {
            "last": last,
            "table": 0,
            "after": None,
            "part": 0,
            "counts": {},
            "sums": {},
            "files": [0, files, 0, 0],
            "missing": [],
        }

    def steps(self) -> Iterator[None]:
        """Write piece by piece; after each the state says where to go on."""
        tables = archived_tables()
        while self.state["table"] < len(tables):
            self._rows(tables[self.state["table"]])
            yield
        while self._contents():
            yield
        self._manifest()

    def _rows(self, model: type[models.Model]) -> None:
        label, state = model._meta.label, self.state
        limit = state["last"].get(label)
        rows: list[dict[str, Any]] = []
        if limit is not None:
            found = model._base_manager.order_by("pk").filter(pk__lte=limit)
            if state["after"] is not None:
                found = found.filter(pk__gt=state["after"])
            rows = list(found.values(*(field.attname for field in archived_columns(model)))[:ROWS_AT_ONCE])
        if rows:
            state["part"] += 1
            self._add(f"rows/{label}/{state['part']:06}.jsonl", b"".join(line_of(model, row) for row in rows))
            state["counts"][label] = state["counts"].get(label, 0) + len(rows)
            key = model._meta.pk.attname
            last = rows[-1][key]
            state["after"] = last if isinstance(last, int | str) else str(last)
        if len(rows) < ROWS_AT_ONCE:
            state["counts"].setdefault(label, 0)
            state["table"] += 1
            state["after"], state["part"] = None, 0

    def _contents(self) -> bool:
        """Write the next stored contents; returns whether there were any."""
        after, last, done, size = self.state["files"]
        rows = list(StoredFile.objects.filter(pk__gt=after, pk__lte=last).order_by("pk")[:20])
        for row in rows:
            try:
                content = read_file(storage_key(row.sha256))
            except (FileNotFoundError, ValueError):
                self.state["missing"].append(row.sha256)
                continue
            # The name is the sum, so the manifest need not repeat it.
            self._sink.add(f"files/{storage_key(row.sha256)}", content)
            done, size = done + 1, size + len(content)
        self.state["files"] = [rows[-1].pk if rows else after, last, done, size]
        return bool(rows)

    def _add(self, name: str, content: bytes) -> None:
        self._sink.add(name, content)
        self.state["sums"][name] = hashlib.sha256(content).hexdigest()

    def _manifest(self) -> None:
        told = {
            "format": FORMAT,
            "product": "cs-ops",
            "made_at": timezone.now().isoformat(),
            "counts": self.state["counts"],
            "sha256": self.state["sums"],
            "files": {
                "count": self.state["files"][2],
                "bytes": self.state["files"][3],
                "missing": self.state["missing"],
            },
        }
        self._sink.add("manifest.json", json.dumps(told, indent=1, sort_keys=True).encode())


def _last_key(model: type[models.Model]) -> Any:
    found = model._base_manager.order_by("-pk").values_list("pk", flat=True).first()
    return found if found is None or isinstance(found, int | str) else str(found)


def export_to_folder(*, folder: Path, by: Viewer) -> dict[str, Any]:
    """Write the archive into an empty folder; returns counts. Raises ValidationError for one that holds something."""
    by.require("settings.manage")
    if folder.exists() and any(folder.iterdir()):
        raise ValidationError({"folder": _("The folder is not empty.")})
    run = ArchiveRun(FolderSink(folder), ArchiveRun.begin())
    for _step in run.steps():
        pass
    return _made(run.state, by, 0)


def _made(state: dict[str, Any], by: Viewer, subject_id: int) -> dict[str, Any]:
    done = {
        "rows": sum(state["counts"].values()), "files": state["files"][2], "bytes": state["files"][3],
        "missing": len(state["missing"]),
    }  # fmt: skip
    with transaction.atomic():
        ARCHIVE_MADE.record(by=by, subject_id=subject_id, detail=done)
    return done


@transaction.atomic
def request_archive(*, by: Viewer) -> Archive:
    """Ask for an archive; a job writes it. Raises ValidationError while one is being made, PermissionDenied for no person."""
    by.require("settings.manage")
    if by.user_id is None:
        raise PermissionDenied(_("Only a person can ask for an archive."))
    if Archive.objects.filter(job__state__in=OPEN).exists():
        raise ValidationError(_("An archive is being made already: wait until it is ready."))
    row = Archive.objects.create(made_by_id=by.user_id, expires_at=timezone.now() + 3 * KEPT)
    row.job = start_job(
        kind=JOB_KIND, key=row.reference, by=by, params={"archive": row.pk}, requested_by_id=by.user_id
    )
    row.save(update_fields=["job"])
    ARCHIVE_REQUESTED.record(by=by, subject_id=row.pk)
    return row


def _work_file(archive: Archive) -> Path:
    return Path(settings.VAR_DIR) / "archives" / f"{archive.reference}.tar"


def write_slice(archive: Archive, state: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Write on for some seconds; returns the state to go on with and whether the file is whole.

    ``state`` holds ``at``, the size of what is whole: anything behind it was left by a worker that died. A worker on another
    machine, where the begun file does not lie, starts again.
    """
    path = _work_file(archive)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if not state or not path.is_file() or path.stat().st_size < state["at"]:
        state = {**ArchiveRun.begin(), "at": 0}
        path.write_bytes(b"")
    until = time.monotonic() + SLICE_SECONDS
    with path.open("r+b") as stream:
        stream.truncate(state["at"])
        stream.seek(state["at"])
        sink = TarSink(stream)
        run = ArchiveRun(sink, state)
        finished = True
        for _step in run.steps():
            state["at"] = stream.tell()
            if time.monotonic() > until:
                finished = False
                break
        if finished:
            sink.close()
    return run.state, finished


def finish_archive(archive: Archive, state: dict[str, Any]) -> None:
    """Hand the whole file to the storage, for a day."""
    path = _work_file(archive)
    size = path.stat().st_size
    with path.open("rb") as content:
        key = default_storage.save(f"{archive.folder}/archive.tar", File(content))
    path.unlink()
    now = timezone.now()
    Archive.objects.filter(pk=archive.pk).update(
        storage_key=key,
        size=size,
        rows=sum(state["counts"].values()),
        files=state["files"][2],
        ready_at=now,
        expires_at=now + KEPT,
    )
    _made(state, archive.made_by.as_viewer("task"), archive.pk)


def fetch_archive(*, archive: Archive, by: Viewer) -> IO[bytes]:
    """Open the file, for who has asked for it, and write down that it left. Raises PermissionDenied, FileNotFoundError."""
    if not Archive.objects.visible_to(by).filter(pk=archive.pk).exists():
        raise PermissionDenied(_("Only who has asked for an archive can fetch it."))
    if not archive.storage_key or archive.expires_at < timezone.now():
        raise FileNotFoundError(archive.reference)
    content: IO[bytes] = default_storage.open(archive.storage_key, "rb")
    with transaction.atomic():
        ARCHIVE_FETCHED.record(by=by, subject_id=archive.pk, detail={"size": archive.size})
    return content


def discard_archive(*, archive: Archive, by: Viewer) -> None:
    """Stop one that is being made, or delete its file."""
    if not Archive.objects.visible_to(by).filter(pk=archive.pk).exists():
        raise PermissionDenied(_("Only who has asked for an archive can delete it."))
    if archive.job is not None:
        cancel_job(job=archive.job, by=by)
    _delete(archive)


def clear_expired_archives(*, all_of_them: bool = False) -> int:
    """Delete the files of archives that are over, or of all; returns how many there were."""
    rows = Archive.objects.all() if all_of_them else Archive.objects.filter(expires_at__lt=timezone.now())
    return sum(_delete(row) for row in rows.exclude(job__state__in=OPEN))


def _delete(archive: Archive) -> int:
    if archive.storage_key:
        default_storage.delete(archive.storage_key)
    _work_file(archive).unlink(missing_ok=True)
    archive.delete()
    return 1
