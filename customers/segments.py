"""Reads of segments: the language of conditions over the fields of accounts, previews, and why an account is in or out.

The language is that of tickets (``core.conditions``, ADR 0011 and 0043); the fields come from the registry ``segment_fields``, so
that health and tickets add theirs. "me" in a condition is the owner of the segment, so that it means the same for everybody.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from core.conditions import language
from core.conditions.kinds import Asked, ChoiceField, ConditionField, read_column
from core.conditions.language import Condition, clauses
from customers.models import Account, Segment
from customers.registry import SegmentFields, segment_fields
from people.viewer import Viewer

SAMPLE = 8
# Fields that ask about former customers: a condition without them is about present ones.
FORMER = frozenset({"stage", "churned_on"})


def _parts() -> list[SegmentFields]:
    return sorted(segment_fields, key=lambda part: (part.order, part.key))


def all_fields() -> list[ConditionField]:
    """Return every field in the order of menus."""
    return [field for part in _parts() for field in part.fields()]


class AccountFields:
    """The fields of accounts by key."""

    def __init__(self) -> None:
        self._found = {field.key: field for field in all_fields()}

    def get(self, key: str) -> ConditionField | None:
        """Return the field with this key, None when there is none (any more)."""
        return self._found.get(key)


def needed_permissions() -> dict[str, str]:
    """Return by field what a person must have to ask about it."""
    return {field.key: part.permission for part in _parts() for field in part.fields()}


def check_definition(definition: object, by: Viewer | None = None) -> dict[str, Any]:
    """Return a condition on accounts in its plain form; raises ValidationError saying which clause is wrong and why."""
    checked = language.check(definition, AccountFields())
    if by is not None:
        language.check_permitted(checked, by, needed_permissions())
    return checked


def in_words(definition: Condition) -> str:
    """Return a condition on accounts as a sentence part."""
    return language.in_words(definition, AccountFields(), _("every customer"))


def readable(viewer: Viewer) -> list[Segment]:
    """Return the segments a viewer may see, by name, but those that ask about what the viewer may not read. One query."""
    found = list(Segment.objects.visible_to(viewer).select_related("owner"))
    needed = needed_permissions() if found else {}
    return [one for one in found if language.is_permitted(one.definition, viewer, needed)]


def readable_segment(viewer: Viewer, pk: int) -> Segment | None:
    """Return a segment that a viewer may see, None when there is none."""
    found = Segment.objects.visible_to(viewer).select_related("owner").filter(pk=pk).first()
    if found is None or not language.is_permitted(found.definition, viewer, needed_permissions()):
        return None
    return found


def condition_q(
    definition: Condition,
    *,
    owner_id: int | None,
    now: datetime | None = None,
    among: Collection[int] | None = None,
) -> Q:
    """Return a condition on accounts for the database: churned accounts are out unless it asks about stage or churn."""
    asked = Asked(owner_id, now or timezone.now(), among)
    # A merged account is behind the one that took it over.
    found = language.as_q(definition, AccountFields(), asked) & Q(merged_into=None)
    if any(clause["field"] in FORMER for clause in clauses(definition)):
        return found
    return found & ~Q(lifecycle=Account.Lifecycle.CHURNED)


def matching(
    definition: Condition,
    *,
    owner_id: int | None,
    now: datetime | None = None,
    among: Collection[int] | None = None,
) -> QuerySet[Account]:
    """Return the accounts that meet a condition; one query whatever the condition is made of."""
    standing = Account.objects.filter(merged_into=None)
    accounts = standing.filter(condition_q(definition, owner_id=owner_id, now=now, among=among))
    return accounts if among is None else accounts.filter(pk__in=among)


@dataclass(frozen=True)
class Preview:
    """How many accounts a condition holds for, and some of them: those with the most ARR."""

    count: int
    total: int
    sample: tuple[Account, ...]


def preview(definition: Condition, viewer: Viewer) -> Preview:
    """Try a condition out among the accounts a viewer may see. Three queries."""
    accounts = Account.objects.visible_to(viewer)
    found = accounts.filter(condition_q(definition, owner_id=viewer.user_id))
    return Preview(
        count=found.count(),
        total=accounts.exclude(lifecycle=Account.Lifecycle.CHURNED).count(),
        sample=tuple(found.select_related("csm").order_by("-arr", "pk")[:SAMPLE]),
    )


@dataclass(frozen=True)
class Reason:
    """One part of a condition at one account: what it asks, whether it holds, what is there; groups have ``parts``."""

    words: str
    holds: bool
    present: str = ""
    match: str = ""
    parts: tuple["Reason", ...] = ()


def explain(
    definition: Condition, account: Account, *, owner_id: int | None, now: datetime | None = None
) -> Reason:
    """Return why an account is in or out: every clause with its answer and the value. One query for the answers, and at most two
    for the value of each clause that is no column."""
    asked = Asked(owner_id, now or timezone.now(), (account.pk,))
    known = AccountFields()
    found = list(clauses(definition))
    answers = _answers(found, known, account, asked)
    whole = _reason(definition, known, account, asked, iter(answers))
    if any(clause["field"] in FORMER for clause in found):
        return whole
    is_customer = account.lifecycle != Account.Lifecycle.CHURNED
    customer = Reason(_("is a customer"), is_customer, account.get_lifecycle_display())
    parts = (
        customer,
        *(whole.parts if whole.match == "all" else (whole,) if whole.words or whole.parts else ()),
    )
    return Reason(whole.words, is_customer and whole.holds, match="all", parts=parts)


def _answers(
    found: Sequence[Mapping[str, Any]], known: AccountFields, account: Account, asked: Asked
) -> list[bool]:
    if not found:
        return []
    asks = {
        f"clause_{number}": Case(
            When(language.as_q(clause, known, asked), then=Value(True)),
            default=Value(False),
            output_field=BooleanField(),
        )
        for number, clause in enumerate(found)
    }
    row = Account.objects.filter(pk=account.pk).annotate(**asks).values(*asks).get()
    return [bool(row[name]) for name in asks]


def _reason(
    condition: Condition, known: AccountFields, account: Account, asked: Asked, answers: Iterator[bool]
) -> Reason:
    if not condition:
        return Reason("", True, match="all")
    if "of" in condition:
        parts = tuple(_reason(part, known, account, asked, answers) for part in condition["of"])
        held = [part.holds for part in parts]
        match = condition["match"]
        holds = not held or (all(held) if match == "all" else any(held) is (match == "any"))
        return Reason("", holds, match=match, parts=parts)
    holds = next(answers)
    field = known.get(condition["field"])
    if field is None:
        return Reason(_("a field that is gone"), False)
    operator, value = condition["is"], condition["value"]
    return Reason(field.words(operator, value), holds, _present(field, account, operator, value, asked))


def _present(field: ConditionField, account: Account, operator: str, value: Any, asked: Asked) -> str:
    told = getattr(field, "present", None)
    if told is not None:
        return str(told(account, operator, value, asked))
    raw = read_column(account, getattr(field, "column", "pk"))
    if raw is None or raw == "":
        return _("not set")
    if isinstance(field, ChoiceField):
        return field.names([str(raw)]).get(str(raw), str(raw))
    if isinstance(raw, datetime):
        return timezone.localtime(raw).strftime("%Y-%m-%d %H:%M")
    return f"{raw:,.2f}".rstrip("0").rstrip(".") if isinstance(raw, float) else str(raw)
