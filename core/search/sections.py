"""Parts of the search page that the apps fill with more than links, from their ``search_sections.py``.

An app above adds a section::

    class TicketSection(SearchSection):
        key = "tickets"
        label = _("Tickets")
        template = "tickets/_search.html"
        permission = "tickets.view"

        def context(self, viewer, params): ...
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from core.registry import Label, Part, Registry


class SearchSection(Part):
    """Results of one kind. It takes the place of the palette source with the same key on the search page."""

    label: ClassVar[Label] = ""
    template: ClassVar[str] = ""
    permission: ClassVar[str] = ""
    order: ClassVar[int] = 100

    def context(self, viewer: Any, params: Mapping[str, str]) -> dict[str, Any]:
        """Return what the template shows for the query string; start from ``visible_to(viewer)``."""
        raise NotImplementedError

    def help(self) -> list[tuple[str, str]]:
        """Return (what can be typed, what it finds) for the search page."""
        return []


search_sections: Registry[SearchSection] = Registry(SearchSection, "search_sections")
