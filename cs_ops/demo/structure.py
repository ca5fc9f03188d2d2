"""How a few tickets of the demo hang together: a merge, a parent with children, people in copy, followers."""

from collections import defaultdict

from customers.models import Contact
from people.models import User
from people.viewer import Viewer
from tickets.models import Status, Ticket
from tickets.services.copy_contacts import add_cc
from tickets.services.count_open_tickets import count_open_tickets
from tickets.services.follow_ticket import follow_ticket
from tickets.services.link_tickets import link_tickets
from tickets.services.merge_tickets import merge_tickets

OURS = (Status.Category.OPEN, Status.Category.WAITING, Status.Category.ON_HOLD)


def add_structure() -> None:
    """Tie together open tickets of the customers that have several, with the services that agents use."""
    lead = User.objects.filter(role="lead", is_active=True).order_by("pk").first()
    if lead is None:
        return
    by = lead.as_viewer("command")
    groups = sorted(_open_by_account().values(), key=lambda group: (-len(group), group[0].pk))
    if groups:
        _tie(groups[0], by)
    for group in groups[1:4]:
        link_tickets(ticket=group[0], other=group[-1], role="related", by=by)
        follow_ticket(ticket=group[0], by=by)
    for group in groups[:4]:
        _copy_colleague(group[0], by)


def _open_by_account() -> dict[int, list[Ticket]]:
    """Open tickets by account, of accounts with at least two; newest first."""
    found: dict[int, list[Ticket]] = defaultdict(list)
    tickets = Ticket.objects.filter(status_category__in=OURS, account__isnull=False, team__is_private=False)
    for ticket in tickets.select_related("contact").order_by("-created_at", "-pk"):
        found[ticket.account_id or 0].append(ticket)
    return {account: group for account, group in found.items() if len(group) > 1}


def _tie(group: list[Ticket], by: Viewer) -> None:
    """The newest ticket of the customer takes in the next one and is the parent of the others."""
    parent, duplicate, *children = group
    merge_tickets(ticket=duplicate, into=parent, by=by)
    # Nobody reacts to what happens while the world is being made.
    count_open_tickets(account_ids={ticket.account_id for ticket in group if ticket.account_id})
    for child in children[:3]:
        link_tickets(ticket=parent, other=child, role="child", by=by)
    follow_ticket(ticket=parent, by=by)


def _copy_colleague(ticket: Ticket, by: Viewer) -> None:
    """Somebody else of the customer is in copy."""
    people = Contact.objects.filter(account=ticket.account_id, merged_into=None, left_at=None)
    colleague = people.exclude(pk=ticket.contact_id).order_by("pk").first()
    if colleague is not None and colleague.email:
        add_cc(ticket=ticket, contact=colleague, by=by)
