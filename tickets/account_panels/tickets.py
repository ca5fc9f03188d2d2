"""The account's tickets on a tab of their own, and a new one from the header."""

from django.db.models import F
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from customers.models import Account, ContactIdentity
from customers.registry import AccountPanel
from people.viewer import Viewer
from tickets.list_rows import row_of
from tickets.models import Status
from tickets.selectors import tickets_of_account

SHOWN = 100


class TicketsTab(AccountPanel):
    """Tickets of the account that the viewer may see, open ones first."""

    key = "tickets"
    label = _("Tickets")
    place = "tab"
    order = 10
    permission = "tickets.view"

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return open tickets and the newest of the others, in a fixed number of queries."""
        tickets = tickets_of_account(viewer, account.pk)
        is_open = tickets.filter(status_category__in=Status.ACTIVE)
        rest = tickets.exclude(status_category__in=Status.ACTIVE)
        closed = list(rest[: SHOWN + 1])
        return {
            "open_rows": [(ticket, row_of(ticket)) for ticket in is_open[:SHOWN]],
            "closed_rows": [(ticket, row_of(ticket)) for ticket in closed[:SHOWN]],
            "has_more": len(closed) > SHOWN,
            "shown": SHOWN,
        }


class NewTicketAction(AccountPanel):
    """A ticket on behalf of the customer; the person last seen is filled in."""

    key = "new-ticket"
    label = _("New ticket")
    place = "action"
    order = 10
    permission = "tickets.create"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the address of the form."""
        address = (
            ContactIdentity.objects.filter(
                kind="email", contact__account=account, contact__left_at=None, contact__merged_into=None
            )
            .order_by(F("contact__last_seen_at").desc(nulls_last=True), "pk")
            .values_list("value", flat=True)
            .first()
        )
        url = reverse("ticket-new")
        return {"url": f"{url}?{urlencode({'contact': address})}" if address else url}
