"""Keep the columns of accounts that tickets fill: open tickets and the last touch."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from core.models import Event
from customers.events import TOUCH_LOGGED
from customers.models import Account, Meeting
from tickets.models import Message, Status, Ticket


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


@transaction.atomic
def take_touches_back(*, undone: Mapping[int, Collection[datetime]]) -> None:
    """Forget answers that were taken back: ``undone`` holds, per account id, the moments at which they were written.

    An account whose last touch is one of them gets the latest touch that remains (a message of a person, an answer, a
    logged touch), or none; others stay as they are.
    """
    for account_id, moments in sorted(undone.items()):
        account = (
            Account.objects.select_for_update().only("pk", "last_touch_at").filter(pk=account_id).first()
        )
        if account is not None and account.last_touch_at in moments:
            account.last_touch_at = _latest_touch(account_id)
            account.save(update_fields=["last_touch_at"])


def _latest_touch(account_id: int) -> datetime | None:
    said = Message.objects.filter(ticket__account_id=account_id, is_automatic=False)
    logged = Event.objects.filter(account_id=account_id, verb=TOUCH_LOGGED.verb)
    held = Meeting.objects.filter(account_id=account_id, starts_at__lte=timezone.now())
    latest = (
        said.exclude(kind=Message.Kind.NOTE).aggregate(at=Max("created_at"))["at"],
        logged.aggregate(at=Max("occurred_at"))["at"],
        held.aggregate(at=Max("starts_at"))["at"],
    )
    return max((at for at in latest if at is not None), default=None)
