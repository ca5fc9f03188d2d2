"""Forms about traits: one that defines them, one that sets their values."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from customers.models import TraitDefinition
from customers.traits import definitions, parse_trait

_Kind = TraitDefinition.Kind


class TraitForm(forms.Form):
    """Every active trait of an account or a contact, with the values that it has."""

    def __init__(self, data: Any = None, *, target: str, traits: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._definitions = definitions(target)
        for key, definition in self._definitions.items():
            self.fields[f"trait-{key}"] = _field_of(definition, traits.get(key))

    def clean(self) -> dict[str, Any]:
        """Let the trait judge what the field let through."""
        cleaned = super().clean() or {}
        for key, definition in self._definitions.items():
            name = f"trait-{key}"
            if name in cleaned:
                try:
                    parse_trait(definition, cleaned[name])
                except ValidationError as error:
                    self.add_error(name, error)
        return cleaned

    def values(self) -> dict[str, Any]:
        """Return what the service takes."""
        return {key: self.cleaned_data[f"trait-{key}"] for key in self._definitions}


def _field_of(definition: TraitDefinition, value: Any) -> forms.Field:
    common: dict[str, Any] = {"label": definition.label, "required": False, "help_text": definition.help_text}
    initial = "" if value is None else str(value)
    if definition.kind == _Kind.BOOL:
        words = "" if value is None else "yes" if value else "no"
        choices: list[tuple[str, Any]] = [("", "–"), ("yes", _("Yes")), ("no", _("No"))]
        return forms.ChoiceField(choices=choices, initial=words, **common)
    if definition.kind == _Kind.CHOICE:
        # A value that is offered no more is kept until another one is chosen.
        offered = list(dict.fromkeys([*definition.choices, *([initial] if initial else [])]))
        return forms.ChoiceField(
            choices=[("", "–"), *((one, one) for one in offered)], initial=initial, **common
        )
    if definition.kind == _Kind.DATE:
        widget: forms.Widget = forms.DateInput({"type": "date"})
    else:
        widget = forms.TextInput({"inputmode": "decimal"} if definition.kind == _Kind.NUMBER else {})
    return forms.CharField(max_length=500, initial=initial, widget=widget, **common)


class DefinitionForm(forms.Form):
    """A new trait."""

    target = forms.ChoiceField(label=_("Of"), choices=TraitDefinition.Target.choices)
    label = forms.CharField(label=_("Label"), max_length=60)
    key = forms.CharField(
        label=_("Key"),
        max_length=40,
        help_text=_("As the product and other systems call it: small letters, digits and _. It stays."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=_Kind.choices)
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        widget=forms.Textarea({"rows": 4}),
        help_text=_("For a choice: one in each line."),
    )
    help_text = forms.CharField(label=_("Help"), max_length=200, required=False)
    is_active = forms.BooleanField(label=_("Shown and taken"), required=False, initial=True)

    def clean_choices(self) -> list[str]:
        """Return the lines."""
        return str(self.cleaned_data["choices"]).splitlines()


class ChangedDefinitionForm(DefinitionForm):
    """A trait that exists: its key, its kind and whose it is stay."""

    target = None  # type: ignore[assignment]
    key = None  # type: ignore[assignment]
    kind = None  # type: ignore[assignment]
