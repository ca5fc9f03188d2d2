"""One rate per viewer."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:  # views import these classes while they are being loaded
    from rest_framework.views import APIView


class ViewerRateThrottle(SimpleRateThrottle):
    """Limits each key and person; the rate is ``API_RATE``."""

    scope = "viewer"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        """Count per viewer; strangers per address."""
        ident = str(request.user) if request.user else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}
