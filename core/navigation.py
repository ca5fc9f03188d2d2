"""Navigation: what a person may open, from the apps' ``nav.py`` parts.

One registry feeds the rail, the settings side navigation, the create and user menus, the command palette and the
``G then …`` keys. A part says where it lives, how it is called and who may open it::

    class InboxNav(NavItem):
        key = "inbox"
        label = _("Inbox")
        icon = "inbox"
        url_name = "inbox"
        order = 10
        goto = "i"
        permission = "tickets.view"
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.urls import reverse
from django.utils.functional import Promise

from core.registry import Part, Registry

Place = Literal["rail", "settings", "create", "user"]


class NavItem(Part):
    """One entry of the navigation; subclass it in ``<app>/nav.py``.

    ``place``: "rail" (left rail, phone bottom bar), "settings" (side navigation of the settings), "create" (create
    menu) or "user" (user menu). ``url_name`` is reversed without arguments, ``query`` is appended as it is ("?new=1").
    ``group`` is the heading inside the settings navigation. ``goto`` is the letter after G. ``order`` ascends.
    ``on_phone``: the rail shows at most four of these in the phone's bottom bar, the rest is behind "More".
    """

    label: ClassVar[str | Promise] = ""
    icon: ClassVar[str] = ""
    url_name: ClassVar[str] = ""
    query: ClassVar[str] = ""
    place: ClassVar[Place] = "rail"
    group: ClassVar[str | Promise] = ""
    order: ClassVar[int] = 100
    goto: ClassVar[str] = ""
    at_end: ClassVar[bool] = False
    on_phone: ClassVar[bool] = False
    permission: ClassVar[str] = ""

    def visible_to(self, viewer: Any) -> bool:
        """Say whether this viewer may open the page (holds ``permission``, if any); the page itself still checks."""
        return not self.permission or bool(viewer.can(self.permission))

    def badge(self, viewer: Any) -> int:
        """Return the number of things that wait here for this viewer; 0 shows no badge. Must cost one cheap query."""
        return 0


navigation: Registry[NavItem] = Registry(NavItem, "nav")


@dataclass(frozen=True, slots=True)
class NavLink:
    """A navigation entry resolved for one viewer and the page being shown."""

    key: str
    label: str
    icon: str
    url: str
    group: str
    goto: str
    badge: int
    current: bool
    at_end: bool
    on_phone: bool


def links(viewer: Any, *, place: Place, path: str = "", badges: bool = False) -> list[NavLink]:
    """Return the entries of one place that ``viewer`` may open, in order.

    ``path`` is the path of the page being shown; the entry with the longest URL that is a prefix of it is current.
    ``badges`` asks each entry for its count (only the rail shows them).
    """
    items = [item for item in _sorted(place) if item.visible_to(viewer)]
    urls = [reverse(item.url_name) + item.query for item in items]
    current = max((url for url in urls if _covers(url, path)), key=len, default=None)
    return [
        NavLink(
            key=item.key,
            label=str(item.label),
            icon=item.icon,
            url=url,
            group=str(item.group),
            goto=item.goto,
            badge=item.badge(viewer) if badges else 0,
            current=url == current,
            at_end=item.at_end,
            on_phone=item.on_phone,
        )
        for item, url in zip(items, urls, strict=True)
    ]


def find_pages(viewer: Any, query: str) -> list[NavLink]:
    """Return the pages and create actions whose name contains ``query`` (any case); all of them for an empty query."""
    wanted = query.strip().casefold()
    found = [link for place in _PLACES for link in links(viewer, place=place)]
    return [link for link in found if wanted in f"{link.group} {link.label}".casefold()]


_PLACES: tuple[Place, ...] = ("rail", "create", "settings", "user")


def _sorted(place: Place) -> Iterable[NavItem]:
    return sorted(
        (item for item in navigation if item.place == place), key=lambda item: (item.order, item.key)
    )


def _covers(url: str, path: str) -> bool:
    """Whether the page at ``path`` belongs to the entry at ``url``; "/" covers only itself."""
    bare = url.partition("?")[0]
    return bool(path) and (path == bare or (bare != "/" and path.startswith(bare.rstrip("/") + "/")))
