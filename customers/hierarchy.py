"""Which companies belong to which: lines upwards, trees downwards, and the money in them.

A line has at most ``MOST_LEVELS`` accounts and never closes to a circle. ``lock_place`` proves that for a change, with every row
locked that another change would have to lock, too; the database itself refuses only an account above itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from customers.models import Account
from people.viewer import Viewer

MOST_LEVELS = 5
# Of a larger tree the first ones are drawn; the sums are over all of it.
MOST_DRAWN = 300


@dataclass(frozen=True)
class Money:
    """ARR in one currency: all of it, and that of accounts in the band at risk (None for who may not look at health)."""

    currency: str
    total: Decimal
    in_red: Decimal | None


@dataclass(frozen=True)
class Group:
    """An account and all below it: ``members`` as (levels below, account), each company followed by its own.

    ``accounts`` and ``money`` are over all members that have not churned, the largest currency first.
    """

    members: tuple[tuple[int, Account], ...]
    accounts: int
    money: tuple[Money, ...]


def line_above(account_id: int | None) -> list[int]:
    """Return the ids from this account upwards, itself first; a query for each. Empty for None."""
    line: list[int] = []
    while account_id is not None and account_id not in line:
        line.append(account_id)
        account_id = Account.objects.filter(pk=account_id).values_list("parent", flat=True).first()
    return line


def levels_below(account_id: int) -> int:
    """Return how many levels are below an account, 0 without any; a query for each."""
    levels, newest = 0, [account_id]
    while levels <= MOST_LEVELS:
        newest = list(Account.objects.filter(parent__in=newest).values_list("pk", flat=True))
        if not newest:
            break
        levels += 1
    return levels


def lock_place(*, account_id: int | None, parent_id: int) -> None:
    """Lock the account and the line above its new parent in the order of ids, and check that it may go there.

    Two changes that would close a circle only together share these rows, so the second sees the first. Raises
    ValidationError naming ``parent``.
    """
    line = line_above(parent_id)
    while True:
        wanted = {*line, *([account_id] if account_id is not None else [])}
        list(Account.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk"))
        now = line_above(parent_id)
        if now == line:
            break
        line = now
    if account_id is not None and account_id in line:
        raise ValidationError({"parent": _("This company is the account itself, or belongs to it.")})
    below = levels_below(account_id) if account_id is not None else 0
    if len(line) + 1 + below > MOST_LEVELS:
        raise ValidationError(
            {"parent": _("Companies can be nested %d levels deep, not deeper.") % MOST_LEVELS}
        )


def group_of(account: Account, viewer: Viewer) -> Group:
    """Return the visible tree from an account downwards, CSMs loaded; a query for each level."""
    every: dict[int, list[Account]] = {}
    newest: Collection[int] = [account.pk]
    for _level in range(MOST_LEVELS):
        below = Account.objects.visible_to(viewer).filter(parent__in=newest).select_related("csm")
        found = list(below.order_by("-arr", "name", "pk"))
        if not found:
            break
        for one in found:
            every.setdefault(one.parent_id or 0, []).append(one)
        newest = [one.pk for one in found]
    members = [(0, account)]
    place = 0
    while place < len(members):
        level, one = members[place]
        members[place + 1 : place + 1] = [(level + 1, child) for child in every.get(one.pk, ())]
        place += 1
    counted = [one for _level, one in members if one.lifecycle != Account.Lifecycle.CHURNED]
    return Group(tuple(members), len(counted), _money(counted, may_see_red=viewer.can("health.view")))


def _money(accounts: Collection[Account], *, may_see_red: bool) -> tuple[Money, ...]:
    totals: dict[str, list[Decimal]] = {}
    for one in accounts:
        sums = totals.setdefault(one.currency, [Decimal(0), Decimal(0)])
        sums[0] += one.arr
        sums[1] += one.arr if one.health_band == Account.Band.AT_RISK else 0
    rows = [Money(currency, total, red if may_see_red else None) for currency, (total, red) in totals.items()]
    return tuple(sorted(rows, key=lambda row: (-row.total, row.currency)))
