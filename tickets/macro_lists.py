"""Which canned replies and macros a person is offered, and in which order."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from people.viewer import Viewer
from tickets.channel_texts import answering_channel
from tickets.condition_fields import ConditionFields
from tickets.conditions import holds, is_permitted
from tickets.macro_variables import Rendered, render, values_for
from tickets.models import Macro, Ticket

MOST = 1_000


@dataclass(frozen=True)
class OfferedMacro:
    """A macro that is for a ticket, with its reply as it would be inserted."""

    macro: Macro
    reply: Rendered

    @property
    def is_canned(self) -> bool:
        """Whether it only inserts its text."""
        return self.macro.kind == Macro.Kind.CANNED


def macros_of(viewer: Viewer) -> QuerySet[Macro]:
    """Return the macros a viewer sees, in the order of the settings page."""
    rows = Macro.objects.visible_to(viewer).select_related("team", "owner")
    return rows.order_by("folder", "position", "name", "pk")


def macros_for(
    viewer: Viewer,
    ticket: Ticket,
    *,
    text: str = "",
    limit: int = 30,
    by_folder: bool = False,
    via: int | None = None,
) -> list[OfferedMacro]:
    """Return the active macros that are for a ticket and fit ``text``, the best first: two queries and one per custom field
    that a condition asks about.

    A shortcut that is the text comes first, then what begins with it, then what holds it; among equals the most used one. With
    ``by_folder`` and no text they stand in the order of their folders. ``via`` names the way that the answer is to
    take: what is not for its channel is left out, at most three queries more where any is for some channels only.
    """
    known, now = ConditionFields(), timezone.now()
    channel: str | None = None
    wanted = " ".join(text.lower().split())[:80]
    ranked = []
    for macro in Macro.objects.visible_to(viewer).filter(is_active=True)[:MOST]:
        rank = _rank(macro, wanted)
        if rank is None:
            continue
        if not is_permitted(macro.condition, viewer):
            continue
        if macro.channels:
            channel = answering_channel(ticket, via) if channel is None else channel
            if channel not in macro.channels:
                continue
        if macro.condition and not holds(macro.condition, ticket, me=viewer.user_id, now=now, fields=known):
            continue
        ranked.append(
            (rank, -macro.use_count if wanted else 0, macro.position, macro.folder, macro.name, macro)
        )
    ranked.sort(key=lambda one: one[:5])
    values = values_for(ticket, viewer) if ranked else {}
    return [OfferedMacro(one[5], render(one[5].reply, values)) for one in ranked[:limit]]


def _rank(macro: Macro, wanted: str) -> int | None:
    """How well a macro fits a text, 0 best; None when it does not."""
    if not wanted:
        return 0
    name, shortcut = macro.name.lower(), macro.shortcut.lower()
    if shortcut == wanted:
        return 0
    if name.startswith(wanted) or (shortcut and shortcut.startswith(wanted)):
        return 1
    if all(word in f"{name} {macro.folder.lower()} {shortcut}" for word in wanted.split()):
        return 2
    return 3 if len(wanted) > 2 and wanted in macro.reply.lower() else None
