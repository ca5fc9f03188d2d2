"""Tables of tickets whose rows go along when an account is merged into another."""

from collections.abc import Collection

from django.utils.translation import gettext_lazy as _

from customers.registry import AccountRows
from tickets.models import Episode, Ticket
from tickets.services.count_open_tickets import count_open_tickets


class Tickets(AccountRows):
    """Tickets; the open ones of both accounts are counted again."""

    key = "tickets"
    label = _("Tickets")
    order = 60
    model = Ticket

    def after(self, row_ids: Collection[int], accounts: tuple[int, int]) -> None:
        """Count."""
        count_open_tickets(account_ids=accounts)


class Episodes(AccountRows):
    """Episodes of tickets, which the figures count."""

    key = "episodes"
    label = _("Episodes of tickets")
    order = 61
    model = Episode
