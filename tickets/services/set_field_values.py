"""Set what the custom fields of a ticket hold."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.conditions import is_permitted
from tickets.custom_fields import (
    Value,
    active_fields,
    parse_value,
    reference_names,
    shown_fields,
    stored_rows,
    values_of,
    words_of,
)
from tickets.events import FIELDS_CHANGED
from tickets.models import CustomField, FieldValue, Ticket
from tickets.search_index import index_ticket
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def set_field_values(*, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> Ticket:
    """Set the fields with these keys; an empty value clears one. All of it or nothing.

    Raises ValidationError by ``field:<key>`` for an unknown field, a value that it cannot hold, something that the person
    may not see, a field that this ticket does not have, and one whose condition asks about what the person may not read.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    fields = {field.key: field for field in active_fields()}
    before = values_of(locked)
    after = _parsed(values, fields, before, by)
    changed = {key: value for key, value in after.items() if value != before.get(key)}
    _refuse_unreadable(changed, fields, by)
    if not changed:
        return locked
    for key, value in changed.items():
        FieldValue.objects.filter(ticket=locked, field=fields[key]).delete()
        FieldValue.objects.bulk_create(stored_rows(fields[key], locked, value))
    _refuse_hidden(locked, changed, fields)
    FIELDS_CHANGED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"changes": _told(changed, before, fields, by)},
    )
    save_ticket(locked)
    index_ticket(locked.pk)
    return locked


def _parsed(
    values: Mapping[str, Any], fields: Mapping[str, CustomField], before: Mapping[str, Value], by: Viewer
) -> dict[str, Value]:
    parsed: dict[str, Value] = {}
    refused: dict[str, list[str]] = {}
    for key, value in values.items():
        if key not in fields:
            refused[f"field:{key}"] = [_("There is no such field.")]
            continue
        try:
            parsed[key] = parse_value(fields[key], value, by, present=before.get(key))
        except ValidationError as error:
            refused[f"field:{key}"] = [f"{fields[key].label}: {sentence}" for sentence in error.messages]
    if refused:
        raise ValidationError(refused)
    return parsed


def _refuse_unreadable(changed: Mapping[str, Value], fields: Mapping[str, CustomField], by: Viewer) -> None:
    """Whether a ticket takes the value would tell whether the condition holds: refused either way."""
    sentence = _("%s: which tickets have this field depends on what you may not read about customers.")
    unreadable = [
        key
        for key, value in changed.items()
        if value is not None and not is_permitted(fields[key].condition, by)
    ]
    if unreadable:
        raise ValidationError({f"field:{key}": [sentence % fields[key].label] for key in unreadable})


def _refuse_hidden(ticket: Ticket, changed: Mapping[str, Value], fields: Mapping[str, CustomField]) -> None:
    """Judge after all are set: one value may show another field."""
    shown = {field.key for field in shown_fields(ticket, fields.values())}
    hidden = [key for key, value in changed.items() if value is not None and key not in shown]
    if hidden:
        sentence = _("%s: a ticket of this type and state does not have this field.")
        raise ValidationError({f"field:{key}": [sentence % fields[key].label] for key in hidden})


def _told(
    changed: Mapping[str, Value],
    before: Mapping[str, Value],
    fields: Mapping[str, CustomField],
    by: Viewer,
) -> list[dict[str, Any]]:
    """What the event says of each change: key, label, value before and after, and the new one in words."""
    wanted: dict[str, set[int]] = {}
    for key, value in changed.items():
        if fields[key].kind == CustomField.Kind.REFERENCE and isinstance(value, int):
            wanted.setdefault(fields[key].reference, set()).add(value)
    names = reference_names(wanted, by)
    return [
        {
            "field": key,
            "label": fields[key].label,
            "from": before.get(key),
            "to": value,
            # What a reference points to is not everybody's to see who sees the ticket.
            "words": "" if fields[key].reference == "ticket" else words_of(fields[key], value, names)[:80],
        }
        for key, value in changed.items()
    ]
