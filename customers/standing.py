"""Who stands for an account that was merged into another one."""

from collections.abc import Iterable

from customers.models import Account

_LONGEST_CHAIN = 20


def standing_ids(account_ids: Iterable[int]) -> dict[int, int]:
    """Return, by account id, the id of the account that stands for it now: mostly itself. One query, one more for each merge
    of a merged one."""
    standing = {pk: pk for pk in account_ids}
    for _step in range(_LONGEST_CHAIN):
        ends = set(standing.values())
        merged = Account.objects.filter(pk__in=ends).exclude(merged_into=None)
        moved = dict(merged.values_list("pk", "merged_into"))
        if not moved:
            break
        standing = {pk: moved.get(end, end) or end for pk, end in standing.items()}
    return standing
