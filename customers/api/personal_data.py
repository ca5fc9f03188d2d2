"""REST of a person's data: export and erasure."""

from typing import Any, ClassVar

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.models import Contact, ContactErasure, ContactExport
from customers.services.erase_contact import erase_contact
from customers.services.export_contact import request_export
from people.api.permissions import viewer_of


class ExportOut(serializers.Serializer[ContactExport]):
    """An export. ``ready_at`` is null while the file is being made."""

    id = serializers.IntegerField()
    requested_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    size = serializers.IntegerField()


class ErasureIn(serializers.Serializer[dict[str, Any]]):
    """``confirmation`` is the contact's name, or its address when it has none."""

    confirmation = serializers.CharField(max_length=254)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class ErasureOut(serializers.Serializer[ContactErasure]):
    """The certificate: complete when ``finished_at`` is set."""

    id = serializers.IntegerField()
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    counts = serializers.DictField()


class ContactExports(APIView):
    """Exports that the caller has asked for."""

    required_permissions: ClassVar = {"*": "customers.erase"}

    @extend_schema(operation_id="contact_exports_list", responses=ExportOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List own exports, newest first."""
        exports = ContactExport.objects.visible_to(viewer_of(request)).filter(contact=_contact(request, pk))
        return Response(ExportOut(exports.order_by("-pk")[:50], many=True).data)  # type: ignore[arg-type]

    @extend_schema(operation_id="contact_exports_request", request=None, responses={202: ExportOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Start an export; fetch the file when ``ready_at`` is set."""
        export = request_export(contact=_contact(request, pk), by=viewer_of(request))
        return Response(ExportOut(export).data, status=status.HTTP_202_ACCEPTED)


class ContactExportFile(APIView):
    """The file of an export."""

    required_permissions: ClassVar = {"GET": "customers.erase"}

    @extend_schema(
        operation_id="contact_exports_file",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="Not ready, expired, or asked for by somebody else."),
        },
    )
    def get(self, request: Request, pk: int, export_pk: int) -> FileResponse:
        """Download the ZIP file: ``data.json`` and the files of messages."""
        mine = ContactExport.objects.visible_to(viewer_of(request)).filter(contact=pk)
        export = get_object_or_404(
            mine.filter(expires_at__gt=timezone.now()).exclude(storage_key=""), pk=export_pk
        )
        try:
            file = default_storage.open(export.storage_key, "rb")
        except FileNotFoundError:
            raise Http404(_("The file is gone.")) from None
        return FileResponse(
            file, as_attachment=True, filename=f"contact-{pk}.zip", content_type="application/zip"
        )


class ContactErasures(APIView):
    """Erasing a person."""

    required_permissions: ClassVar = {"*": "customers.erase"}

    @extend_schema(operation_id="contact_erasures_list", responses=ErasureOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """The certificates."""
        rows = ContactErasure.objects.filter(contact=_contact(request, pk)).order_by("-pk")
        return Response(ErasureOut(rows, many=True).data)  # type: ignore[arg-type]

    @extend_schema(operation_id="contact_erasures_request", request=ErasureIn, responses={202: ErasureOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Erase the person for good; nothing brings it back."""
        wanted = ErasureIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        erasure = erase_contact(contact=_contact(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(ErasureOut(erasure).data, status=status.HTTP_202_ACCEPTED)


def _contact(request: Request, pk: int) -> Contact:
    return get_object_or_404(
        Contact.objects.visible_to(viewer_of(request)).prefetch_related("identities"), pk=pk
    )
