"""Make a health card and change its draft; nothing counts before it is published."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.changes import apply_changes
from health.card_checks import clean_content
from health.card_conditions import check_condition
from health.cards import checksum_of, content_of, default_card
from health.events import CARD_SAVED
from health.models import HealthCard, HealthCardVersion
from people.viewer import Viewer

EDITABLE = ("name", "lens", "is_primary", "priority", "applies_to")


@transaction.atomic
def save_card(*, card: HealthCard | None, values: Mapping[str, Any], by: Viewer) -> HealthCard:
    """Store a new card, with the built-in card as its draft, or change name, lens, priority and accounts of one.

    ``values`` are keys of EDITABLE and, for a new card, ``key``. Changes of a live card count from the next scoring on.
    Needs ``health.manage``; raises ValidationError naming the field.
    """
    by.require("health.manage")
    if unknown := set(values) - {*EDITABLE, "key"}:
        raise TypeError(f"not a field of a card: {sorted(unknown)[0]}")
    row = card or HealthCard(key=slugify(str(values.get("key") or values.get("name", "")))[:40])
    chosen = {name: value for name, value in values.items() if name in EDITABLE}
    if "applies_to" in chosen:
        try:
            chosen["applies_to"] = check_condition(chosen["applies_to"])
        except ValidationError as error:
            raise ValidationError({"applies_to": error.messages}) from None
    changes = apply_changes(row, **chosen)
    if row.is_primary and row.lens != "health":
        raise ValidationError({"is_primary": _("Only a card of the lens Health fills the health score.")})
    row.full_clean(exclude=["live"])
    row.save()
    if card is None:
        content = content_of(default_card())
        HealthCardVersion.objects.create(card=row, content=content, checksum=checksum_of(content))
    if card is None or changes:
        CARD_SAVED.record(by=by, subject_id=row.pk, detail={"name": row.name, "changes": changes})
    return row


@transaction.atomic
def save_draft(
    *, card: HealthCard, content: object, by: Viewer, note: str | None = None
) -> HealthCardVersion:
    """Store the draft of a card and return it; published versions stay as they are.

    Needs ``health.manage``; raises ValidationError whose keys name the measure (``measures.seat_use``) or knock-out.
    """
    by.require("health.manage")
    cleaned = clean_content(content)
    HealthCard.objects.select_for_update().get(pk=card.pk)
    draft = draft_of(card)
    checksum = checksum_of(cleaned)
    same = draft.pk is not None and draft.checksum == checksum and note in (None, draft.note)
    if same:
        return draft
    draft.content, draft.checksum = cleaned, checksum
    draft.note = draft.note if note is None else note.strip()[:200]
    draft.save()
    CARD_SAVED.record(by=by, subject_id=card.pk, detail={"name": card.name, "draft": draft.checksum[:8]})
    return draft


def draft_of(card: HealthCard) -> HealthCardVersion:
    """Return the draft of a card; without one, an unsaved copy of the live version, else of the built-in card."""
    draft = HealthCardVersion.objects.filter(card=card, number=None).select_related("card").first()
    if draft is not None:
        return draft
    content = card.live.content if card.live else content_of(default_card())
    return HealthCardVersion(card=card, content=content, checksum=checksum_of(content))
