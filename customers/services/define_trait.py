"""Define a trait of accounts or contacts, change its words, take it out of use."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from customers.events import TRAIT_SAVED
from customers.models import TraitDefinition
from people.viewer import Viewer

MOST_TRAITS = 100
MOST_CHOICES = 100


@transaction.atomic
def define_trait(
    *,
    label: str,
    by: Viewer,
    target: str = "",
    key: str = "",
    kind: str = "",
    help_text: str = "",
    choices: Sequence[str] = (),
    is_active: bool = True,
    trait: TraitDefinition | None = None,
) -> TraitDefinition:
    """Save a definition; without ``trait`` a new one, which has ``target``, ``key`` and ``kind`` for good.

    Raises ValidationError naming the field.
    """
    by.require("settings.manage")
    if trait is None:
        if TraitDefinition.objects.filter(target=target).count() >= MOST_TRAITS:
            raise ValidationError({"key": _("There are at most %d traits.") % MOST_TRAITS})
        row = TraitDefinition(target=target, key=key.strip().lower(), kind=kind)
    else:
        row = TraitDefinition.objects.select_for_update().get(pk=trait.pk)
    changed = apply_changes(
        row,
        label=label.strip(),
        help_text=help_text.strip(),
        choices=_choices(choices) if row.kind == TraitDefinition.Kind.CHOICE else [],
        is_active=is_active,
    )
    if row.kind == TraitDefinition.Kind.CHOICE and not row.choices:
        raise ValidationError({"choices": _("Give at least one choice.")})
    row.full_clean()
    row.save()
    if changed or trait is None:
        TRAIT_SAVED.record(by=by, subject_id=row.pk, detail={"key": row.key, "changed": changed})
    return row


def _choices(given: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(one.strip() for one in given if one.strip()))
    if len(found) > MOST_CHOICES or any(len(one) > 80 for one in found):
        raise ValidationError({"choices": _("Give at most %d choices of 80 letters.") % MOST_CHOICES})
    return found
