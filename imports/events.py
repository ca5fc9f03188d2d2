"""Events of imports: one for each batch, not one for each row. None of them is told to webhooks."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

# detail: source, system, files (how many), size (bytes).
IMPORT_UPLOADED = EventType("imports.uploaded", subject="import", sentence=_("uploaded an import"))
IMPORT_STARTED = EventType("imports.started", subject="import", sentence=_("started an import"))
# detail: kind, and how many were created, updated, skipped, refused.
BATCH_IMPORTED = EventType(
    "imports.batch_imported", subject="import", sentence=_("imported records"), feed=False
)
# detail: counts by kind and outcome.
IMPORT_ENDED = EventType("imports.ended", subject="import", sentence=_("finished an import"))
IMPORT_UNDO_STARTED = EventType(
    "imports.undo_started", subject="import", sentence=_("began to undo an import")
)
# detail: removed and left by kind.
IMPORT_UNDONE = EventType("imports.undone", subject="import", sentence=_("undid an import"))
IMPORT_DELETED = EventType("imports.deleted", subject="import", sentence=_("deleted an import"))
ARCHIVE_REQUESTED = EventType(
    "imports.archive_requested", subject="archive", sentence=_("asked for an archive of everything")
)
# detail: rows, files, size. By command, too, with the subject 0.
ARCHIVE_MADE = EventType("imports.archive_made", subject="archive", sentence=_("exported everything"))
ARCHIVE_FETCHED = EventType(
    "imports.archive_fetched", subject="archive", sentence=_("fetched an archive of everything")
)
ARCHIVE_RESTORED = EventType(
    "imports.archive_restored", subject="archive", sentence=_("restored an archive of everything")
)
