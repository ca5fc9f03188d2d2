"""Addresses below the API that there are not: refused as everything else there, not with a page."""

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


@extend_schema(exclude=True)
class Nowhere(APIView):
    """Any address that no operation has."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def http_method_not_allowed(
        self, request: HttpRequest | Request, *args: object, **kwargs: object
    ) -> Response:
        """Say so, whatever the method."""
        raise NotFound
