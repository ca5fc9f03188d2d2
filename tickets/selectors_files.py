"""Reads of stored files for the operations page: those that are held or wait, with the tickets that they are in."""

from dataclasses import dataclass

from django.db.models import Max, QuerySet

from people.viewer import Viewer
from tickets.models import Attachment, StoredFile, Ticket


@dataclass(frozen=True)
class FileLine:
    """A stored content with its name and ticket, as far as the viewer may see one of the tickets that hold it."""

    file: StoredFile
    name: str
    ticket_id: int | None
    ticket_number: int | None


def files_in(state: str) -> QuerySet[StoredFile]:
    """Return the files with a verdict, or with ``state`` "due" those that wait for a look; the latest first."""
    if state == "due":
        return StoredFile.objects.filter(scan_after__isnull=False).order_by("-pk")
    return StoredFile.objects.filter(scan=state).order_by("-pk")


def with_tickets(viewer: Viewer, files: list[StoredFile]) -> list[FileLine]:
    """Name each of the files by an attachment that the viewer may see. Two queries at most."""
    known: dict[str, Attachment] = {}
    if files and viewer.can("tickets.view"):
        seen = Attachment.objects.filter(
            sha256__in=[file.sha256 for file in files],
            message__ticket__in=Ticket.objects.visible_to(viewer).values("pk"),
        )
        latest = seen.order_by().values("sha256").annotate(latest=Max("pk")).values_list("latest", flat=True)
        attachments = Attachment.objects.filter(pk__in=list(latest)).select_related("message__ticket")
        known = {one.sha256: one for one in attachments}
    return [_line(file, known.get(file.sha256)) for file in files]


def _line(file: StoredFile, attachment: Attachment | None) -> FileLine:
    if attachment is None:
        return FileLine(file, "", None, None)
    ticket = attachment.message.ticket
    return FileLine(file, attachment.name, ticket.pk, ticket.number)
