"""The words of a conversation's lines about merges, links, splits, moved messages and copies."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tickets import events

ICONS = {
    events.MERGED.verb: "arrow-merge",
    events.MERGE_RECEIVED.verb: "arrow-merge",
    events.UNMERGED.verb: "arrow-back-up",
    events.MERGE_RELEASED.verb: "arrow-back-up",
    events.SPLIT.verb: "arrows-split-2",
    events.MESSAGE_MOVED_AWAY.verb: "arrow-forward-up",
    events.MESSAGE_MOVED_HERE.verb: "arrow-forward-up",
    events.LINKED.verb: "link",
    events.UNLINKED.verb: "unlink",
    events.CC_ADDED.verb: "user-plus",
    events.CC_REMOVED.verb: "user-minus",
}
_TOWARDS = frozenset({events.MERGED.verb})
_AWAY = frozenset({events.MESSAGE_MOVED_AWAY.verb})
_PLAIN = frozenset({events.MERGE_RECEIVED.verb, events.MERGE_RELEASED.verb, events.SPLIT.verb})
_BACK = frozenset({events.UNMERGED.verb, events.MESSAGE_MOVED_HERE.verb})
_COPIES = frozenset({events.CC_ADDED.verb, events.CC_REMOVED.verb})
# A status change that is part of these is told by their own line.
SILENT_REASONS = frozenset({"merged", "unmerged"})
# Where a merge is told by the line of the ticket that took the other one in.
SILENT_IN_TARGET = frozenset({events.MERGED.verb, events.UNMERGED.verb})


def words_of(verb: str, detail: Mapping[str, Any], contacts: Mapping[int, str]) -> str | None:
    """Return what a line of this module is about, None for a line of another; "?" for what was erased."""
    if verb in _COPIES:
        return contacts.get(detail.get("contact") or 0, "?")
    number = f"#{detail.get('number', '?')}"
    if verb in _TOWARDS:
        return pgettext("merged the ticket", "into %s") % number
    if verb in _AWAY:
        return pgettext("moved a message", "to %s") % number
    if verb in _BACK:
        return pgettext("took back, or moved a message", "from %s") % number
    if verb in _PLAIN:
        return number
    if verb in {events.LINKED.verb, events.UNLINKED.verb}:
        return _link_words(str(detail.get("kind", "")), str(detail.get("role", ""))) % number
    return None


def _link_words(kind: str, role: str) -> str:
    """What the other ticket is; ``role`` is the end ("from" or "to") on which the line's own ticket stands."""
    if kind == "parent":
        return _("its child %s") if role == "from" else _("its parent %s")
    if kind == "duplicate":
        return _("as a duplicate of %s") if role == "from" else _("its duplicate %s")
    return _("related: %s")
