"""Take an upload in: it is stored before anything looks into it, and a job reads it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from core.job_runner import start_job
from imports.events import IMPORT_UPLOADED
from imports.importers.csv_tables import TABLES
from imports.models import Import
from imports.models.run import new_reference
from imports.registry import importers
from people.viewer import Viewer
from tickets.message_text import one_line, storable
from tickets.models import Inbox

READ_KIND = "imports.read"
MOST_FILES = 50
LARGEST_UPLOAD = 2 * 1024 * 1024 * 1024


def upload_import(
    *,
    source: str,
    uploads: Sequence["File[bytes]"] = (),
    paths: Sequence[Path] = (),
    by: Viewer,
    system: str = "",
    table: str = "",
    inbox: Inbox | None = None,
    keep_numbers: bool = True,
    in_background: bool = True,
    begun: Callable[[Import], None] | None = None,
) -> Import:
    """Store the files and start to read them; ``paths`` are files on this machine, which only a command may name.

    ``system`` names the installation over there (default: the source): a later import of the same one knows its rows again.
    ``table`` says what the lines of a table are, ``inbox`` where tickets belong, ``keep_numbers`` that they keep theirs
    where they are free. Without ``in_background`` the caller reads the files itself. ``begun`` is called in the transaction that
    writes the import down. Raises ValidationError naming the field.
    """
    by.require("imports.manage")
    if source not in importers:
        raise ValidationError({"source": _("Choose where it comes from.")})
    if importers.get(source).is_table and table not in TABLES:
        raise ValidationError({"table": _("Choose what the lines of the table are.")})
    if not uploads and not paths:
        raise ValidationError({"uploads": _("Choose at least one file.")})
    if len(uploads) > MOST_FILES:
        raise ValidationError({"uploads": _("At most %d files: put them into a ZIP file.") % MOST_FILES})
    if any((file.size or 0) > LARGEST_UPLOAD for file in uploads):
        raise ValidationError(
            {"uploads": _("A file is larger than 2 GB: import it by command on the server.")}
        )
    if any(not file.size for file in uploads):
        raise ValidationError({"uploads": _("A file is empty.")})
    if source == "mail" and inbox is None:
        raise ValidationError({"inbox": _("Choose the inbox that the mails belong to.")})
    reference = new_reference()
    options = {"table": table, "inbox": inbox.pk if inbox else None, "keep_numbers": keep_numbers}
    with _stored_or_gone(reference, len(uploads)):
        stored = [_store(reference, place, file) for place, file in enumerate(uploads)]
        stored += [{"name": path.name, "path": str(path.resolve())} for path in paths]
        size = sum(one.get("size", 0) for one in stored)
        with transaction.atomic():
            run = Import.objects.create(
                reference=reference,
                source=source,
                system=one_line(storable(system), 64).lower() or source,
                files=stored,
                options=options,
                made_by_id=by.user_id,
            )
            if in_background:
                run.job = start_job(
                    kind=READ_KIND,
                    key=reference,
                    by=by,
                    params={"import": run.pk},
                    requested_by_id=by.user_id,
                )
                run.save(update_fields=["job"])
            IMPORT_UPLOADED.record(
                by=by,
                subject_id=run.pk,
                detail={"source": source, "system": run.system, "files": len(stored), "size": size},
            )
            if begun is not None:
                begun(run)
    return run


@contextmanager
def _stored_or_gone(reference: str, count: int) -> Iterator[None]:
    """Delete the ``count`` files of an import that was not written down: no row names them, so nothing else ever would."""
    try:
        yield
    except BaseException:
        # What fails once it is written down, telling the workers for example, leaves it its files.
        if not Import.objects.filter(reference=reference).exists():
            for place in range(count):
                default_storage.delete(_key(reference, place))
        raise


def _store(reference: str, place: int, file: "File[bytes]") -> Mapping[str, Any]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    key = default_storage.save(_key(reference, place), file)
    name = one_line(storable(file.name or ""), 200).rpartition("/")[2] or "upload"
    return {"name": name, "key": key, "size": file.size, "sha256": digest.hexdigest()}


def _key(reference: str, place: int) -> str:
    """Nothing of the sender's name is part of it, and no other import has the reference: no storage needs to change it."""
    return f"imports/{reference}/{place}"
