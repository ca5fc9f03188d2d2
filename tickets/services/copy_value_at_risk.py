"""Copy the value at risk from customers to their living tickets, so that lists order by a column of the row."""

from django.db import transaction
from django.db.models import F, FloatField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce

from customers.models import Account
from tickets.models import Ticket
from tickets.services.count_views import Rules, count_tickets

_AT_RISK = Coalesce(
    Cast(
        Subquery(Account.objects.filter(pk=OuterRef("account_id")).values("value_at_risk")[:1]), FloatField()
    ),
    0.0,
)


def copy_value_at_risk() -> int:
    """Write what differs in one UPDATE; returns how many tickets it was. Views that ask for the value are counted again."""
    ids = None
    with transaction.atomic():
        if "value_at_risk" in Rules.now().asked:
            ids = list(_different().values_list("pk", flat=True))
        written = _different().update(value_at_risk=_AT_RISK)
    if ids:
        count_tickets(ticket_ids=ids)
    return written


def _different() -> QuerySet[Ticket]:
    # every living ticket against its customer: a hash join, no row is written that is right already
    return Ticket.objects.active().alias(at_risk=_AT_RISK).exclude(value_at_risk=F("at_risk"))
