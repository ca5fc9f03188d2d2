"""Keep what a person is writing, so that no reload, crash or other device loses it.

Drafts are private and saved every few words: no event tells of them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.answer_cc import MOST_CC
from tickets.attachment_policy import attachment_policy
from tickets.message_text import one_line, storable
from tickets.models import Draft, Inbox, Ticket
from tickets.stored_files import store_file

MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class SavedDraft:
    """The draft as it is now. ``overtaken`` when the save replaced words that its writer had not seen: they are kept in
    ``draft.overtaken``."""

    draft: Draft
    overtaken: bool = False


def save_draft(
    *,
    ticket: Ticket,
    kind: str,
    body: str,
    by: Viewer,
    version: int | None = None,
    cc: Sequence[str] | None = None,
    token: str = "",
    number: int = 0,
    via: int | None = None,
    into: int | None = None,
) -> SavedDraft:
    """Save the text (and Cc) of the viewer's draft of this kind; ``via`` is the way that its writer saw and ``into`` the
    conversation there, as ``tickets.reply_routes`` names them, None where nothing was seen: what is known of them stays.

    ``version`` is the version that the writer began from (0: none), None to save whatever was there. A save from another
    version wins, because it is newer, and what it replaces is kept aside, unless the same form has written it: ``token``
    names the form. ``number`` grows with each save of a form: one that arrives after a later one changes nothing.
    Raises ValidationError, PermissionDenied and Ticket.DoesNotExist.
    """
    _require(by, kind)
    text = storable(body)[:MOST_CHARACTERS]
    for _attempt in range(2):
        try:
            with transaction.atomic():
                draft = locked_draft(ticket, kind, by)
                if token and draft.token == token and number < draft.save_number:
                    return SavedDraft(draft)
                is_own = version in (None, draft.version) or (token != "" and draft.token == token)
                overtaken = False if is_own else _keep_aside(draft, text)
                draft.body, draft.token, draft.save_number = text, token[:64], number
                draft.cc = None if cc is None else [one[:254] for one in cc][: MOST_CC + 1]
                if via is not None and (not via or Inbox.objects.filter(pk=via).exists()):
                    if draft.via != via:
                        draft.into = None
                    draft.via, draft.into = via, draft.into if into is None else into or None
                elif via is None and not text.strip() and not draft.files:
                    # Nothing is written to anybody.
                    draft.via = draft.into = None
                write_draft(draft)
                return SavedDraft(draft, overtaken)
        except IntegrityError as error:
            # Another window has just begun the same draft: now it can be found.
            clash = error
    raise clash


@transaction.atomic
def discard_draft(*, ticket: Ticket, kind: str, by: Viewer) -> None:
    """Throw the viewer's draft of this kind away."""
    _require(by, kind)
    _own(ticket, kind, by).delete()


@transaction.atomic
def forget_overtaken(*, ticket: Ticket, kind: str, by: Viewer) -> None:
    """Drop the words of the other window: the writer has seen them."""
    _require(by, kind)
    _own(ticket, kind, by).update(overtaken="")


def add_draft_file(
    *, ticket: Ticket, kind: str, name: str, content_type: str, content: bytes, by: Viewer
) -> Draft:
    """Put a file into the viewer's draft; raises ValidationError({"files": …}) when the policy refuses it."""
    _require(by, kind)
    policy = attachment_policy()
    shown = one_line(storable(name), 255) or "attachment"
    _refuse(policy.refusal(name=shown, size=len(content)))
    sha256, key = store_file(content)
    entry = {
        "id": secrets.token_hex(8),
        "name": shown,
        "content_type": storable(content_type)[:120],
        "size": len(content),
        "sha256": sha256,
        "storage_key": key,
    }
    for _attempt in range(2):
        try:
            with transaction.atomic():
                draft = locked_draft(ticket, kind, by)
                size = sum(int(one["size"]) for one in draft.files)
                _refuse(
                    policy.refusal(name=shown, size=len(content), others=len(draft.files), others_size=size)
                )
                draft.files = [*draft.files, entry]
                write_draft(draft, keep_version=True)
                return draft
        except IntegrityError as error:
            clash = error
    raise clash


@transaction.atomic
def remove_draft_file(*, ticket: Ticket, kind: str, file_id: str, by: Viewer) -> Draft:
    """Take a file out of the viewer's draft; nothing happens when it is not there."""
    _require(by, kind)
    draft = locked_draft(ticket, kind, by)
    draft.files = [one for one in draft.files if one["id"] != file_id]
    if draft.pk is not None:
        write_draft(draft, keep_version=True)
    return draft


def locked_draft(ticket: Ticket, kind: str, by: Viewer) -> Draft:
    """The viewer's draft of a visible ticket, locked; a new one, not written yet, when there is none."""
    if not Ticket.objects.visible_to(by).filter(pk=ticket.pk).exists():
        raise Ticket.DoesNotExist
    found = _own(ticket, kind, by).select_for_update()
    now = timezone.now()
    new = Draft(ticket=ticket, user_id=by.user_id, kind=kind, version=0, created_at=now, updated_at=now)
    return found.first() or new


def write_draft(draft: Draft, *, keep_version: bool = False) -> None:
    """Write a locked draft; its files do not count as a new version of the text."""
    if not keep_version or draft.version == 0:
        draft.version += 1
    draft.updated_at = timezone.now()
    draft.save()


def put_back(
    draft: Draft,
    *,
    body: str,
    files: list[dict[str, Any]],
    cc: list[str] | None,
    via: int | None,
    into: int | None = None,
) -> None:
    """Give a locked draft the words and files of an answer that did not leave, above what it has already; its copies and the
    way that it was to leave by only where the draft has none."""
    draft.body = f"{body}\n\n{draft.body}".rstrip() if draft.body.strip() else body
    draft.token = ""
    draft.files = [*files, *draft.files]
    if draft.cc is None:
        draft.cc = cc
    if draft.via is None:
        draft.via = via
        # That it was to be a mail is said by the way.
        draft.into = into or None
    write_draft(draft)


def _own(ticket: Ticket, kind: str, by: Viewer) -> QuerySet[Draft]:
    return Draft.objects.filter(ticket=ticket, user_id=by.user_id or 0, kind=kind, state=Draft.State.DRAFT)


def _keep_aside(draft: Draft, text: str) -> bool:
    """Keep the words that are about to be replaced, unless the new ones hold them."""
    if not draft.body.strip() or draft.body.strip() in text:
        return False
    if draft.body.strip() not in draft.overtaken:
        draft.overtaken = f"{draft.overtaken}\n\n{draft.body}".strip()[-MOST_CHARACTERS:]
    return True


def _refuse(why: str) -> None:
    if why:
        raise ValidationError({"files": why})


def _require(by: Viewer, kind: str) -> None:
    if kind not in Draft.Kind.values:
        raise ValidationError({"kind": _("Choose one of: %s.") % ", ".join(Draft.Kind.values)})
    by.require("tickets.reply" if kind == Draft.Kind.REPLY else "tickets.note")
    if by.user_id is None:
        raise ValidationError({"kind": _("Only people have drafts.")})
