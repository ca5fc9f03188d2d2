"""Create or change a custom field."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.viewer import Viewer
from tickets.conditions import check_condition, clauses
from tickets.events import FIELD_SAVED
from tickets.message_text import storable
from tickets.models import CustomField, FieldValue, TicketType
from tickets.stored_conditions import refuse_while_asked_for

MOST_OPTIONS = 200
LONGEST_OPTION = 80


@transaction.atomic
def save_custom_field(
    *,
    label: str,
    by: Viewer,
    kind: str = "",
    key: str = "",
    help_text: str = "",
    options: Sequence[str] = (),
    reference: str = "",
    types: Collection[TicketType] = (),
    condition: Mapping[str, Any] | None = None,
    required_on_resolve: bool = False,
    is_active: bool = True,
    field: CustomField | None = None,
) -> CustomField:
    """Save a field; without ``field`` a new one. Key, kind and what a reference points to are fixed once it is there.

    ``key`` is made of the label when it is empty. Choices that tickets have stay on those tickets when they are no longer
    offered. Raises ValidationError naming the field of the form.
    """
    by.require("tickets.configure")
    row = (
        _new_field(label, key, kind, reference)
        if field is None
        else CustomField.objects.select_for_update().get(pk=field.pk)
    )
    changes = apply_changes(
        row,
        label=" ".join(storable(label).split()),
        help_text=help_text.strip(),
        options=_options(row.kind, options),
        condition=_condition(row, condition, by),
        required_on_resolve=required_on_resolve,
        is_active=is_active,
    )
    row.full_clean()
    row.save()
    before = set() if field is None else set(row.types.values_list("pk", flat=True))
    wanted = {one.pk for one in types}
    if before != wanted:
        row.types.set(wanted)
        changes["types"] = [sorted(before), sorted(wanted)]
    if changes or field is None:
        FIELD_SAVED.record(by=by, subject_id=row.pk, detail={"key": row.key, **changes})
    return row


def _new_field(label: str, key: str, kind: str, reference: str) -> CustomField:
    if kind not in CustomField.Kind.values:
        raise ValidationError({"kind": _("Choose what the field holds.")})
    is_reference = kind == CustomField.Kind.REFERENCE
    if is_reference and reference not in CustomField.Reference.values:
        raise ValidationError({"reference": _("Choose what the field refers to.")})
    if reference and not is_reference:
        raise ValidationError({"reference": _("Only a reference refers to something.")})
    chosen = (key.strip() or slugify(label).replace("-", "_"))[:40]
    if not chosen:
        raise ValidationError({"key": _("Give a key in letters and digits.")})
    if CustomField.objects.filter(key=chosen).exists():
        raise ValidationError({"key" if key else "label": _("There is a field with this key.")})
    last = CustomField.objects.aggregate(last=Max("position"))["last"]
    return CustomField(
        key=chosen,
        kind=kind,
        reference=reference,
        position=0 if last is None else last + 1,
    )


def _options(kind: str, options: Sequence[str]) -> list[str]:
    """Return the choices, each once; fields of other kinds have none."""
    listed = list(dict.fromkeys(" ".join(storable(one).split()) for one in options if one.strip()))
    if kind not in {CustomField.Kind.CHOICE, CustomField.Kind.MULTI}:
        if listed:
            raise ValidationError({"options": _("Only a field of choices has them.")})
        return []
    if not listed:
        raise ValidationError({"options": _("Give at least one choice.")})
    if len(listed) > MOST_OPTIONS or any(len(one) > LONGEST_OPTION for one in listed):
        raise ValidationError(
            {
                "options": _("Give at most %(most)d choices of at most %(long)d letters.")
                % {"most": MOST_OPTIONS, "long": LONGEST_OPTION}
            }
        )
    return listed


def _condition(field: CustomField, condition: Mapping[str, Any] | None, by: Viewer) -> dict[str, Any]:
    """Return the checked condition. The one that the field has may stay, whoever changes something else."""
    if field.pk is not None and condition == field.condition:
        stored: dict[str, Any] = field.condition
        return stored
    try:
        checked = check_condition(condition or {}, by)
    except ValidationError as error:
        raise ValidationError({"condition": error.messages}) from error
    if any(clause["field"] == f"field:{field.key}" for clause in clauses(checked)):
        raise ValidationError({"condition": _("A field cannot depend on itself.")})
    return checked


@transaction.atomic
def delete_custom_field(*, field: CustomField, by: Viewer) -> None:
    """Delete a field that no ticket has a value of; raises ValidationError for one in use."""
    by.require("tickets.configure")
    row = CustomField.objects.select_for_update().get(pk=field.pk)
    if FieldValue.objects.filter(field=row).exists():
        raise ValidationError(_("Tickets have values of this field. Take it out of use instead."))
    refuse_while_asked_for(f"field:{row.key}", by=by)
    FIELD_SAVED.record(by=by, subject_id=row.pk, detail={"key": row.key, "deleted": True})
    row.delete()
