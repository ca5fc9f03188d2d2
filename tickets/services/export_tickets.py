"""Take tickets out of the product as a file: what leaves is written down.

A short list is handed out at once. A longer one is a `TicketExport`, which a job writes slice by slice as the person who has
asked: with the rights of that moment in each slice, and once more when the file is fetched.
"""

import logging
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.actors import Actor
from core.job_runner import OPEN, cancel_job, start_job
from people.models import ApiKey, User
from people.viewer import Viewer
from tickets.events import EXPORT_FETCHED, EXPORTED
from tickets.exports import delete_folder, export_chunks, export_rows, store_part, stored_rows_of, write_file
from tickets.list_columns import Column, columns_by_key, permitted_columns
from tickets.list_views import ListView
from tickets.models import Ticket, TicketExport
from tickets.selectors import tickets_in_view

logger = logging.getLogger(__name__)

JOB_KIND = "tickets.export"
# So many tickets are handed out while the person waits.
AT_ONCE = 500
# The file is put together in one slice of a job; an Excel file takes seven times as long for it.
MOST = {"csv": 500_000, "xlsx": 50_000}
# For each person or key: being made at a time, and kept until they expire or are deleted.
MOST_OPEN = 5
MOST_KEPT = 10
KEPT = timedelta(hours=24)
# A file that is never finished leaves its parts for so long, an export its row.
_FORGOTTEN = timedelta(days=3)
_ROW_KEPT = timedelta(days=30)
_NAMELESS = "tickets"
_SLICE_SECONDS = 15.0
_SLICE_CHUNKS = 40


def export_tickets(
    *, view: ListView, filters: Mapping[str, str], columns: Sequence[Column], form: str, by: Viewer
) -> bytes | TicketExport:
    """Return the file itself when the list is short, else the export that a job is going to write.

    ``form`` is csv or xlsx. Only what the viewer may see is in it; columns that they may not read are left out. Raises
    ValidationError for filters that cannot be used, for more tickets than a file of this kind holds and for too many exports
    at a time.
    """
    tickets, number = _asked_for(view, filters, form, by)
    columns = permitted_columns(columns, by)
    if number > AT_ONCE:
        return _request(view, filters, columns, form, number, by)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        written = write_file(path, form, export_rows(tickets, columns), columns, str(view.label))
        content = path.read_bytes()
    with transaction.atomic():
        _record(view.key, filters, [column.key for column in columns], form, written, by)
    return content


def request_export(
    *, view: ListView, filters: Mapping[str, str], columns: Sequence[Column], form: str, by: Viewer
) -> TicketExport:
    """Return the export that a job is going to write, however short the list is; raises what ``export_tickets`` raises."""
    _tickets, number = _asked_for(view, filters, form, by)
    return _request(view, filters, permitted_columns(columns, by), form, number, by)


def _asked_for(
    view: ListView, filters: Mapping[str, str], form: str, by: Viewer
) -> tuple[QuerySet[Ticket], int]:
    by.require("tickets.view")
    if form not in MOST:
        raise ValidationError({"format": _("Choose one of: %s.") % ", ".join(MOST)})
    tickets = tickets_in_view(by, view=view, filters=filters)
    number = tickets.count()
    if number > MOST[form]:
        sentence = _("%(number)d tickets are too many for this file (at most %(most)d): filter, or take CSV.")
        raise ValidationError({"format": sentence % {"number": number, "most": MOST[form]}})
    return tickets, number


@transaction.atomic
def _request(
    view: ListView,
    filters: Mapping[str, str],
    columns: Sequence[Column],
    form: str,
    number: int,
    by: Viewer,
) -> TicketExport:
    if by.actor_id is None:
        raise PermissionDenied(_("Only a person or an API key can take tickets out."))
    now = timezone.now()
    _refuse_too_many(by, now)
    export = TicketExport.objects.create(
        actor_kind=by.actor_kind,
        actor_id=by.actor_id,
        rights=_rights_of(by),
        view=view.key,
        name=slugify(str(view.label))[:100] or _NAMELESS,
        condition=dict(view.condition),
        filters=dict(filters),
        columns=[column.key for column in columns],
        format=form,
        # Not its shown name: that of a zone without summer time may be "+03".
        timezone=str(timezone.get_current_timezone()),
        total=number,
        requested_at=now,
        expires_at=now + _FORGOTTEN,
    )
    export.job = start_job(
        kind=JOB_KIND,
        key=export.reference,
        by=by,
        params={"export": export.pk},
        requested_by_id=by.user_id,
    )
    export.save(update_fields=["job"])
    return export


def _refuse_too_many(by: Viewer, now: datetime) -> None:
    """Raise ValidationError when the asker has enough exports; requests of one asker are counted one after the other."""
    askers = ApiKey.objects if by.actor_kind == "api_key" else User.objects
    askers.select_for_update(no_key=True).filter(pk=by.actor_id or 0).values_list("pk").first()
    own = TicketExport.objects.visible_to(by)
    if own.filter(job__state__in=OPEN).count() >= MOST_OPEN:
        raise ValidationError(
            _("%d exports of yours are still being made: wait until one is ready.") % MOST_OPEN
        )
    if own.filter(expires_at__gt=now).count() >= MOST_KEPT:
        raise ValidationError(
            _("%d exports of yours are kept: delete one, or wait until one expires.") % MOST_KEPT
        )


def _rights_of(viewer: Viewer) -> dict[str, list[Any]]:
    return {"permissions": sorted(viewer.permissions), "teams": sorted(viewer.team_ids)}


def _record(
    view: str, filters: Mapping[str, str], columns: Sequence[str], form: str, count: int, by: Actor
) -> None:
    saved = view.removeprefix("saved-")
    EXPORTED.record(
        by=by,
        subject_id=int(saved) if view.startswith("saved-") and saved.isdecimal() else 0,
        detail={
            "view": view,
            # Their values may be names of people, and events stay.
            "filters": sorted(filters),
            "columns": list(columns),
            "format": form,
            "count": count,
        },
    )


# --- the job ----------------------------------------------------------------------------------------------------------


def write_slice(
    *, export: TicketExport, after: int, parts: Sequence[str]
) -> tuple[int, list[str], int, bool]:
    """Store the next tickets, those with ids above ``after``, as a part.

    Returns (last id, all parts, how many tickets the part has, whether there are no more). Raises PermissionDenied when who has
    asked may not see tickets or one of the columns any more, ValidationError when a column is gone.
    """
    asker = asker_of(export)
    columns = _columns_of(export, asker)
    _add_rights(export, asker)
    found = export_chunks(_tickets_of(export, asker), columns, after=after)
    last, rows, more = after, 0, True

    def pages() -> Iterator[list[Any]]:
        nonlocal last, rows, more
        until = time.monotonic() + _SLICE_SECONDS
        for _number in range(_SLICE_CHUNKS):
            page = next(found, None)
            if page is None:
                more = False
                return
            last, chunk = page
            rows += len(chunk)
            yield chunk
            if time.monotonic() > until:
                return

    key = store_part(export.folder, pages())
    return last, [*parts, key], rows, not more


@transaction.atomic
def _add_rights(export: TicketExport, asker: Viewer) -> None:
    """Note, before a part is written, the rights that it is written with: the file is closed to who has lost any of them."""
    row = TicketExport.objects.select_for_update().get(pk=export.pk)
    rights = {
        kind: sorted({*row.rights.get(kind, ()), *present}) for kind, present in _rights_of(asker).items()
    }
    if rights != row.rights:
        TicketExport.objects.filter(pk=export.pk).update(rights=rights)


def _tickets_of(export: TicketExport, asker: Viewer) -> QuerySet[Ticket]:
    """The tickets as who has asked sees them at this moment."""
    asker.require("tickets.view")
    view = ListView(export.view, export.name, "", export.condition)
    return tickets_in_view(asker, view=view, filters=export.filters)


def _columns_of(export: TicketExport, asker: Viewer) -> list[Column]:
    """The columns, all of them: the parts have been written for these."""
    columns = columns_by_key(export.columns)
    if len(columns) < len(export.columns):
        raise ValidationError({"columns": _("A column was taken away while the export was made.")})
    if len(permitted_columns(columns, asker)) < len(columns):
        raise PermissionDenied(_("Who has asked for this export may not read one of its columns any more."))
    return columns


def asker_of(export: TicketExport) -> Viewer:
    """Return who has asked, with the rights of this moment. Raises PermissionDenied for who is not here any more."""
    if export.actor_kind == "api_key":
        key = ApiKey.objects.filter(pk=export.actor_id).first()
        if key is not None and key.is_usable:
            return key.as_viewer()
    else:
        user = User.objects.filter(pk=export.actor_id, is_active=True).first()
        if user is not None:
            return user.as_viewer("task")
    raise PermissionDenied(_("Who has asked for this export has no access any more."))


def finish_export(*, export: TicketExport, parts: Sequence[str]) -> TicketExport:
    """Put the parts together, let the file be fetched for a day, and write down that the tickets left."""
    asker = asker_of(export)
    columns = _columns_of(export, asker)
    with tempfile.TemporaryDirectory() as folder, timezone.override(ZoneInfo(export.timezone)):
        path = Path(folder) / "file"
        count = write_file(path, export.format, stored_rows_of(parts), columns, export.name)
        size = path.stat().st_size
        with path.open("rb") as content:
            key = default_storage.save(f"{export.folder}/export.{export.format}", File(content))
    now = timezone.now()
    with transaction.atomic():
        made = TicketExport.objects.filter(pk=export.pk, storage_key="", expires_at__gt=now).update(
            storage_key=key, count=count, size=size, ready_at=now, expires_at=now + KEPT
        )
        if made:
            _record(export.view, export.filters, export.columns, export.format, count, asker)
    if made:
        for part in parts:
            default_storage.delete(part)
    else:
        default_storage.delete(key)
    export.refresh_from_db()
    return export


# --- the file ---------------------------------------------------------------------------------------------------------


def fetch_export(*, export: TicketExport, by: Viewer) -> IO[bytes]:
    """Open the file of a ready export, and write down that it was fetched.

    Raises PermissionDenied for others than who has asked, and when a right that the file was made with is gone; FileNotFoundError
    when there is no file (yet, or any more).
    """
    if not TicketExport.objects.visible_to(by).filter(pk=export.pk).exists():
        raise PermissionDenied(_("Only who has asked for an export can fetch it."))
    rights = _rights_of(by)
    if any(set(had) - set(rights[kind]) for kind, had in export.rights.items()):
        raise PermissionDenied(_("You may see less than when this file was made. Export again."))
    if export.state != TicketExport.State.READY:
        raise FileNotFoundError(export.reference)
    content: IO[bytes] = default_storage.open(export.storage_key, "rb")
    with transaction.atomic():
        EXPORT_FETCHED.record(
            by=by, subject_id=export.pk, detail={"reference": export.reference, "count": export.count}
        )
    return content


def discard_export(*, export: TicketExport, by: Viewer) -> None:
    """Stop an export that is being made, and delete the file of one that is ready."""
    if not TicketExport.objects.visible_to(by).filter(pk=export.pk).exists():
        raise PermissionDenied(_("Only who has asked for an export can delete it."))
    _end([export], by)


def discard_all_exports(*, by: Actor) -> int:
    """Delete every file and stop what is being made, because of what may be in them; returns how many.

    What was looked for goes, too, and what the list was called: it may be the name of a person.
    """
    exports = list(TicketExport.objects.filter(expires_at__gt=timezone.now()).select_related("job"))
    _end(exports, by)
    TicketExport.objects.update(condition={}, filters={}, name=_NAMELESS)
    return len(exports)


@transaction.atomic
def _end(exports: Collection[TicketExport], by: Actor) -> None:
    now = timezone.now()
    for export in exports:
        if export.job is not None and export.job.state in OPEN:
            cancel_job(job=export.job, by=by)
    TicketExport.objects.filter(pk__in=[one.pk for one in exports], expires_at__gt=now).update(expires_at=now)
    # A worker may be in the middle of a slice: what it still writes goes with the hourly clearing.
    for export in exports:
        transaction.on_commit(partial(_delete_files, export))


def _delete_files(export: TicketExport) -> bool:
    """Delete the files of an export; returns whether they are gone. What stays is tried again with the hourly clearing."""
    try:
        delete_folder(export.folder)
    except OSError:
        logger.warning("the files of export %s could not be deleted", export.reference, exc_info=True)
        return False
    return True


def clear_expired_exports() -> int:
    """Delete the files of exports that are over, and rows after a month; returns how many were cleared."""
    now = timezone.now()
    # A slice that was running when the export ended is over by now.
    over = TicketExport.objects.filter(expires_at__lt=now - timedelta(minutes=5), cleared_at=None)
    cleared = 0
    for export in over[:1000]:
        if _delete_files(export):
            TicketExport.objects.filter(pk=export.pk).update(storage_key="", cleared_at=now)
            cleared += 1
    TicketExport.objects.filter(cleared_at__lt=now - _ROW_KEPT).delete()
    return cleared
