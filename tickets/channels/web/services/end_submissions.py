"""End submissions that nobody confirmed, and erase what is not needed any more."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from core.job_runner import start_job
from people.viewer import system_viewer
from tickets.events import FORMS_EXPIRED
from tickets.models import FormFile, FormSubmission

FILES_JOB = "tickets.delete_files"
BATCH = 500
State = FormSubmission.State


@transaction.atomic
def end_submissions() -> int:
    """Let those that waited for seven days expire, and erase them and what was refused or spam for 30 days; how many."""
    over = FormSubmission.objects.filter(expires_at__lte=timezone.now())
    ends = (State.WAITING, State.REFUSED, State.SPAM)
    due = over.filter(state__in=ends).exclude(state__in=[State.REFUSED, State.SPAM], values={})
    # One that somebody confirms or decides about at this moment is left to them.
    rows = list(due.select_for_update(of=("self",), skip_locked=True)[:BATCH])
    unconfirmed = [row.pk for row in rows if row.state == State.WAITING]
    waiting = FormSubmission.objects.filter(pk__in=unconfirmed, state=State.WAITING)
    waiting.update(state=State.EXPIRED, ended_at=timezone.now())
    keys = erase_submissions(row.pk for row in rows)
    if keys:
        delete_unused(keys, name=f"forms-{max(row.pk for row in rows)}")
    if unconfirmed:
        FORMS_EXPIRED.record(
            by=system_viewer("task"), subject_id=unconfirmed[-1], detail={"count": len(unconfirmed)}
        )
    return len(rows)


def erase_submissions(ids: Iterable[int]) -> set[str]:
    """Empty submissions, in the caller's transaction; returns the storage keys of their files, for who deletes those."""
    rows = FormSubmission.objects.filter(pk__in=list(ids))
    files = FormFile.objects.filter(submission__in=rows)
    keys = set(files.values_list("storage_key", flat=True))
    files.delete()
    rows.update(values={}, error="")
    return keys


def delete_unused(keys: set[str], *, name: str) -> None:
    """Have those of the files deleted that nothing else refers to."""
    start_job(kind=FILES_JOB, key=name, by=system_viewer("task"), params={"keys": sorted(keys)})
