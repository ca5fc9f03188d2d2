"""Reads what was sent by a form, from a page or as JSON: any values in, checked texts out, or each refusal beside its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from customers.domains import normalise_address
from people.viewer import system_viewer
from tickets.channels.web.form import SOURCE, WebForm, asked_fields
from tickets.custom_fields import Value, parse_value
from tickets.message_text import one_line, storable
from tickets.models import CustomField

LONGEST_NAME = 160
LONGEST_ADDRESS = 254
LONGEST_SUBJECT = 300
LONGEST_MESSAGE = 20_000
OWN = "field-"


@dataclass(frozen=True)
class Submitted:
    """What somebody sent. ``fields`` are the custom fields with a value, by key."""

    email: str
    message: str
    name: str = ""
    subject: str = ""
    fields: Mapping[str, Value] | None = None

    def raw(self) -> dict[str, Any]:
        """Return it as a submission stores it."""
        return {
            "name": self.name,
            "email": self.email,
            "subject": self.subject,
            "message": self.message,
            "fields": dict(self.fields or {}),
        }


def read_values(form: WebForm, given: Mapping[str, Any]) -> Submitted:
    """Return what was sent, from ``name``, ``email``, ``subject``, ``message`` and ``field-<key>``; other names count nothing.

    A value may be anything that JSON has. Raises ValidationError with every field that is refused.
    """
    refused: dict[str, list[str]] = {}
    texts = {
        "name": _text(given, "name", LONGEST_NAME, refused, asked=form.ask_name, is_line=True),
        "email": _text(given, "email", LONGEST_ADDRESS, refused, asked="required", is_line=True),
        "subject": _text(given, "subject", LONGEST_SUBJECT, refused, asked=form.ask_subject, is_line=True),
        "message": _text(given, "message", LONGEST_MESSAGE, refused, asked="required"),
    }
    if texts["email"]:
        texts["email"] = normalise_address(texts["email"])
        try:
            validate_email(texts["email"])
        except ValidationError as error:
            refused["email"] = error.messages
    typed = {name.removeprefix(OWN): value for name, value in given.items() if name.startswith(OWN)}
    fields = _own_values(form, asked_fields(form, typed, subject=texts["subject"]), typed, refused)
    if refused:
        raise ValidationError(refused)
    return Submitted(**texts, fields=fields)


def _text(
    given: Mapping[str, Any],
    name: str,
    longest: int,
    refused: dict[str, list[str]],
    *,
    asked: str,
    is_line: bool = False,
) -> str:
    value = given.get(name)
    if asked == "hidden" or value is None:
        value = ""
    if not isinstance(value, str):
        refused[name] = [_("Give a text.")]
        return ""
    if len(value) > longest:
        refused[name] = [_("Give a text of at most %d characters.") % longest]
        return ""
    text = storable(value)
    text = one_line(text, longest) if is_line else text.strip()
    if not text and asked == "required":
        refused[name] = [_("This is required.")]
    return text


def _own_values(
    form: WebForm, asked: Sequence[CustomField], typed: Mapping[str, Any], refused: dict[str, list[str]]
) -> dict[str, Value]:
    by = system_viewer(SOURCE)
    values: dict[str, Value] = {}
    for field in asked:
        try:
            value = parse_value(field, _storable(typed.get(field.key)), by)
        except ValidationError as error:
            refused[f"{OWN}{field.key}"] = error.messages
            continue
        if value is not None:
            values[field.key] = value
        elif field.key in form.required:
            refused[f"{OWN}{field.key}"] = [_("This is required.")]
    return values


def _storable(value: Any) -> Any:
    """A value with texts that databases take."""
    if isinstance(value, str):
        return storable(value)
    return [_storable(one) for one in value] if isinstance(value, list) else value
