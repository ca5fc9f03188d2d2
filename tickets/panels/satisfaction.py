"""What the customer said after the solution."""

from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Ticket
from tickets.registry import TicketPanel
from tickets.satisfaction import SCALE
from tickets.selectors_satisfaction import surveys_of


class SatisfactionPanel(TicketPanel):
    """The face, the comment, or where the question stands; for tickets that were solved at least once."""

    key = "satisfaction"
    label = gettext_lazy("Satisfaction")
    icon = "mood-smile"
    order = 45
    permission = "tickets.view"

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """Only where somebody can have been asked."""
        return super().visible_to(viewer, ticket) and bool(
            ticket.resolved_at or ticket.reopen_count or ticket.satisfaction
        )

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the surveys, newest first, each with its face."""
        faces = {score: (word, icon) for score, word, icon, _face in SCALE}
        return {
            "surveys": [
                (survey, *faces.get(survey.score or 0, ("", ""))) for survey in surveys_of(viewer, ticket.pk)
            ]
        }
