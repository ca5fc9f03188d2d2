"""The tags that are suggested for a ticket and wait for a word. For pages and REST."""

from tickets.models import TagSuggestion, Ticket

SHOWN = 5


def open_suggestions(ticket: Ticket) -> list[TagSuggestion]:
    """Return the likeliest open suggestions whose tags are in use, five at most: one query."""
    rows = TagSuggestion.objects.filter(ticket=ticket, state=TagSuggestion.State.OPEN, tag__is_active=True)
    return list(rows.select_related("tag").order_by("-probability", "pk")[:SHOWN])
