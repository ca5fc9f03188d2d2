"""The one table of keys. It feeds the key handler in the browser, the ``?`` dialog and the hints on buttons.

``action`` names an element: the handler presses the first visible ``[data-hotkey="<action>"]`` of the page, so every
key is also a visible control. The actions ``list-*``, ``help``, ``palette``, ``send`` and ``goto`` are built in.
Single letters are inactive while typing, and a person can switch them off.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``combo`` as pressed: "j", "Shift+E", "Mod+k" (Mod is Command on a Mac, Control elsewhere), "g i"."""

    combo: str
    action: str
    label: str | Promise
    group: str | Promise


_EVERYWHERE = _("Everywhere")
_LIST = _("In a list")
_TICKET = _("On a ticket")
_GOTO = _("Go to")
_AUDIT = _("In a blind audit")

KEYS: tuple[Key, ...] = (
    Key("/", "search", _("Search"), _EVERYWHERE),
    Key("Mod+k", "palette", _("Command palette"), _EVERYWHERE),
    Key("c", "create", _("Create"), _EVERYWHERE),
    Key("b", "notifications", _("Notifications"), _EVERYWHERE),
    Key("?", "help", _("This list of keys"), _EVERYWHERE),
    Key("j", "list-next", _("Next"), _LIST),
    Key("k", "list-previous", _("Previous"), _LIST),
    Key("Enter", "list-open", _("Open"), _LIST),
    Key("x", "list-select", _("Select"), _LIST),
    Key("f", "filter", _("Filter"), _LIST),
    Key("r", "reply", _("Reply"), _TICKET),
    Key("n", "note", _("Private note"), _TICKET),
    Key("a", "assign", _("Assign"), _TICKET),
    Key("s", "status", _("Status"), _TICKET),
    Key("p", "priority", _("Priority"), _TICKET),
    Key("l", "tags", _("Tags"), _TICKET),
    Key("Shift+L", "accept-tag", _("Add the first suggested tag"), _TICKET),
    Key("z", "snooze", _("Snooze"), _TICKET),
    Key("m", "macro", _("Macros and canned replies"), _TICKET),
    Key("!", "escalate", _("Escalate"), _TICKET),
    Key("w", "why", _("Why this deadline"), _TICKET),
    Key("e", "resolve", _("Resolve"), _TICKET),
    Key("Shift+E", "resolve-next", _("Resolve and open the next"), _TICKET),
    Key(".", "more", _("More: follow, merge, link"), _TICKET),
    Key("u", "undo", _("Undo what was just done"), _TICKET),
    Key("Mod+Enter", "send", _("Send"), _TICKET),
    *(Key(f"{number}", f"choose-{number}", _("Choose an answer"), _AUDIT) for number in range(1, 10)),
)


def goto_keys(targets: list[tuple[str, str, str]]) -> list[Key]:
    """Return the ``G then …`` keys for (letter, label, url) targets; ``action`` carries the URL after "goto:"."""
    return [Key(f"g {letter}", f"goto:{url}", label, _GOTO) for letter, label, url in targets if letter]


def as_json(keys: list[Key]) -> list[dict[str, Any]]:
    """Return the table for the browser: combo and action only; labels are rendered by the server."""
    return [{"combo": key.combo, "action": key.action} for key in keys]


def combo_for(action: str) -> str:
    """Return the combination of an action as shown on a button ("E", "⇧E", "⌘K"), or "" when it has none."""
    for key in KEYS:
        if key.action == action:
            return display(key.combo)
    return ""


def display(combo: str) -> str:
    """Return a combination as people read it: "Mod+k" → "⌘K", "Shift+E" → "⇧E", "g i" → "G I"."""
    shown = combo.replace("Mod+", "⌘").replace("Shift+", "⇧").replace("Enter", "↵")
    return " ".join(
        part.upper() if len(part) == 1 else part[:-1] + part[-1].upper() for part in shown.split(" ")
    )
