"""Bearer keys for integrations, sessions for the product's own pages. Both give a `Viewer` as ``request.user``."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from people.models import ApiKey
from people.models.api_key import digest_of
from people.viewer import Viewer

USED_RESOLUTION = timedelta(minutes=1)


class ApiViewer:
    """What DRF calls the user: the viewer behind a request."""

    is_authenticated = True

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    def __str__(self) -> str:
        return f"{self.viewer.kind}:{self.viewer.actor_id}"


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer KEY``."""

    def authenticate(self, request: Request) -> tuple[ApiViewer, ApiKey] | None:
        """Return the key's viewer, None without a bearer header; raises AuthenticationFailed for a bad key."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed(_("Expected “Authorization: Bearer KEY”."))
        key = ApiKey.objects.filter(digest=digest_of(words[1].decode("latin-1"))).first()
        if key is None or not key.is_usable:
            raise AuthenticationFailed(_("The API key is unknown, expired or revoked."))
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > USED_RESOLUTION:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return ApiViewer(key.as_viewer()), key

    def authenticate_header(self, request: Request) -> str:
        """Make a missing key a 401."""
        return 'Bearer realm="api"'


class ViewerSessionAuthentication(SessionAuthentication):
    """The session of the product's own pages, with CSRF protection."""

    def authenticate(self, request: Request) -> tuple[ApiViewer, None] | None:
        """Return the logged-in person's viewer."""
        found = super().authenticate(request)
        if found is None:
            return None
        return ApiViewer(found[0].as_viewer("api")), None
