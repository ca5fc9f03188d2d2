"""Every REST view needs a known viewer; what it may do is asked by the services and ``visible_to``."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from people.api.authentication import ApiViewer
from people.roles import SCOPES
from people.viewer import Viewer

if TYPE_CHECKING:  # views import these classes while they are being loaded
    from rest_framework.views import APIView


def needed_permissions(view: "APIView", method: str, *, of_key: bool) -> tuple[str, ...]:
    """Return the permissions of which a method of a view needs one; none means that every known viewer may.

    A view names them in ``required_permissions`` by method, or for ``*``: one, or several of which one is enough. What holds for
    API keys alone, because a service gives people more, is in ``key_permissions``.
    """
    named = getattr(view, "required_permissions", {})
    if of_key:
        named = {**named, **getattr(view, "key_permissions", {})}
    wanted: str | tuple[str, ...] = named.get(method, named.get("*", ""))
    return ((wanted,) if wanted else ()) if isinstance(wanted, str) else wanted


def scopes_for(view: "APIView", method: str) -> tuple[str, ...]:
    """Return the scopes of which a key needs one for a method of a view; empty when any key will do."""
    needed = needed_permissions(view, method, of_key=True)
    return tuple(scope for scope, allowed in SCOPES.items() if allowed & set(needed))


class IsKnownViewer(BasePermission):
    """Refuses strangers, and viewers without the view's ``required_permissions`` for the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Check the permissions named for the method, or for ``*``."""
        if not isinstance(request.user, ApiViewer):
            return False
        viewer = request.user.viewer
        needed = needed_permissions(view, request.method or "", of_key=viewer.kind == "api_key")
        return not needed or any(viewer.can(permission) for permission in needed)


def viewer_of(request: Request) -> Viewer:
    """Return the viewer behind a REST request that passed IsKnownViewer."""
    assert isinstance(request.user, ApiViewer)  # noqa: S101 - IsKnownViewer has let the request in
    return request.user.viewer
