"""`Viewer`: who looks or acts. The one argument of every ``visible_to`` and every service's ``by=``."""

from dataclasses import dataclass, field, replace

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from people.roles import ALL_PERMISSIONS


@dataclass(frozen=True)
class Viewer:
    """A staff user, an API key, a contact or the system, with what it may do.

    ``source`` names the door (``page``, ``api``, ``mail``, ``task``, ``command``). Viewers are values: equal when they
    may do the same, so a change of rights is seen by comparing.
    """

    kind: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    user_id: int | None = None
    api_key_id: int | None = None
    contact_id: int | None = None
    role: str = ""
    team_ids: frozenset[int] = field(default_factory=frozenset)
    source: str = "page"

    @property
    def actor_kind(self) -> str:
        """What events record as the kind of actor."""
        return self.kind

    @property
    def actor_id(self) -> int | None:
        """The id within the kind."""
        return {"staff": self.user_id, "api_key": self.api_key_id, "contact": self.contact_id}.get(self.kind)

    def can(self, permission: str) -> bool:
        """Say whether the viewer holds a permission."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise PermissionDenied unless the viewer holds the permission."""
        if permission not in self.permissions:
            raise PermissionDenied(_("You may not do this: it needs the permission “%s”.") % permission)

    def lent(self, *permissions: str) -> "Viewer":
        """Return the same viewer with permissions that a service lends for an effect of its own."""
        return replace(self, permissions=self.permissions | set(permissions))

    def through(self, source: str) -> "Viewer":
        """Return the same viewer coming through another door."""
        return replace(self, source=source)


def system_viewer(source: str = "system") -> Viewer:
    """Return the product itself: sees and may do everything."""
    return Viewer(kind="system", permissions=ALL_PERMISSIONS, role="system", source=source)


def contact_viewer(contact_id: int, source: str) -> Viewer:
    """Return a customer: only what services allow to the contact itself."""
    return Viewer(kind="contact", contact_id=contact_id, source=source)
