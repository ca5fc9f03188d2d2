"""Tickets on the search page."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.search.sections import SearchSection
from people.viewer import Viewer
from tickets.pages.search import section_context
from tickets.search_operators import OPERATORS


class TicketSection(SearchSection):
    """Tickets with what was found in them, by category of status."""

    key = "tickets"
    label = gettext_lazy("Tickets")
    template = "tickets/_search.html"
    permission = "tickets.view"
    order = 10

    def context(self, viewer: Viewer, params: Mapping[str, str]) -> dict[str, Any]:
        """Search."""
        return section_context(viewer, params)

    def help(self) -> list[tuple[str, str]]:
        """Explain the language."""
        language = [
            ("late refund", _("both words, in any form of case or accent")),
            ('"credit note"', _("these words next to each other")),
            ("refund -draft", _("the first, without the second")),
            ("invo*", _("every word that starts like this")),
        ]
        operators = [(f"{name}:{one.example}", str(one.label)) for name, one in OPERATORS.items()]
        return [*language, *operators]
