"""The kinds of fields that only tickets have: tags, what customers say, people in rows, custom fields.

What every condition knows is ``core.conditions.kinds``; which fields there are is ``tickets.condition_fields``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.conditions.kinds import (
    ONE_OF,
    Asked,
    BoolField,
    ChoiceField,
    ConditionField,
    Label,
    NumberField,
    Options,
    TextField,
    boolean_of,
    contains_lookup,
    exact_of,
    is_within,
    number_of,
)
from tickets.models import ConversationSignal, CustomField, FieldValue, Tag, Ticket, TicketTag

# Where a loaded ticket carries the people of its rows, by field.
_LOADED = "_people_in_rows"


class PeopleField(ChoiceField):
    """People who stand in rows about a ticket: those who follow it, those named in its notes."""

    def __init__(self, key: str, label: Label, people: Options, model: Any, to_ticket: str) -> None:
        super().__init__(key, label, "user_id", people)
        self._model = model
        self._to_ticket = to_ticket

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause as EXISTS, so that no row comes twice."""
        wanted, _with_empty = self._wanted(value, asked)
        rows = self._model._default_manager.filter(user_id__in=wanted)
        found = Q(Exists(rows.filter(**{self._to_ticket: OuterRef("pk")})))
        return found if operator == "in" else ~found

    def test(self, operator: str, value: Any, ticket: Ticket, asked: Asked) -> bool:
        """Judge by the rows as ``load`` has read them, or one query."""
        wanted, _with_empty = self._wanted(value, asked)
        return self.people_of(ticket).isdisjoint(wanted) is (operator != "in")

    def load(self, tickets: Sequence[Ticket]) -> None:
        """Read the rows of these tickets, so that judging them asks no more. One query."""
        people: dict[int, set[int]] = {ticket.pk: set() for ticket in tickets}
        rows = self._model._default_manager.filter(**{f"{self._to_ticket}__in": list(people)})
        for ticket_id, user_id in rows.order_by().values_list(self._to_ticket, "user_id").distinct():
            people[ticket_id].add(user_id)
        for ticket in tickets:
            vars(ticket).setdefault(_LOADED, {})[self.key] = frozenset(people[ticket.pk])

    def people_of(self, ticket: Ticket) -> frozenset[int]:
        """Return everybody who stands in the rows."""
        loaded = vars(ticket).get(_LOADED, {})
        if self.key in loaded:
            return frozenset(loaded[self.key])
        if ticket.pk is None:
            return frozenset()
        rows = self._model._default_manager.filter(**{self._to_ticket: ticket.pk})
        return frozenset(rows.order_by().values_list("user_id", flat=True))

    def has_people(self) -> Q:
        """Return the tickets that have such rows."""
        return Q(Exists(self._model._default_manager.filter(**{self._to_ticket: OuterRef("pk")})))


class TagField(ConditionField):
    """The tags of a ticket, by name."""

    kind = "choice"
    operators: ClassVar[Mapping[str, Label]] = {
        "any": gettext_lazy("is one of"),
        "all": gettext_lazy("are all of"),
        "none": gettext_lazy("is none of"),
    }

    def options(self) -> list[tuple[str, str]]:
        """Return the tags."""
        return [(name, name) for name in Tag.objects.values_list("name", flat=True)]

    def clean(self, operator: str, value: object) -> list[str]:
        """Return the names; a tag need not exist any more, or yet."""
        chosen = value if isinstance(value, list | tuple) else [value]
        names = list(dict.fromkeys(str(one).strip().lower()[:40] for one in chosen if one))
        if not names or any("\x00" in name for name in names):
            raise self.refuse(_("name at least one tag."))
        return names

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause as EXISTS, so that no row comes twice."""
        if operator == "all":
            joined = Q()
            for name in value:
                joined &= Q(self._has([name]))
            return joined
        found = Q(self._has(value))
        return found if operator == "any" else ~found

    @staticmethod
    def _has(names: Collection[str]) -> Exists:
        return Exists(TicketTag.objects.filter(ticket=OuterRef("pk"), tag__name__in=names))

    def test(self, operator: str, value: Any, ticket: Ticket, asked: Asked) -> bool:
        """Judge by the tags as they are prefetched, or one query."""
        loaded = _loaded(ticket, "ticket_tags")
        if loaded is None:
            present = set(ticket.ticket_tags.values_list("tag__name", flat=True))
        else:
            present = {row.tag.name for row in loaded}
        if operator == "all":
            return present.issuperset(value)
        return present.isdisjoint(value) is (operator == "none")

    def words(self, operator: str, value: Any) -> str:
        """Return "tag is one of refund, vip"."""
        return f"{self.label} {self.operators[operator]} {', '.join(value)}"


class SaysField(ConditionField):
    """What the customer says in the conversation, as far as nobody has dismissed it (``Ticket.says``)."""

    kind = "choice"
    operators: ClassVar[Mapping[str, Label]] = {
        "any": gettext_lazy("is one of"),
        "none": gettext_lazy("is none of"),
    }

    def options(self) -> list[tuple[str, str]]:
        """Return the kinds of signals that customers give."""
        kinds = ConversationSignal.Kind
        return [(value, str(label)) for value, label in kinds.choices if value != kinds.PROMISE]

    def clean(self, operator: str, value: object) -> list[str]:
        """Return a list of known kinds."""
        chosen = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        unknown = set(chosen) - {key for key, _label in self.options()}
        if unknown or not chosen:
            raise self.refuse(
                _("choose from the list (%s is not on it).") % ", ".join(sorted(unknown) or ["–"])
            )
        return list(dict.fromkeys(chosen))

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        found = Q()
        for kind in value:
            found |= Q(says__contains=f" {kind} ")
        return found if operator == "any" else ~found

    def test(self, operator: str, value: Any, ticket: Ticket, asked: Asked) -> bool:
        """Judge by the copy on the ticket."""
        return set(ticket.says.split()).isdisjoint(value) is (operator == "none")

    def words(self, operator: str, value: Any) -> str:
        """Return "customer says is one of Reports a bug"."""
        names = dict(self.options())
        return f"{self.label} {self.operators[operator]} {', '.join(names.get(one, one) for one in value)}"


class OwnField(ConditionField):
    """A custom field; what can be asked follows its kind. A ticket without a value answers no to all but "is not" """

    def __init__(self, field: CustomField) -> None:
        super().__init__(f"field:{field.key}", field.label)
        self.field = field
        kinds = CustomField.Kind
        self.kind, self.operators = {  # type: ignore[misc]
            kinds.TEXT: ("text", TextField.operators),
            kinds.NUMBER: ("number", NumberField.operators),
            kinds.DATE: ("date", {"before": _("is before"), "after": _("is on or after")}),
            kinds.BOOL: ("bool", BoolField.operators),
        }.get(kinds(field.kind), ("choice" if field.options else "text", ONE_OF))

    def input_kind(self, operator: str) -> str:
        """Return the kind of the field; several choices are chosen, dates are dates."""
        return str(self.kind)

    def options(self) -> list[tuple[str, str]]:
        """Return the choices of a choice."""
        return [(str(one), str(one)) for one in self.field.options]

    def clean(self, operator: str, value: object) -> Any:
        """Return the value by the kind of the field."""
        kinds = CustomField.Kind
        match self.field.kind:
            case kinds.NUMBER:
                return number_of(self, value)
            case kinds.BOOL:
                return boolean_of(self, value)
            case kinds.DATE:
                try:
                    return date.fromisoformat(str(value)[:10]).isoformat()
                except ValueError:
                    raise self.refuse(_("give a date like 2026-03-31.")) from None
            case kinds.TEXT:
                return TextField(self.key, self.label, "").clean(operator, value)
        chosen = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value or "")]
        if not any(chosen) or any("\x00" in one for one in chosen):
            raise self.refuse(_("choose at least one value."))
        return chosen

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause as EXISTS over the values."""
        lookup: dict[str, Any] = {
            "contains": contains_lookup("text", value),
            "lacks": contains_lookup("text", value),
            "in": {"text__in": value},
            "not_in": {"text__in": value},
            "at_least": {"number__gte": exact_of(value)},
            "at_most": {"number__lte": exact_of(value)},
            "before": {"date__lt": value},
            "after": {"date__gte": value},
            "is": {"boolean": True},
        }[operator]
        found = Q(Exists(FieldValue.objects.filter(ticket=OuterRef("pk"), field=self.field, **lookup)))
        return ~found if self._negates(operator, value) else found

    @staticmethod
    def _negates(operator: str, value: Any) -> bool:
        return operator in {"lacks", "not_in"} or (operator == "is" and value is False)

    def test(self, operator: str, value: Any, ticket: Ticket, asked: Asked) -> bool:
        """Judge by the values as they are prefetched."""
        loaded = _loaded(ticket, "field_values")
        values = ticket.field_values.all() if loaded is None else loaded
        rows = [row for row in values if row.field_id == self.field.pk]
        found = any(_meets(row, operator, value) for row in rows)
        return found is not self._negates(operator, value)

    def words(self, operator: str, value: Any) -> str:
        """Return the clause in words."""
        if isinstance(value, list):
            value = _(" or ").join(value)
        elif isinstance(value, bool):
            value = _("yes") if value else _("no")
        return f"{self.label} {self.operators[operator]} {value}"


def _loaded(ticket: Ticket, name: str) -> Collection[Any] | None:
    """The rows of a relation as they are prefetched, None when they must be read; a ticket that is not stored has those that it
    was given (``tickets.ticket_sketch``)."""
    rows: Collection[Any] | None = getattr(ticket, "_prefetched_objects_cache", {}).get(name)
    return [] if rows is None and ticket.pk is None else rows


def _meets(row: FieldValue, operator: str, value: Any) -> bool:
    """Whether one value answers yes, before any negation."""
    match operator:
        case "contains" | "lacks":
            return is_within(value, row.text)
        case "in" | "not_in":
            return row.text in value
        case "at_least" | "at_most":
            if row.number is None:
                return False
            return bool(float(row.number) >= value if operator == "at_least" else float(row.number) <= value)
        case "before" | "after":
            if row.date is None:
                return False
            at = date.fromisoformat(value)
            return row.date < at if operator == "before" else row.date >= at
        case _:
            return row.boolean is True
