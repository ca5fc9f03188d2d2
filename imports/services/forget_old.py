"""Let go of what is kept about imports only for a while: uploads and texts of refused rows, archives."""

from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.job_runner import OPEN
from imports.events import IMPORT_DELETED
from imports.models import Import
from imports.services.make_archive import clear_expired_archives
from people.viewer import Viewer

KEPT = timedelta(days=30)


def forget_old() -> int:
    """Delete what is over; returns of how many imports and archives."""
    before = timezone.now() - KEPT
    over = Q(finished_at__lt=before) | Q(finished_at=None, created_at__lt=before)
    rows = Import.objects.filter(over, files_deleted_at=None).exclude(job__state__in=OPEN)
    return sum(_forget(row) for row in rows[:100]) + clear_expired_archives()


def delete_uploads() -> int:
    """Delete the uploads and texts of all imports that are over, because of whom they may name; returns how many there were."""
    ended = [Import.State.DONE, Import.State.UNDONE, Import.State.FAILED]
    return sum(_forget(row) for row in Import.objects.filter(state__in=ended, files_deleted_at=None))


def delete_import(*, run: Import, by: Viewer) -> None:
    """Delete an import with its files and rows; what it made stays, and a later import knows it again."""
    by.require("imports.manage")
    _forget(run)
    with transaction.atomic():
        IMPORT_DELETED.record(by=by, subject_id=run.pk, detail={"system": run.system, "source": run.source})
        Import.objects.filter(pk=run.pk).delete()


def _forget(run: Import) -> int:
    for file in run.files:
        if "key" in file:
            default_storage.delete(file["key"])
    run.rows.exclude(data={}).update(data={})
    found = {key: value for key, value in run.found.items() if key in ("kinds", "notes", "order")}
    Import.objects.filter(pk=run.pk).update(files_deleted_at=timezone.now(), found=found)
    return 1
