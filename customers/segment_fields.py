"""What conditions on accounts can ask about the account itself, its people and its usage of the product."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.conditions.kinds import (
    ME,
    Asked,
    ChoiceField,
    ConditionField,
    Label,
    MomentField,
    NumberField,
    RowOptions,
    TextField,
)
from customers.models import Account, Contact, UsageDaily
from customers.registry import SegmentFields
from customers.segment_kinds import AccountField, CountField, DayField
from customers.trait_conditions import TraitField
from customers.traits import definitions
from people.models import User


def choices(pairs: Any) -> Any:
    """Return options out of the choices of a column."""
    return lambda: [(str(value), str(label)) for value, label in pairs]


class RolesField(AccountField):
    """The roles of the people at an account who are still there."""

    kind = "choice"
    operators: ClassVar[Mapping[str, Label]] = {
        "any": gettext_lazy("has a"),
        "none": gettext_lazy("has no"),
    }

    def options(self) -> list[tuple[str, str]]:
        """Return the roles."""
        found = Contact._meta.get_field("role").choices or []
        return [(str(value), str(label)) for value, label in found if value]

    def clean(self, operator: str, value: object) -> list[str]:
        """Return known roles."""
        chosen = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
        unknown = set(chosen) - {key for key, _label in self.options()}
        if unknown or not chosen:
            raise self.refuse(
                _("choose from the list (%s is not on it).") % ", ".join(sorted(unknown) or ["–"])
            )
        return list(dict.fromkeys(chosen))

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause as EXISTS."""
        people = Contact.objects.filter(role__in=value, left_at=None, merged_into=None)
        found = Q(Exists(people.filter(account=OuterRef("pk"))))
        return found if operator == "any" else ~found

    def words(self, operator: str, value: Any) -> str:
        """Return "contacts: has a Champion or Executive sponsor"."""
        return f"{self.label}: {self.operators[operator]} {self._names(value)}"

    def _names(self, roles: Collection[str]) -> str:
        names = dict(self.options())
        return _(" or ").join(names.get(one, one) for one in roles)

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the roles that are filled."""
        people = Contact.objects.filter(account=account, left_at=None, merged_into=None).exclude(role="")
        present = sorted(set(people.values_list("role", flat=True)))
        return self._names(present).replace(_(" or "), ", ") if present else _("none")


def _features() -> list[tuple[str, str]]:
    names = UsageDaily.objects.exclude(feature="").order_by("feature").values_list("feature", flat=True)
    return [(name, name) for name in names.distinct()[:500]]


class UsageField(CountField):
    """Usage of the product over whole days in UTC: events, or days with any; of all features or of some."""

    parts = ("number", "of", "within")
    timed: ClassVar[frozenset[str]] = frozenset(CountField.operators)

    def __init__(self, key: str, label: Label, count: Any) -> None:
        super().__init__(key, label, _features)
        self._count = count

    def counts(self, value: Mapping[str, Any], asked: Asked) -> QuerySet[Any, Any]:
        """Add the daily rows of the window up; today is in."""
        since = timezone.localdate(asked.now) - timedelta(days=value["within"])
        rows = UsageDaily.objects.filter(day__gt=since, events__gt=0)
        rows = rows.filter(feature__in=value["of"]) if value.get("of") else rows.filter(feature="")
        if asked.among is not None:
            rows = rows.filter(account__in=asked.among)
        return rows.values("account").order_by().annotate(n=self._count)


_people = RowOptions(User, special=((ME, gettext_lazy("the owner of the segment")),), is_active=True)


class AccountFields(SegmentFields):
    """The columns of accounts, their people and their usage."""

    key = "account"
    order = 10

    def fields(self) -> Sequence[ConditionField]:
        """Return the fields."""
        return _FIELDS


class TraitFields(SegmentFields):
    """The traits of accounts that are in use."""

    key = "traits"
    order = 40

    def fields(self) -> Sequence[ConditionField]:
        """Return a field for each."""
        return [TraitField(one) for one in definitions("account").values()]


_FIELDS: tuple[ConditionField, ...] = (
    ChoiceField("tier", gettext_lazy("tier"), "tier", choices(Account.Tier.choices)),
    ChoiceField("stage", gettext_lazy("stage"), "lifecycle", choices(Account.Lifecycle.choices)),
    ChoiceField("csm", gettext_lazy("CSM"), "csm_id", _people, nullable=True),
    TextField("name", gettext_lazy("name"), "name"),
    TextField("domain", gettext_lazy("domain"), "domain"),
    NumberField("arr", gettext_lazy("ARR"), "arr"),
    TextField("currency", gettext_lazy("currency"), "currency"),
    NumberField("seats", gettext_lazy("seats"), "seats", whole=True),
    DayField("renewal", gettext_lazy("renewal"), "renewal_on"),
    DayField("customer_since", gettext_lazy("customer since"), "customer_since"),
    DayField("churned_on", gettext_lazy("churn"), "churned_on"),
    MomentField("last_touch", gettext_lazy("last touch"), "last_touch_at"),
    MomentField("created_at", gettext_lazy("added"), "created_at"),
    NumberField("open_tickets", gettext_lazy("open tickets"), "open_tickets", whole=True),
    RolesField("roles", gettext_lazy("contacts")),
    UsageField("usage_events", gettext_lazy("usage events"), Sum("events")),
    UsageField("usage_days", gettext_lazy("days with usage"), Count("day", distinct=True)),
)
