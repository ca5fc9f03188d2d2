"""Who is on the ticket: people in copy, others on the customer's mails, colleagues who follow it."""

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.answer_cc import is_outsider
from tickets.models import CarbonCopy, Follower, Ticket
from tickets.recipients import participants_of, recipients_of_answer
from tickets.registry import TicketPanel


class PeoplePanel(TicketPanel):
    """Copies and followers."""

    key = "people"
    label = gettext_lazy("On this ticket")
    icon = "users"
    order = 35
    permission = "tickets.view"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the copies with whether the next answer reaches them, the participants without a copy, the followers."""
        answer = recipients_of_answer(ticket)
        reached = {one.address.lower(): one for one in (*answer.to, *answer.cc)}
        copies = (
            CarbonCopy.objects.filter(ticket=ticket, removed_at=None)
            .select_related("contact")
            .prefetch_related("contact__identities")
            .order_by("pk")
        )
        kept = [(copy, copy.contact.email.lower()) for copy in copies]
        shown = {address for _copy, address in kept} | {ticket.contact.email.lower()}
        others = [one for one in participants_of(ticket) if one.address.lower() not in shown]
        followers = Follower.objects.filter(ticket=ticket).select_related("user").order_by("pk")
        return {
            "copies": [
                (copy, address in reached and is_outsider(reached[address], ticket)) for copy, address in kept
            ],
            "others": [(one, one.address.lower() in reached) for one in others],
            "followers": [one.user for one in followers],
            "may_copy": viewer.can("tickets.reply") and ticket.merged_into_id is None,
        }
