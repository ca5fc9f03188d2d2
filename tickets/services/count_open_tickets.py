"""Keep the columns of accounts that tickets fill: open tickets and the last touch."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from customers.models import Account
from tickets.models import Status, Ticket


@transaction.atomic
def count_open_tickets(*, account_ids: Collection[int]) -> None:
    """Count the open tickets of these accounts again and write what differs."""
    rows = Ticket.objects.filter(account_id__in=account_ids, status_category__in=Status.ACTIVE)
    counted = dict(
        rows.values("account_id").annotate(n=Count("pk")).order_by().values_list("account_id", "n")
    )
    # In the order of their keys, as everybody who locks several accounts.
    for account in Account.objects.filter(pk__in=account_ids).only("pk", "open_tickets").order_by("pk"):
        number = counted.get(account.pk, 0)
        if account.open_tickets != number:
            Account.objects.filter(pk=account.pk).update(open_tickets=number)


@transaction.atomic
def note_touches(*, touched: Mapping[int, datetime]) -> None:
    """Move the last touch of accounts forward to these moments, never back."""
    for account_id, moment in sorted(touched.items()):
        older = Q(last_touch_at=None) | Q(last_touch_at__lt=moment)
        Account.objects.filter(older, pk=account_id).update(last_touch_at=moment)
