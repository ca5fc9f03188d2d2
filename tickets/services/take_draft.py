"""Make a message of a draft: its files go along, and it is gone."""

from collections.abc import Sequence
from typing import Any

from tickets.models import Attachment, Draft, Message

_COLUMNS = ("name", "content_type", "size", "sha256", "storage_key")


def take_draft(message: Message, draft: Draft | None) -> None:
    """Move the files of a draft, as they are now, to the message that was made of it."""
    if draft is None:
        return
    now = Draft.objects.select_for_update().filter(pk=draft.pk).first()
    if now is None:
        return
    keep_files(message, now.files)
    now.delete()


def keep_files(message: Message, entries: Sequence[dict[str, Any]]) -> None:
    """Attach stored files, given as drafts keep them."""
    Attachment.objects.bulk_create(
        [Attachment(message=message, **{name: entry[name] for name in _COLUMNS}) for entry in entries]
    )


def entries_of(message: Message) -> list[dict[str, Any]]:
    """The files of a message as drafts keep them."""
    return [
        {"id": f"{one.pk:016x}", **{name: getattr(one, name) for name in _COLUMNS}}
        for one in message.attachments.order_by("pk")
    ]
