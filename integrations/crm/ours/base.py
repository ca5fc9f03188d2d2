"""What an object of ours can do for a connection, and what all of them need."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from core.models import Event
from customers.models import TraitDefinition
from customers.traits import definitions
from integrations.crm.values import OurField
from people.viewer import Viewer

Values = Mapping[str, str]
EVENTS_LOOKED_AT = 200
# Names of fields that are traits begin so, as in the details of events.
TRAIT = "traits."


class OurObject:
    """One object of ours. ``key`` is that of the contract."""

    key = ""
    own_fields: Mapping[str, OurField]
    # The event whose detail names changed fields.
    changed_verb = ""

    @property
    def fields(self) -> Mapping[str, OurField]:
        """Every field: our own ones, and the traits that the installation defines."""
        if self.key not in TraitDefinition.Target.values:
            return self.own_fields
        traits = {one.key: one for one in definitions(self.key).values()}
        return {**self.own_fields, **{f"{TRAIT}{key}": _trait_field(one) for key, one in traits.items()}}

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Return the fields of records as text, in constant queries; what does not exist is missing."""
        raise NotImplementedError

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """Return what people call the records."""
        raise NotImplementedError

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change fields; raises ValidationError and ValueError."""
        raise NotImplementedError

    def create(self, values: Values, *, known_as: str, account_id: int | None, by: Viewer) -> int:
        """Create a record and return its id; raises as ``set`` does."""
        raise NotImplementedError

    def find(self, remote_id: str, values: Values, source: str) -> int | None:
        """Return which of ours a record is, None when that is not certain."""
        raise NotImplementedError

    def successor(self, pk: int) -> int:
        """Return the record that a merged one lives on in; most stay what they are."""
        return pk

    def linked(self, pk: int, *, source: str, remote_id: str, by: Viewer) -> None:
        """Note on our record under which id the other system knows it; nothing where it has no place for that."""

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Return the QuerySet of our records that should be there, too, in the order of their ids."""
        raise NotImplementedError

    def last_changed_at(self, pk: int, name: str, *, except_source: str) -> datetime | None:
        """Return when a person or another program last changed the field, None when no event tells."""
        events = (
            Event.objects.filter(subject_kind=self.key, subject_id=pk, verb=self.changed_verb)
            .exclude(source=except_source)
            .select_related("detail")
            .order_by("-pk")[:EVENTS_LOOKED_AT]
        )
        for event in events:
            changed = (event.detail.data or {}).get("changed") or {}
            if name in changed or f"{name}_id" in changed:
                return event.occurred_at
        return None


def traits_of(values: Values) -> dict[str, str]:
    """Return those of the values that are traits, by their keys."""
    return {name.removeprefix(TRAIT): text for name, text in values.items() if name.startswith(TRAIT)}


def _trait_field(one: TraitDefinition) -> OurField:
    kinds = TraitDefinition.Kind
    kind = {kinds.NUMBER: "number", kinds.DATE: "day", kinds.BOOL: "bool", kinds.CHOICE: "choice"}
    return OurField(
        f"{TRAIT}{one.key}",
        one.label,
        kind.get(kinds(one.kind), "text"),
        choices=tuple((choice, choice) for choice in one.choices),
    )
