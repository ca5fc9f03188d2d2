"""What the command palette and the search page find: pages here, records from the apps' ``palette.py`` parts.

An app above adds a source::

    class TicketSource(PaletteSource):
        key = "tickets"
        label = _("Tickets")
        icon = "inbox"
        order = 10

        def find(self, viewer, query, limit): ...
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core import navigation
from core.registry import Part, Registry

SHORTEST_QUERY = 2


@dataclass(frozen=True)
class PaletteItem:
    """One result: what it is called, where it leads, a quiet remark."""

    label: str
    url: str
    sub: str = ""
    icon: str = ""


@dataclass(frozen=True)
class PaletteGroup:
    """Results of one kind."""

    label: str
    items_list: Sequence[PaletteItem]


class PaletteSource(Part):
    """Finds records of one kind for the palette; subclass it in ``<app>/palette.py``."""

    label: ClassVar[str | Promise] = ""
    icon: ClassVar[str] = "file-text"
    order: ClassVar[int] = 100

    def find(self, viewer: Any, query: str, limit: int) -> list[PaletteItem]:
        """Return at most ``limit`` results that ``viewer`` may see, the best first; start from ``visible_to(viewer)``."""
        raise NotImplementedError


palette_sources: Registry[PaletteSource] = Registry(PaletteSource, "palette")


def search_everything(
    viewer: Any, query: str, *, limit: int = 5, without: Collection[str] = ()
) -> list[PaletteGroup]:
    """Return the groups that hold something for ``query``: records first, then pages and actions.

    ``without`` are keys of sources that are left out.

    Records need SHORTEST_QUERY characters (or a number); an empty query shows all pages.
    """
    query = query.replace("\x00", "").strip()[:200]
    groups = []
    if len(query) >= SHORTEST_QUERY or query.isdigit():
        asked = (source for source in palette_sources if source.key not in without)
        for source in sorted(asked, key=lambda part: (part.order, part.key)):
            found = [
                PaletteItem(item.label, item.url, item.sub, item.icon or source.icon)
                for item in source.find(viewer, query, limit)
            ]
            groups.append(PaletteGroup(str(source.label), found))
    pages = [
        PaletteItem(link.label, link.url, link.group, link.icon)
        for link in navigation.find_pages(viewer, query)
    ]
    groups.append(PaletteGroup(_("Pages and actions"), pages if not query else pages[: limit * 2]))
    return [group for group in groups if group.items_list]
