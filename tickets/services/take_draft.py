"""Make a message, or an answer that leaves later, of a draft: what its window knew of it goes along, what another window has
added since stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from tickets.file_scans import refuse_infected
from tickets.models import Attachment, Draft, Message

_COLUMNS = ("name", "content_type", "size", "sha256", "storage_key")


@dataclass(frozen=True)
class WrittenIn:
    """The draft that something was written in, as its window knew it.

    ``version`` is the one that it has saved or begun from, ``token`` names its form, ``file_ids`` are the files that it
    shows, None for all there are.
    """

    draft_id: int
    version: int | None = None
    token: str = ""
    file_ids: frozenset[str] | None = None


def take_draft(message: Message, draft: Draft | WrittenIn | None) -> None:
    """Move the files of a draft to the message that was made of it."""
    keep_files(message, files_taken(draft, message.body_text))


def files_taken(draft: Draft | WrittenIn | None, text: str) -> list[dict[str, Any]]:
    """Take what became of ``text`` out of its draft and return its files, as drafts keep them.

    The draft is gone afterwards, unless another window has put words or files into it that the text's window did not know:
    those stay. Raises ValidationError naming a file with malware.
    """
    if draft is None:
        return []
    known = WrittenIn(draft.pk, draft.version) if isinstance(draft, Draft) else draft
    now = Draft.objects.select_for_update().filter(pk=known.draft_id).first()
    if now is None:
        return []
    gone = [one for one in now.files if known.file_ids is None or one["id"] in known.file_ids]
    refuse_infected(gone)
    left = [one for one in now.files if one not in gone]
    is_own = now.state != Draft.State.DRAFT or _is_own(now, known)
    words = [part for part in (now.overtaken, "" if is_own else now.body) if not _holds(text, part)]
    if not words and not left:
        now.delete()
        return gone
    now.body = "\n\n".join(words)
    now.overtaken = ""
    now.files = left
    if is_own:
        now.cc, now.token, now.via, now.into = None, "", None, None
    now.version += 1
    now.updated_at = timezone.now()
    now.save()
    return gone


def _is_own(now: Draft, known: WrittenIn) -> bool:
    """Whether the words of the draft are those that its window knew: a save that was on its way when the form left has
    another version, but the form's token."""
    return now.version == known.version or (known.token != "" and now.token == known.token)


def _holds(text: str, words: str) -> bool:
    return words.strip() in text


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
