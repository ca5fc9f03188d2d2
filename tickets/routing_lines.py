"""Lines of a conversation about routing: icons, and where the ticket went in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from tickets.ticket_facts import KIND_OPEN, SUGGESTED

ROUTING_ICONS = {
    "tickets.routed": "route",
    "tickets.routing_corrected": "route",
    "tickets.routing_confirmed": "check",
    "tickets.topic_seen": "route",
    "tickets.topic_dismissed": "route",
}


def words_of_routing(
    verb: str, detail: Mapping[str, Any], categories: Mapping[int, str], teams: Mapping[int, str]
) -> str | None:
    """Return the end of a line about routing, None for other lines."""
    if verb in {"tickets.topic_seen", "tickets.topic_dismissed"}:
        return categories.get(detail.get("category") or 0, "")
    if verb not in {"tickets.routed", "tickets.routing_corrected"}:
        return None
    if detail.get("because") == SUGGESTED:
        return pgettext("routed the ticket", "to triage, with a suggestion")
    if detail.get("abstained"):
        return pgettext("routed the ticket", "to triage, the classifier was unsure")
    chosen = (categories.get(detail.get("category") or 0), teams.get(detail.get("team") or 0))
    place = " · ".join(name for name in chosen if name)
    if detail.get("because") == KIND_OPEN:
        return pgettext("routed the ticket", "to %s, which kind is open") % place
    return pgettext("routed the ticket", "to %s") % place
