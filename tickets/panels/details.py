"""What is known about the ticket beside its conversation: type, language, custom fields."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.custom_fields import ShownField, fields_on, words_of
from tickets.languages import language_choices, language_name
from tickets.models import CustomField, Ticket, TicketType
from tickets.registry import TicketPanel


class DetailsPanel(TicketPanel):
    """Type, language and the fields that this ticket shows, changed where they stand."""

    key = "details"
    label = gettext_lazy("Details")
    icon = "forms"
    order = 20
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the properties as they are."""
        return details_parts(viewer, ticket)


def details_parts(
    viewer: Viewer,
    ticket: Ticket,
    *,
    refused: Mapping[str, tuple[Any, str]] | None = None,
    open_field: str = "",
) -> dict[str, object]:
    """Return the variables of the panel.

    ``refused`` are values that could not be set, by key, with the sentence that says why: they are shown again.
    ``open_field`` is the key of a menu that stays open.
    """
    errors = refused or {}
    types = TicketType.objects.filter(is_active=True)
    return {
        "ticket": ticket,
        "may_edit": viewer.can("tickets.edit"),
        "types": [*types, *([ticket.type] if ticket.type and not ticket.type.is_active else [])],
        "languages": language_choices(ticket.language),
        "language": language_name(ticket.language) if ticket.language else "",
        "fields": [
            _field(one, errors.get(one.field.key), one.field.key == open_field)
            for one in fields_on(ticket, viewer)
        ],
        "is_refused": bool(errors),
    }


def _field(shown: ShownField, refused: tuple[Any, str] | None, is_open: bool) -> dict[str, Any]:
    """A field as the template draws it."""
    field, value = shown.field, shown.value
    typed = value if refused is None else refused[0]
    chosen = typed if isinstance(typed, list) else []
    gone = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    offered = [*field.options, *(one for one in gone if one not in field.options)]
    return {
        "key": field.key,
        "label": field.label,
        "kind": field.kind,
        "help": field.help_text,
        "value": ""
        if typed is None
        else words_of(field, typed)
        if typed is not value
        else _raw(field, typed),
        "words": shown.words,
        "reference": field.reference,
        "reference_id": value if field.kind == CustomField.Kind.REFERENCE else None,
        "options": [(one, one in chosen or one == typed) for one in offered]
        if field.kind in {CustomField.Kind.CHOICE, CustomField.Kind.MULTI}
        else [],
        "is_missing": shown.is_missing,
        "is_required": field.required_on_resolve,
        "error": "" if refused is None else refused[1],
        "is_open": is_open,
    }


def _raw(field: CustomField, value: Any) -> str:
    """The value as an input holds it."""
    if field.kind == CustomField.Kind.BOOL:
        return "true" if value else "false"
    return str(value)
