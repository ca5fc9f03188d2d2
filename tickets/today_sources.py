"""Tickets that bring accounts into the Today queue: bad moods and broken promises."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.models import Account
from customers.registry import TodaySignal, TodaySource
from people.viewer import Viewer
from tickets.models import Status, Ticket

MINUTES = 15
RECENT = timedelta(days=7)
MOST_TOLD = 3


class TroubledTickets(TodaySource):
    """Open tickets in a negative mood with news of the last week, and those with a broken promise."""

    key = "troubled_tickets"
    order = 10
    permission = "tickets.view"

    def concerns(self, viewer: Viewer, now: datetime) -> Q:
        """Return accounts with such a ticket."""
        return Q(pk__in=_troubled(viewer, now).values("account"))

    def signals(
        self, viewer: Viewer, accounts: Collection[Account], now: datetime
    ) -> Mapping[int, Sequence[TodaySignal]]:
        """Return the newest such tickets of each account; one query."""
        tickets = _troubled(viewer, now).filter(account__in=[one.pk for one in accounts])
        found: dict[int, list[TodaySignal]] = {}
        for ticket in tickets.order_by("-last_message_at", "-pk"):
            told = found.setdefault(ticket.account_id or 0, [])
            if len(told) < MOST_TOLD:
                broken = ticket.promise_due_at is not None and ticket.promise_due_at < now
                text = (
                    _("A promise is broken on #%(number)s: %(subject)s")
                    if broken
                    else _("Negative mood on #%(number)s: %(subject)s")
                )
                words = text % {"number": ticket.number, "subject": ticket.subject[:80]}
                kind = "promise" if broken else "ticket"
                told.append(TodaySignal(kind, words, reverse("inbox-ticket", args=[ticket.pk]), MINUTES))
        return found


def _troubled(viewer: Viewer, now: datetime) -> QuerySet[Ticket]:
    angry = Q(sentiment_label="negative", last_message_at__gt=now - RECENT)
    broken = Q(promise_due_at__lt=now)
    tickets = Ticket.objects.visible_to(viewer).filter(angry | broken, merged_into=None)
    return tickets.filter(status_category__in=Status.ACTIVE, account__isnull=False)
