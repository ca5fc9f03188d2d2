"""Conditions on the traits that an installation defines itself (``customers.traits``)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.conditions.kinds import Asked, Label
from customers.models import Account, TraitDefinition
from customers.segment_kinds import AccountField
from customers.traits import parse_trait

_ONE_OF: Mapping[str, Label] = {"in": gettext_lazy("is"), "not_in": gettext_lazy("is not")}
_OPERATORS: Mapping[str, Mapping[str, Label]] = {
    "text": _ONE_OF,
    "choice": _ONE_OF,
    "number": {"at_least": gettext_lazy("is at least"), "at_most": gettext_lazy("is at most")},
    "date": {"before": gettext_lazy("is before"), "after": gettext_lazy("is on or after")},
    "bool": {"is": gettext_lazy("is")},
}
_SIDES: Mapping[str, str] = {
    "at_least": "gte",
    "at_most": "lte",
    "before": "lt",
    "after": "gte",
    "is": "exact",
}


class TraitField(AccountField):
    """A trait; what can be asked follows its kind. An account without a value answers no to all but "is not" and "is no"."""

    operators: ClassVar[Mapping[str, Label]] = {}

    def __init__(self, definition: TraitDefinition) -> None:
        super().__init__(f"trait:{definition.key}", definition.label)
        self.definition = definition
        self.operators = _OPERATORS[definition.kind]  # type: ignore[misc]
        self._is_list = definition.kind in {"text", "choice"}

    def input_kind(self, operator: str) -> str:
        """Return the kind of the trait."""
        return self.definition.kind

    def options(self) -> list[tuple[str, str]]:
        """Return the choices of a choice."""
        return [(str(one), str(one)) for one in self.definition.choices]

    def clean(self, operator: str, value: object) -> Any:
        """Return the value by the kind, a list for texts and choices; raises ValidationError."""
        sent = value if self._is_list and isinstance(value, list | tuple) else [value]
        try:
            found = [parse_trait(self.definition, one) for one in sent]
        except ValidationError as error:
            raise self.refuse(" ".join(error.messages)) from error
        if not found or any(one is None for one in found):
            raise self.refuse(_("give a value."))
        return found if self._is_list else found[0]

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause as the set of accounts whose value meets it."""
        rows = Account.objects.alias(trait_value=KeyTransform(self.definition.key, "traits"))
        if self._is_list:
            wanted = Q()
            for one in value:
                wanted |= Q(trait_value=one)
        else:
            wanted = Q(**{f"trait_value__{_SIDES[operator]}": True if operator == "is" else value})
        if asked.among is not None:
            rows = rows.filter(pk__in=asked.among)
        found = Q(pk__in=rows.filter(wanted).values("pk"))
        return ~found if operator == "not_in" or value is False else found

    def words(self, operator: str, value: Any) -> str:
        """Return "region is north"."""
        if isinstance(value, bool):
            value = _("yes") if value else _("no")
        shown = _(" or ").join(map(str, value)) if isinstance(value, list) else value
        return f"{self.label} {self.operators[operator]} {shown}"

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the value."""
        found = account.traits.get(self.definition.key)
        return _("not set") if found is None else str(found)
