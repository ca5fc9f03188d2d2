"""The extension points of tickets: channels, panels, acts of macros, scanners of files."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise

from core.registry import Part, Registry
from people.viewer import Viewer
from tickets.channel import Channel
from tickets.models import Ticket

channels: Registry[Channel] = Registry(Channel, "channels", entry="adapter")


def channel_parts(key: str) -> tuple[str, str]:
    """Return the icon and the name of a channel; what no part describes (a key that an API client chose) shows its key."""
    if key in channels:
        channel = channels.get(key)
        return channel.icon, str(channel.label)
    return "message-circle", key


def channels_in_order() -> list[Channel]:
    """Return every channel in the order of menus."""
    return sorted(channels, key=lambda channel: (channel.order, channel.key))


def connectable_channels() -> list[Channel]:
    """Return the channels that an inbox can be made of."""
    return [channel for channel in channels_in_order() if channel.settings is not None]


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


class MacroAction(Part):
    """Something a macro does to a ticket, contributed by any app in ``<app>/macro_actions/<name>.py``.

    Its values are what its form fields hold, stored in the macro as JSON. ``permission`` is what the one who applies the macro
    needs; ``apply`` goes through the one service of the thing and may raise ValidationError, then nothing of the macro is done.
    """

    label: ClassVar[str | Promise] = ""
    icon: ClassVar[str] = "bolt"
    order: ClassVar[int] = 100
    permission: ClassVar[str] = "tickets.edit"

    def fields(self) -> dict[str, forms.Field]:
        """Return the form fields of the values by name, with the choices that exist now; empty for an act without values."""
        return {}

    def clean(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as they are stored, checked by the form fields; raises ValidationError naming the label."""
        checked: dict[str, Any] = {}
        for name, field in self.fields().items():
            value = values.get(name)
            try:
                cleaned = field.clean(value)
            except ValidationError as error:
                raise ValidationError(f"{self.label}: {' '.join(error.messages)}") from error
            checked[name] = getattr(cleaned, "pk", cleaned)
        return checked

    def words(self, values: Mapping[str, Any]) -> str:
        """Return the act in words: "Set the priority to high"."""
        raise NotImplementedError

    def apply(self, *, ticket: Ticket, values: Mapping[str, Any], by: Viewer) -> None:
        """Do it, inside the transaction of the macro."""
        raise NotImplementedError


macro_actions: Registry[MacroAction] = Registry(MacroAction, "macro_actions")


def actions_in_order() -> list[MacroAction]:
    """Return every kind of macro action in the order of menus."""
    return sorted(macro_actions, key=lambda action: (action.order, action.key))


class ScannerUnavailable(Exception):
    """Nobody answers: every file waits and is tried again."""


class ScanInterrupted(Exception):
    """The look at this file was broken off (time-out, lost connection, an error of the scanner); it may succeed later."""


class ScanRefused(Exception):
    """The scanner will never look at this file, for example because it is too large; the text says why."""


class Scanner(Part):
    """Looks for malware in the content of files, contributed by any app in ``<app>/scanners/<name>.py``.

    The first configured one by key is used. It is called by a task, never in a request or a transaction, and must end by itself
    within a minute.
    """

    label: ClassVar[str | Promise] = ""

    def is_configured(self) -> bool:
        """Say whether the settings name this scanner; asks nobody."""
        raise NotImplementedError

    def version(self) -> str:
        """Ask the scanner for its name and the age of its signatures; raises ScannerUnavailable."""
        raise NotImplementedError

    def scan(self, content: bytes) -> str:
        """Return the name of what was found, empty for a clean file; raises one of the three exceptions above."""
        raise NotImplementedError


scanners: Registry[Scanner] = Registry(Scanner, "scanners")


def active_scanner() -> Scanner | None:
    """Return the scanner that the settings name, None when files are not scanned."""
    return next((scanner for scanner in scanners if scanner.is_configured()), None)
