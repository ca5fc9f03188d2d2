"""The fields of tickets that conditions can ask about: the built-in ones, and every custom field as ``field:<key>``.

What can be asked of a field follows its kind: ``core.conditions.kinds``, ``tickets.condition_kinds``.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy

from core.conditions.kinds import (
    ME,
    Asked,
    BoolField,
    ChoiceField,
    ConditionField,
    MomentField,
    NumberField,
    Options,
    RowOptions,
    TextField,
)
from customers.models import Account, Contact
from people.models import Team, User
from tickets.category_tree import with_kinds
from tickets.condition_kinds import OwnField, PeopleField, SaysField, TagField
from tickets.models import Category, CustomField, Follower, Inbox, Mention, Status, Ticket, TicketType
from tickets.registry import channel_parts


def _rows(model: Any, **filters: Any) -> RowOptions:
    return RowOptions(model, **filters)


class CategoryField(ChoiceField):
    """The category of a ticket; one that has kinds (Hardware > Laptop) stands for them, too."""

    def _wanted(self, value: Collection[str], asked: Asked) -> tuple[list[Any], bool]:
        wanted, with_empty = super()._wanted(value, asked)
        return sorted({pk for one in wanted for pk in with_kinds(one)}), with_empty


_people = RowOptions(User, special=((ME, gettext_lazy("me")),), is_active=True)


def _choices(choices: Any) -> Options:
    return lambda: [(str(value), str(label)) for value, label in choices]


def _channels() -> list[tuple[str, str]]:
    known = {"email", "phone", "chat", "web", "api"} | set(
        Inbox.objects.order_by().values_list("channel", flat=True).distinct()
    )
    return sorted((key, channel_parts(key)[1]) for key in known)


def _languages() -> list[tuple[str, str]]:
    return [
        (code, code)
        for code in ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "no", "fi", "tr", "ja")
    ]


_SENTIMENTS = [
    ("negative", gettext_lazy("negative")),
    ("neutral", gettext_lazy("neutral")),
    ("positive", gettext_lazy("positive")),
]

_BUILT_IN: tuple[ConditionField, ...] = (
    ChoiceField("status", gettext_lazy("status"), "status_id", _rows(Status)),
    ChoiceField(
        "status_category",
        gettext_lazy("kind of status"),
        "status_category",
        _choices(Status.Category.choices),
    ),
    ChoiceField("priority", gettext_lazy("priority"), "priority", _choices(Ticket.Priority.choices)),
    ChoiceField("type", gettext_lazy("type"), "type_id", _rows(TicketType, is_active=True), nullable=True),
    TagField("tags", gettext_lazy("tag")),
    ChoiceField("channel", gettext_lazy("channel"), "channel", _channels),
    ChoiceField("inbox", gettext_lazy("inbox"), "inbox_id", _rows(Inbox), nullable=True),
    CategoryField("category", gettext_lazy("category"), "category_id", _rows(Category), nullable=True),
    ChoiceField("team", gettext_lazy("team"), "team_id", _rows(Team), nullable=True),
    ChoiceField("assignee", gettext_lazy("assignee"), "assignee_id", _people, nullable=True),
    PeopleField("follower", gettext_lazy("follower"), _people, Follower, "ticket"),
    PeopleField("mentioned", gettext_lazy("mentioned in a note"), _people, Mention, "message__ticket"),
    ChoiceField("language", gettext_lazy("language"), "language", _languages, empty="", nullable=True),
    ChoiceField(
        "sentiment", gettext_lazy("mood"), "sentiment_label", _choices(_SENTIMENTS), empty="", nullable=True
    ),
    SaysField("says", gettext_lazy("customer says")),
    ChoiceField("routing_state", gettext_lazy("routing"), "routing_state", _choices(Ticket.Routing.choices)),
    ChoiceField("account", gettext_lazy("customer"), "account_id", _rows(Account), nullable=True),
    ChoiceField(
        "account_tier",
        gettext_lazy("customer tier"),
        "account__tier",
        _choices(Account.Tier.choices),
        nullable=True,
    ),
    ChoiceField(
        "account_band",
        gettext_lazy("health band"),
        "account__health_band",
        _choices(Account.Band.choices),
        nullable=True,
    ),
    ChoiceField("csm", gettext_lazy("customer's CSM"), "account__csm_id", _people, nullable=True),
    TextField("subject", gettext_lazy("subject"), "subject"),
    ChoiceField("contact_id", gettext_lazy("contact"), "contact_id", _rows(Contact)),
    TextField("contact", gettext_lazy("contact's name"), "contact__name"),
    NumberField("value_at_risk", gettext_lazy("value at risk"), "value_at_risk"),
    NumberField("arr", gettext_lazy("customer's ARR"), "account__arr"),
    NumberField("escalation_level", gettext_lazy("escalation level"), "escalation_level", whole=True),
    NumberField("inbound_count", gettext_lazy("messages of the customer"), "inbound_count", whole=True),
    NumberField("outbound_count", gettext_lazy("answers"), "outbound_count", whole=True),
    NumberField("reopen_count", gettext_lazy("times reopened"), "reopen_count", whole=True),
    NumberField("satisfaction", gettext_lazy("satisfaction"), "satisfaction", whole=True),
    MomentField("created_at", gettext_lazy("opened"), "created_at"),
    MomentField("last_message_at", gettext_lazy("last message"), "last_message_at"),
    MomentField("waiting_since", gettext_lazy("customer waiting since"), "waiting_since"),
    MomentField("next_due_at", gettext_lazy("next deadline"), "next_due_at"),
    MomentField("promise_due_at", gettext_lazy("our promise due"), "promise_due_at"),
    MomentField("updated_at", gettext_lazy("last change"), "updated_at"),
    MomentField("resolved_at", gettext_lazy("resolved"), "resolved_at"),
    MomentField("snoozed_until", gettext_lazy("snoozed until"), "snoozed_until"),
    BoolField("unread", gettext_lazy("unread"), Q(unread=True), lambda ticket: ticket.unread),
    BoolField(
        "breached",
        gettext_lazy("a promise is broken"),
        Q(first_response_breached_at__isnull=False)
        | Q(next_response_breached_at__isnull=False)
        | Q(resolution_breached_at__isnull=False),
        lambda ticket: (
            (
                ticket.first_response_breached_at
                or ticket.next_response_breached_at
                or ticket.resolution_breached_at
            )
            is not None
        ),
    ),
    BoolField(
        "merged",
        gettext_lazy("merged into another"),
        Q(merged_into__isnull=False),
        lambda ticket: ticket.merged_into_id is not None,
    ),
)
_BUILT_IN_BY_KEY = {field.key: field for field in _BUILT_IN}

# What a viewer must be allowed to read to ask about it: who can filter by revenue reads it bit by bit.
PERMISSIONS: Mapping[str, str] = {
    "account_tier": "customers.view",
    "account_band": "health.view",
    "csm": "customers.view",
    "value_at_risk": "health.view",
    "arr": "customers.view",
}


class ConditionFields:
    """The fields by key. A custom one is read when it is first asked for: one query each, none without them."""

    def __init__(self) -> None:
        self._found: dict[str, ConditionField | None] = dict(_BUILT_IN_BY_KEY)

    def get(self, key: str) -> ConditionField | None:
        """Return the field with this key, None when there is none (any more)."""
        if key not in self._found:
            own = CustomField.objects.filter(key=key.removeprefix("field:"), is_active=True)
            field = own.first() if key.startswith("field:") else None
            self._found[key] = None if field is None else OwnField(field)
        return self._found[key]


def all_fields() -> list[ConditionField]:
    """Return every field in the order of menus, the custom ones last. One query."""
    return [*_BUILT_IN, *(OwnField(field) for field in CustomField.objects.filter(is_active=True))]
