"""Write a note about an account, change it, delete it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from core.services.erase_details import erase_details
from customers.events import NOTE_ADDED, NOTE_CHANGED, NOTE_DELETED
from customers.models import Account, AccountNote
from people.viewer import Viewer

LONGEST_NOTE = 10_000


@transaction.atomic
def add_account_note(*, account: Account, text: str, by: Viewer, is_pinned: bool = False) -> AccountNote:
    """Write a note; raises ValidationError naming ``text``."""
    by.require("customers.edit")
    note = AccountNote.objects.create(
        account=account,
        author_id=by.user_id,
        text=_clean(text),
        is_pinned=is_pinned,
        created_at=timezone.now(),
    )
    NOTE_ADDED.record(by=by, subject_id=note.pk, account_id=account.pk, detail={"text": note.text[:300]})
    return note


@transaction.atomic
def change_account_note(*, note: AccountNote, text: str, is_pinned: bool, by: Viewer) -> AccountNote:
    """Change text and pin; raises ValidationError naming ``text``."""
    by.require("customers.edit")
    note = AccountNote.objects.select_for_update().get(pk=note.pk)
    text = _clean(text)
    if (text, is_pinned) == (note.text, note.is_pinned):
        return note
    if text != note.text:
        note.edited_at = timezone.now()
    note.text, note.is_pinned = text, is_pinned
    note.save(update_fields=["text", "is_pinned", "edited_at"])
    NOTE_CHANGED.record(by=by, subject_id=note.pk, account_id=note.account_id, detail={"text": text[:300]})
    return note


@transaction.atomic
def delete_account_note(*, note: AccountNote, by: Viewer) -> None:
    """Delete a note, its words on the timeline too."""
    by.require("customers.edit")
    account_id, note_id = note.account_id, note.pk
    deleted, _rows = AccountNote.objects.filter(pk=note_id).delete()
    if deleted:
        erase_details(events=Event.objects.filter(subject_kind="account_note", subject_id=note_id))
        NOTE_DELETED.record(by=by, subject_id=note_id, account_id=account_id)


def _clean(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        raise ValidationError({"text": _("Write 1 to %d letters.") % LONGEST_NOTE})
    return text
