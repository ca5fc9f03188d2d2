"""Reads of drafts: one's own on a ticket, and the answers that wait there for their time."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from people.viewer import Viewer
from tickets.models import Draft, Ticket

# Bytes of pictures that the composer shows small; larger ones are a name only.
THUMBNAIL_BYTES = 5 * 1024 * 1024


def writing_on(ticket: Ticket, viewer: Viewer) -> list[Draft]:
    """The viewer's own drafts of a visible ticket and everybody's answers that wait there, oldest first. One query."""
    own = Q(state=Draft.State.DRAFT, user_id=viewer.user_id or 0)
    waiting = Q(state__in=(Draft.State.SCHEDULED, Draft.State.HELD))
    found = Draft.objects.filter(ticket=ticket).filter(own | waiting)
    return list(found.select_related("user", "api_key").order_by("send_at", "pk"))


def own_draft(drafts: Sequence[Draft], kind: str) -> Draft | None:
    """The draft of one kind among what ``writing_on`` gave."""
    return next((one for one in drafts if one.state == Draft.State.DRAFT and one.kind == kind), None)


def kept_drafts(drafts: Sequence[Draft]) -> list[Draft]:
    """What a person had begun to write among what ``writing_on`` gave, for a ticket that takes nothing any more."""
    return [one for one in drafts if one.state == Draft.State.DRAFT and is_worth_keeping(one)]


def waiting_answers(drafts: Sequence[Draft]) -> list[Draft]:
    """The scheduled and held answers among what ``writing_on`` gave."""
    return [one for one in drafts if one.state != Draft.State.DRAFT]


def is_worth_keeping(draft: Draft) -> bool:
    """Whether there is anything in a draft."""
    return bool(draft.body.strip() or draft.files or draft.overtaken)


def draft_ticket_ids(user_id: int | None, ids: Collection[int]) -> set[int]:
    """Which of these tickets a person has begun to write on. One query."""
    if user_id is None or not ids:
        return set()
    begun = Draft.objects.filter(user_id=user_id, ticket_id__in=ids, state=Draft.State.DRAFT)
    return set(begun.exclude(body="", files=[]).values_list("ticket_id", flat=True))


def waiting_answers_of(viewer: Viewer) -> QuerySet[Draft]:
    """Every scheduled or held answer on tickets that the viewer may see, the next to leave first."""
    waiting = Draft.objects.filter(
        ticket__in=Ticket.objects.visible_to(viewer), state__in=(Draft.State.SCHEDULED, Draft.State.HELD)
    )
    return waiting.select_related("ticket__contact", "user", "api_key").order_by("send_at", "pk")


def file_of(draft: Draft, file_id: str) -> dict[str, Any] | None:
    """The entry of one file of a draft."""
    return next((one for one in draft.files if one["id"] == file_id), None)


def keys_of_drafts(drafts: QuerySet[Draft]) -> set[str]:
    """The storage keys of the files in these drafts, scheduled and held answers included. One query."""
    listed = drafts.exclude(files=[]).values_list("files", flat=True)
    return {str(entry["storage_key"]) for files in listed for entry in files}
