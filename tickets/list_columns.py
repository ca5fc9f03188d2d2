"""The columns that a table or an export of tickets can have: the built-in ones, and every custom field as ``field:<key>``."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account
from people.viewer import Viewer
from tickets.category_tree import category_path
from tickets.models import ConversationSignal, CustomField, FieldValue, Ticket
from tickets.ticket_facts import sla_of

MOST_COLUMNS = 24
DEFAULT_COLUMNS = (
    "number", "subject", "contact", "account", "priority", "status", "assignee", "sla", "created_at",
    "last_message_at", "value_at_risk",
)  # fmt: skip

Value = str | int | float | bool | date | datetime | None


@dataclass(frozen=True)
class Column:
    """A column. ``kind`` says how a cell is drawn, ``read`` gives its plain value; ``joins`` and ``prefetch`` are what it reads
    beside the row; ``sort`` names the order of lists that it stands for, ``permission`` what a viewer needs to read it."""

    key: str
    label: str | Promise
    kind: str
    read: Callable[[Ticket], Value]
    joins: tuple[str, ...] = ()
    prefetch: tuple[str, ...] = ()
    sort: str = ""
    permission: str = ""


def _name(column: str) -> Callable[[Ticket], Value]:
    def read(ticket: Ticket) -> Value:
        related = getattr(ticket, column)
        return "" if related is None else str(related)

    return read


def _own(column: str) -> Callable[[Ticket], Value]:
    def read(ticket: Ticket) -> Value:
        value: Value = getattr(ticket, column)
        return value

    return read


def _label(column: str) -> Callable[[Ticket], Value]:
    return lambda ticket: str(getattr(ticket, f"get_{column}_display")())


def _of_account(read: Callable[[Account], Value]) -> Callable[[Ticket], Value]:
    return lambda ticket: None if ticket.account is None else read(ticket.account)


def _says(ticket: Ticket) -> Value:
    return ", ".join(str(ConversationSignal.Kind(kind).label) for kind in ticket.says.split())


_BUILT_IN: tuple[Column, ...] = (
    Column("number", gettext_lazy("Number"), "number", _own("number")),
    Column("subject", gettext_lazy("Subject"), "subject", _own("subject")),
    Column(
        "contact", gettext_lazy("Contact"), "text", _name("contact"), ("contact",), ("contact__identities",)
    ),
    Column("account", gettext_lazy("Customer"), "text", _name("account"), ("account",)),
    Column("status", gettext_lazy("Status"), "status", _name("status"), ("status",)),
    Column("priority", gettext_lazy("Priority"), "priority", _label("priority"), sort="priority"),
    Column("type", gettext_lazy("Type"), "text", _name("type"), ("type",)),
    Column(
        "tags",
        gettext_lazy("Tags"),
        "tags",
        lambda ticket: ", ".join(tags_of(ticket)),
        (),
        ("ticket_tags__tag",),
    ),
    Column("category", gettext_lazy("Category"), "text", lambda ticket: category_path(ticket.category_id)),
    Column("team", gettext_lazy("Team"), "text", _name("team"), ("team",)),
    Column("assignee", gettext_lazy("Assignee"), "person", _name("assignee"), ("assignee",)),
    Column("channel", gettext_lazy("Channel"), "channel", _own("channel")),
    Column("inbox", gettext_lazy("Inbox"), "text", _name("inbox"), ("inbox",)),
    Column(
        "sla",
        gettext_lazy("Next deadline"),
        "sla",
        lambda ticket: sla_of(ticket).due_at,
        ("status",),
        sort="sla",
    ),
    Column("created_at", gettext_lazy("Age"), "age", _own("created_at"), sort="age"),
    Column("last_message_at", gettext_lazy("Last message"), "age", _own("last_message_at"), sort="newest"),
    Column("waiting_since", gettext_lazy("Waiting"), "age", _own("waiting_since"), sort="waiting"),
    Column(
        "value_at_risk",
        gettext_lazy("Value at risk"),
        "money",
        _own("value_at_risk"),
        ("account",),
        sort="value",
        permission="health.view",
    ),
    Column(
        "breach_probability",
        gettext_lazy("Risk of a missed deadline"),
        "percent",
        lambda ticket: ticket.breach_probability or None,
        sort="risk",
    ),
    Column("sentiment", gettext_lazy("Mood"), "sentiment", _own("sentiment_label")),
    Column("says", gettext_lazy("Customer says"), "text", _says),
    Column("promise_due_at", gettext_lazy("Our promise due"), "moment", _own("promise_due_at")),
    Column("satisfaction", gettext_lazy("Satisfaction"), "number", _own("satisfaction")),
    Column("escalation_level", gettext_lazy("Escalation"), "number", _own("escalation_level")),
    Column("snoozed_until", gettext_lazy("Snoozed until"), "moment", _own("snoozed_until")),
    Column("resolved_at", gettext_lazy("Resolved"), "moment", _own("resolved_at")),
    Column("inbound_count", gettext_lazy("Messages"), "number", _own("inbound_count")),
    Column("outbound_count", gettext_lazy("Answers"), "number", _own("outbound_count")),
    Column("reopen_count", gettext_lazy("Reopened"), "number", _own("reopen_count")),
    Column("language", gettext_lazy("Language"), "text", _own("language")),
    Column(
        "tier",
        gettext_lazy("Tier"),
        "text",
        _of_account(lambda one: str(one.get_tier_display())),
        ("account",),
        permission="customers.view",
    ),
    Column(
        "band",
        gettext_lazy("Health"),
        "text",
        _of_account(lambda one: str(one.get_health_band_display())),
        ("account",),
        permission="health.view",
    ),
    Column(
        "arr",
        gettext_lazy("ARR"),
        "money",
        _of_account(lambda one: float(one.arr)),
        ("account",),
        permission="customers.view",
    ),
    Column(
        "csm",
        gettext_lazy("CSM"),
        "person",
        _of_account(lambda one: "" if one.csm is None else str(one.csm)),
        ("account__csm",),
        permission="customers.view",
    ),
)
_BY_KEY = {column.key: column for column in _BUILT_IN}


def tags_of(ticket: Ticket) -> list[str]:
    """Return the tags as they are prefetched."""
    return sorted(row.tag.name for row in ticket.ticket_tags.all())


def all_columns() -> list[Column]:
    """Return every column in the order in which they are offered, the custom fields last. One query."""
    return [*_BUILT_IN, *(_custom(field) for field in CustomField.objects.filter(is_active=True))]


def columns_by_key(keys: Sequence[str]) -> list[Column]:
    """Return the columns with these keys in this order; those that are gone are left out. One query for custom ones."""
    own = [key.removeprefix("field:") for key in keys if key.startswith("field:")]
    fields = CustomField.objects.filter(key__in=own, is_active=True) if own else []
    known = _BY_KEY | {f"field:{field.key}": _custom(field) for field in fields}
    return [known[key] for key in keys if key in known]


def permitted_columns(columns: Sequence[Column], viewer: Viewer) -> list[Column]:
    """Return the columns that a viewer may read."""
    return [column for column in columns if not column.permission or viewer.can(column.permission)]


def check_columns(keys: Sequence[str], viewer: Viewer) -> list[str]:
    """Return the keys without repetition; raises ValidationError for unknown, too many and unreadable ones."""
    wanted = list(dict.fromkeys(map(str, keys)))
    known = columns_by_key(wanted)
    unknown = set(wanted) - {column.key for column in known}
    if unknown:
        raise ValidationError({"columns": _("There is no column “%s”.") % min(unknown)})
    for column in known:
        if column.permission and not viewer.can(column.permission):
            raise ValidationError(
                {
                    "columns": _("The column “%(column)s” needs the permission “%(permission)s”.")
                    % {"column": column.key, "permission": column.permission}
                }
            )
    if len(wanted) > MOST_COLUMNS:
        raise ValidationError({"columns": _("A table has at most %d columns.") % MOST_COLUMNS})
    return wanted


def load_columns(tickets: QuerySet[Ticket], columns: Collection[Column]) -> QuerySet[Ticket]:
    """Load what the columns read, in constant queries."""
    joins = sorted({join for column in columns for join in column.joins})
    prefetch = sorted({name for column in columns for name in column.prefetch})
    tickets = tickets.select_related(*joins) if joins else tickets
    return tickets.prefetch_related(*prefetch) if prefetch else tickets


def _custom(field: CustomField) -> Column:
    def read(ticket: Ticket) -> Value:
        values = [_value(row) for row in ticket.field_values.all() if row.field_id == field.pk]
        return values[0] if len(values) == 1 else ", ".join(sorted(map(str, values)))

    kinds = CustomField.Kind
    kind = {kinds.NUMBER: "number", kinds.DATE: "date", kinds.BOOL: "bool"}.get(kinds(field.kind), "text")
    return Column(f"field:{field.key}", field.label, kind, read, (), ("field_values",))


def _value(row: FieldValue) -> Value:
    if row.number is not None:
        number = float(row.number)
        return int(number) if number.is_integer() else number
    if row.date is not None:
        return row.date
    return row.text if row.boolean is None else row.boolean
