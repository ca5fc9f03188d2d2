"""Hand out everything that is kept about a person, as one ZIP file that its requester can fetch for a week."""

import json
import secrets
import tempfile
import zipfile
from datetime import timedelta

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from core.job_runner import start_job
from customers.events import EXPORT_REQUESTED
from customers.models import Contact, ContactExport
from customers.registry import personal_data_parts
from people.viewer import Viewer

JOB_KIND = "customers.export_contact"
KEPT = timedelta(days=7)
# Above this size the file is put together on disk.
_IN_MEMORY = 16 * 1024 * 1024


@transaction.atomic
def request_export(*, contact: Contact, by: Viewer) -> ContactExport:
    """Start the job that writes the file; only who asked can fetch it."""
    by.require("customers.erase")
    now = timezone.now()
    export = ContactExport.objects.create(
        contact=contact,
        actor_kind=by.actor_kind,
        actor_id=by.actor_id,
        requested_at=now,
        expires_at=now + KEPT,
    )
    EXPORT_REQUESTED.record(
        by=by, subject_id=contact.pk, account_id=contact.account_id, detail={"export": export.pk}
    )
    start_job(
        kind=JOB_KIND, key=str(export.pk), by=by, params={"export": export.pk}, requested_by_id=by.user_id
    )
    return export


def write_export(*, export_id: int) -> int:
    """Write the file and return its size in bytes; an export that is written, or whose person was erased, is left alone."""
    export = ContactExport.objects.select_related("contact").filter(pk=export_id).first()
    if export is None or export.ready_at is not None or export.contact.erased_at is not None:
        return 0
    ids = person_ids(export.contact)
    parts = personal_data_parts()
    data = {part.key: part.export(ids) for part in parts}
    key = f"exports/{secrets.token_hex(16)}.zip"
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            text = json.dumps(data, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
            archive.writestr("data.json", text)
            for part in parts:
                for name, content in part.files(ids):
                    archive.writestr(name, content)
        size = file.tell()
        file.seek(0)
        stored = default_storage.save(key, File(file, name=key))
    written = ContactExport.objects.filter(pk=export.pk, ready_at=None).update(
        storage_key=stored, size=size, ready_at=timezone.now()
    )
    if not written:
        default_storage.delete(stored)
    return size


def delete_expired_exports() -> int:
    """Delete the files of exports that are over; returns how many."""
    over = ContactExport.objects.filter(expires_at__lt=timezone.now()).exclude(storage_key="")
    return delete_files(list(over))


def delete_files(exports: list[ContactExport]) -> int:
    """Delete the files of these exports; the rows tell that there were some."""
    for export in exports:
        default_storage.delete(export.storage_key)
        ContactExport.objects.filter(pk=export.pk).update(storage_key="")
    return len(exports)


def person_ids(contact: Contact) -> list[int]:
    """The contact and all that were merged into it, also through others: one person."""
    found = {contact.pk}
    newest = found
    while newest:
        newest = set(Contact.objects.filter(merged_into__in=newest).values_list("pk", flat=True)) - found
        found = found | newest
    return sorted(found)
