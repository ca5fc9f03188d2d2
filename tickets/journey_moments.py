"""How customers fared with support in each stage of their life: tickets opened, moods, satisfaction."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from customers.models import Account, StageStay
from customers.registry import JourneyMoments, Moment
from people.viewer import Viewer
from tickets.models import Ticket


class TicketMoments(JourneyMoments):
    """Tickets count for the stage in which their account was when they were opened."""

    key = "tickets"
    order = 10
    permission = "tickets.view"

    def moments(self, viewer: Viewer, accounts: QuerySet[Account], since: datetime) -> Sequence[Moment]:
        """Return tickets, share in a negative mood and share satisfied (4 or 5 of 5), by stage. One query."""
        then = StageStay.objects.filter(account=OuterRef("account"), entered_at__lte=OuterRef("created_at"))
        rows = (
            Ticket.objects.visible_to(viewer)
            .filter(account__in=accounts.values("pk"), created_at__gte=since, merged_into=None)
            .annotate(stage=Subquery(then.order_by("-entered_at", "-pk").values("stage")[:1]))
            .values("stage")
            .order_by()
            .annotate(
                number=Count("pk"),
                felt=Count("pk", filter=~Q(sentiment_label="")),
                negative=Count("pk", filter=Q(sentiment_label="negative")),
                rated=Count("satisfaction"),
                satisfied=Count("pk", filter=Q(satisfaction__gte=4)),
            )
        )
        told = []
        for row in rows:
            if row["stage"] is None:
                continue
            told.append(Moment(row["stage"], _("Tickets"), str(row["number"]), row["number"]))
            for label, part, whole in (
                (_("Negative mood"), row["negative"], row["felt"]),
                (_("CSAT"), row["satisfied"], row["rated"]),
            ):
                if whole:
                    told.append(Moment(row["stage"], label, f"{100 * part / whole:.0f} %", whole))
        return told
