"""Beside a ticket: what the CSM has to do for this customer, and what the customer was written lately."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from success.models import CTA, Outreach
from tickets.models import Ticket
from tickets.registry import TicketPanel

RECENT = timedelta(days=30)


class OpenTasks(TicketPanel):
    """Open tasks and recent outreach of the account."""

    key = "open_tasks"
    label = _("Success")
    icon = "target"
    order = 40
    permission = "success.view"

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """Only tickets of an account have it."""
        return ticket.account_id is not None and super().visible_to(viewer, ticket)

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the open tasks, and the mails that left within 30 days, newest first."""
        since = timezone.now() - RECENT
        mails = Outreach.objects.visible_to(viewer).filter(
            account=ticket.account, state=Outreach.State.SENT, sent_at__gte=since
        )
        tasks = CTA.objects.visible_to(viewer).open().filter(account=ticket.account).select_related("owner")
        return {
            "tasks": list(tasks.order_by("due_on", "pk")),
            "mails": list(mails.select_related("contact").order_by("-sent_at")[:3]),
        }
