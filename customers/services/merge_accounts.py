"""Merge two accounts that are one customer, and take a merge back.

The source points at the target and keeps its row. What belongs to it moves, table by table (``AccountRows``), and every moved row
is written down; the columns that change are kept as they were. So taking back restores what was, and leaves with the target what
came to it since. Events are never rewritten: the timeline of the target is read over both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from customers.events import ACCOUNTS_MERGED, ACCOUNTS_UNMERGED
from customers.hierarchy import MOST_LEVELS, levels_below, line_above
from customers.models import Account, AccountMerge, AccountMergeMove
from customers.registry import account_rows_parts
from people.viewer import Viewer

UNDO_FOR = timedelta(days=30)
_CHUNK = 5000
# Of the source, what the merge empties, so that no sum counts it twice.
_EMPTIED = (
    "arr",
    "seats",
    "lifecycle",
    "parent_id",
    "value_at_risk",
    "health_band",
    "open_tickets",
    "next_step",
)


@dataclass(frozen=True)
class Moving:
    """What a merge will do with one table: rows that move, and rows that stay because the target has their like."""

    label: str | Promise
    moves: int
    stays: int


def preview_merge(*, source: Account, target: Account, by: Viewer) -> list[Moving]:
    """Return what would move, tables without rows left out; raises ValidationError naming ``target`` like the merge."""
    by.require("customers.edit")
    _check(source, target)
    found = []
    for part in account_rows_parts():
        every, moves = part.rows(source.pk).count(), part.movable(source.pk, target.pk).count()
        if every:
            found.append(Moving(part.label, moves, every - moves))
    return found


@transaction.atomic
def merge_accounts(*, source: Account, target: Account, by: Viewer) -> AccountMerge:
    """Let ``target`` take over ``source``; it can be taken back for 30 days. Raises ValidationError naming ``target``."""
    by.require("customers.edit")
    rows = _locked(source.pk, target.pk)
    if len(rows) != 2:
        raise ValidationError({"target": _("Choose another customer.")})
    source, target = rows[source.pk], rows[target.pk]
    _check(source, target)
    now = timezone.now()
    merge = AccountMerge.objects.create(
        source=source,
        target=target,
        merged_at=now,
        undo_until=now + UNDO_FOR,
        before={"source": _columns(source, _EMPTIED), "target": _sums(source, target)},
    )
    _join_columns(source, target)
    for part in account_rows_parts():
        moved = list(part.movable(source.pk, target.pk).order_by("pk").values_list("pk", flat=True))
        for ids in _chunks(moved):
            part.move(ids, source.pk, target.pk)
            AccountMergeMove.objects.create(merge=merge, table=part.key, row_ids=ids)
            part.after(ids, (source.pk, target.pk))
    ACCOUNTS_MERGED.record(
        by=by,
        subject_id=target.pk,
        account_id=target.pk,
        detail={"source": source.pk, "target": target.pk, "text": source.name},
    )
    return merge


@transaction.atomic
def unmerge_accounts(*, merge: AccountMerge, by: Viewer) -> Account:
    """Take a merge back: what moved with it returns, what came to the target since stays there. Raises ValidationError."""
    by.require("customers.edit")
    merge = AccountMerge.objects.select_for_update().get(pk=merge.pk)
    rows = _locked(merge.source_id, merge.target_id)
    source, target = rows[merge.source_id], rows[merge.target_id]
    if merge.undone_at is not None:
        raise ValidationError(_("This merge was taken back before."))
    if timezone.now() > merge.undo_until:
        raise ValidationError(_("A merge can be taken back for %d days only.") % UNDO_FOR.days)
    if target.merged_into_id is not None:
        raise ValidationError(_("%s was merged itself since: take that back first.") % target.name)
    _part_columns(source, target, merge.before)
    for move in merge.moves.order_by("-pk"):
        part = next(one for one in account_rows_parts() if one.key == move.table)
        part.move(move.row_ids, target.pk, source.pk)
        part.after(move.row_ids, (source.pk, target.pk))
    merge.undone_at = timezone.now()
    merge.save(update_fields=["undone_at"])
    ACCOUNTS_UNMERGED.record(
        by=by,
        subject_id=source.pk,
        account_id=target.pk,
        detail={"source": source.pk, "target": target.pk, "text": source.name},
    )
    source.refresh_from_db()
    return source


def _locked(*ids: int) -> dict[int, Account]:
    return {row.pk: row for row in Account.objects.select_for_update().filter(pk__in=ids).order_by("pk")}


def _check(source: Account, target: Account) -> None:
    if source.pk == target.pk:
        raise ValidationError({"target": _("Choose another customer.")})
    if source.merged_into_id is not None or target.merged_into_id is not None:
        raise ValidationError({"target": _("One of the two was merged before.")})
    if source.arr and target.arr and source.currency != target.currency:
        raise ValidationError(
            {"target": _("The two are billed in different currencies: their ARR cannot be added.")}
        )
    above = line_above(target.pk)
    if source.pk in above:
        raise ValidationError(
            {"target": _("%s belongs to this customer: merge it the other way.") % target.name}
        )
    if len(above) + levels_below(source.pk) > MOST_LEVELS:
        raise ValidationError(
            {"target": _("Companies can be nested %d levels deep, not deeper.") % MOST_LEVELS}
        )


def _columns(account: Account, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _plain(getattr(account, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _sums(source: Account, target: Account) -> dict[str, Any]:
    """What the target had, and has with the source, in the columns that the merge joins."""
    joined = {
        "customer_since": _first(target.customer_since, source.customer_since),
        "last_touch_at": _last(target.last_touch_at, source.last_touch_at),
        "currency": target.currency if target.arr else source.currency,
    }
    return {name: [_plain(getattr(target, name)), _plain(value)] for name, value in joined.items()}


def _first(one: date | None, other: date | None) -> date | None:
    return min(filter(None, (one, other)), default=None)


def _last(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def _join_columns(source: Account, target: Account) -> None:
    target.currency = target.currency if target.arr else source.currency
    target.customer_since = _first(target.customer_since, source.customer_since)
    target.last_touch_at = _last(target.last_touch_at, source.last_touch_at)
    target.arr += source.arr
    target.seats += source.seats
    target.save(update_fields=["currency", "customer_since", "last_touch_at", "arr", "seats"])
    # Stands for nothing any more: not scored, not counted, in no list.
    source.arr, source.seats, source.open_tickets = Decimal(0), 0, 0
    source.lifecycle, source.health_band = Account.Lifecycle.CHURNED, Account.Band.UNKNOWN
    source.value_at_risk, source.parent_id, source.next_step = None, None, ""
    source.merged_into = target
    source.save(update_fields=[*(name.removesuffix("_id") for name in _EMPTIED), "merged_into"])


def _part_columns(source: Account, target: Account, before: dict[str, Any]) -> None:
    """Give each its columns back; of the target only those that nobody has changed since."""
    kept = before["source"]
    target.arr -= Decimal(kept["arr"])
    target.seats = max(0, target.seats - int(kept["seats"]))
    for name, (old, joined) in before["target"].items():
        if _plain(getattr(target, name)) == joined:
            setattr(target, name, _stored(name, old))
    target.save(update_fields=["arr", "seats", *before["target"]])
    for name, value in kept.items():
        setattr(source, name, _stored(name, value))
    if source.parent_id is not None and source.pk in line_above(source.parent_id):
        source.parent_id = None
    source.merged_into = None
    source.save(update_fields=[*(name.removesuffix("_id") for name in _EMPTIED), "merged_into"])


def _stored(name: str, value: Any) -> Any:
    """A column as ``_plain`` wrote it, back as the row holds it."""
    field: Any = Account._meta.get_field(name.removesuffix("_id"))
    return value if name.endswith("_id") else field.to_python(value)


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
