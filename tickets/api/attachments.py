"""REST of files of messages: what is known about one, and the file itself. They come in with their message."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.files import WhateverIsAccepted
from core.api.shapes import shown
from people.api.permissions import viewer_of
from tickets.api.serializers import TicketAttachment
from tickets.downloads import download
from tickets.models import Attachment, Ticket

NO_FILE = OpenApiResponse(description="No such file, or none that this key may see.")


class AttachmentDetail(APIView):
    """What is known about a file."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="attachments_read", responses={200: TicketAttachment, 404: NO_FILE})
    def get(self, request: Request, pk: int) -> Response:
        """Read its name, size and what the scanner said."""
        return Response(shown(TicketAttachment, _attachment(request, pk)))


class AttachmentFile(APIView):
    """A file."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        operation_id="attachments_file",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/gif"): OpenApiTypes.BINARY,
            (200, "image/webp"): OpenApiTypes.BINARY,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "application/json"): OpenApiTypes.BINARY,
            (200, "text/plain"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
            403: OpenApiResponse(
                description="It is held back, see ``detail``: it holds malware, or waits for the scanner."
            ),
            404: NO_FILE,
        },
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """Fetch the file, as a download."""
        return download(_attachment(request, pk))


def _attachment(request: Request, pk: int) -> Attachment:
    seen = Ticket.objects.visible_to(viewer_of(request))
    return Attachment.objects.with_verdict().filter(message__ticket__in=seen).get(pk=pk)
