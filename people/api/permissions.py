"""Every REST view needs a known viewer; what it may do is asked by the services and ``visible_to``."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from people.api.authentication import ApiViewer
from people.viewer import Viewer

if TYPE_CHECKING:  # views import these classes while they are being loaded
    from rest_framework.views import APIView


class IsKnownViewer(BasePermission):
    """Refuses strangers, and viewers without the view's ``required_permissions`` for the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Check the permission named for the method, or for ``*``."""
        if not isinstance(request.user, ApiViewer):
            return False
        wanted: dict[str, str] = getattr(view, "required_permissions", {})
        permission = wanted.get(request.method or "", wanted.get("*", ""))
        return not permission or request.user.viewer.can(permission)


def viewer_of(request: Request) -> Viewer:
    """Return the viewer behind a REST request that passed IsKnownViewer."""
    assert isinstance(request.user, ApiViewer)  # noqa: S101 - IsKnownViewer has let the request in
    return request.user.viewer
