"""The extension points of tickets."""

from typing import ClassVar

from django.utils.functional import Promise

from core.registry import Part, Registry
from people.viewer import Viewer
from tickets.models import Ticket


class TicketPanel(Part):
    """A panel beside a ticket, contributed by any app in ``<app>/panels/<name>.py``.

    The page loads each panel from ``/inbox/<ticket>/panels/<key>/`` when it comes into view; so a panel may take a few
    queries, and one that fails or is slow takes nothing else down. ``order`` ascends, ``is_open`` is how it starts.
    """

    label: ClassVar[str | Promise] = ""
    icon: ClassVar[str] = ""
    order: ClassVar[int] = 100
    is_open: ClassVar[bool] = True
    permission: ClassVar[str] = ""

    def visible_to(self, viewer: Viewer, ticket: Ticket) -> bool:
        """Say whether the viewer gets the panel beside this ticket; must cost no query."""
        return not self.permission or viewer.can(self.permission)

    def template_name(self) -> str:
        """The template of the panel's content; it gets ``context`` as its variables, and ``ticket``."""
        return f"{type(self).__module__.partition('.')[0]}/_panels/{self.key}.html"

    def context(self, viewer: Viewer, ticket: Ticket) -> dict[str, object]:
        """Return the variables of the template, read through ``visible_to(viewer)``."""
        raise NotImplementedError


panels: Registry[TicketPanel] = Registry(TicketPanel, "panels")


def panels_for(viewer: Viewer, ticket: Ticket) -> list[TicketPanel]:
    """Return the panels that a viewer gets beside a ticket, in order."""
    shown = [panel for panel in panels if panel.visible_to(viewer, ticket)]
    return sorted(shown, key=lambda panel: (panel.order, panel.key))
