"""REST of exports: ask for a list of tickets as a file, see how far it is, fetch it."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.files import WhateverIsAccepted
from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Listing, select
from people.api.permissions import viewer_of
from tickets.api.views import read_body
from tickets.exports import CONTENT_TYPES
from tickets.list_columns import DEFAULT_COLUMNS, MOST_COLUMNS, check_columns, columns_by_key
from tickets.list_views import ListView, view_of
from tickets.models import Ticket, TicketExport
from tickets.selectors import filter_tickets
from tickets.services.export_tickets import discard_export, fetch_export, request_export

NO_EXPORT = OpenApiResponse(description="No such export of this key or person.")


class TicketExportIn(serializers.Serializer[dict[str, Any]]):
    """Which tickets, in which form."""

    view = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Key of a view; empty: every ticket that the key may see."),
    )
    filters = serializers.DictField(
        child=serializers.CharField(max_length=20_000),
        required=False,
        default=dict,
        help_text=_("As in the list of tickets, also ``where``."),
    )
    format = serializers.ChoiceField(choices=TicketExport.Format.choices, default="csv")
    columns = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        default=list,
        max_length=MOST_COLUMNS,
        help_text=_("Keys of columns in their order; empty: those of the view."),
    )


class TicketExportOut(serializers.Serializer[TicketExport]):
    """An export: how far it is and, once it is ready, where its file is."""

    reference = serializers.CharField()
    state = serializers.ChoiceField(choices=TicketExport.State.choices)
    format = serializers.ChoiceField(choices=TicketExport.Format.choices)
    view = serializers.CharField()
    filters = serializers.DictField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField())
    total = serializers.IntegerField(help_text=_("How many tickets there were when it was asked for."))
    done = serializers.SerializerMethodField()
    count = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField()
    requested_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    url = serializers.SerializerMethodField()
    file = serializers.SerializerMethodField()

    def get_done(self, export: TicketExport) -> int:
        """How many tickets have been written."""
        return export.count if export.ready_at else 0 if export.job is None else export.job.done

    def get_count(self, export: TicketExport) -> int | None:
        """How many tickets are in the file; null until it is ready."""
        return export.count if export.ready_at else None

    def get_size(self, export: TicketExport) -> int | None:
        """Bytes of the file; null until it is ready."""
        return export.size if export.ready_at else None

    def get_url(self, export: TicketExport) -> str:
        """Its own address."""
        return reverse("api-export", args=[export.reference])

    def get_file(self, export: TicketExport) -> str | None:
        """The address of the file; null while there is none."""
        is_ready = export.state == TicketExport.State.READY
        return reverse("api-export-file", args=[export.reference]) if is_ready else None


class ExportList(APIView):
    """One's exports."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    pagination_class = KeysetPagination
    # The state is that of the job until there is a file.
    listing = Listing(
        TicketExportOut, loads={name: select("job") for name in ("state", "done", "url", "file", "format")}
    )

    @extend_schema(operation_id="exports_list", responses=TicketExportOut(many=True))
    def get(self, request: Request) -> Response:
        """List the exports of this key or person, newest first."""
        return self.listing.answer(request, self, TicketExport.objects.visible_to(viewer_of(request)))

    @extend_schema(
        operation_id="exports_create",
        request=TicketExportIn,
        responses={202: TicketExportOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for tickets as a file: read ``url`` until ``state`` is ready, then fetch ``file`` within a day."""
        viewer = viewer_of(request)
        wanted = read_body(TicketExportIn, request)
        try:
            view = view_of(viewer, wanted["view"]) if wanted["view"] else ListView("", _("tickets"), "", {})
        except LookupError:
            raise ValidationError({"view": [_("There is no such view.")]}) from None
        try:
            filter_tickets(Ticket.objects.none(), wanted["filters"], viewer)
        except Refused as error:
            raise ValidationError({"filters": error.messages}) from error
        columns = columns_by_key(check_columns(wanted["columns"], viewer) or view.columns or DEFAULT_COLUMNS)
        export = request_export(
            view=view, filters=wanted["filters"], columns=columns, form=wanted["format"], by=viewer
        )
        found = TicketExportOut(export).data
        return Response(found, status=status.HTTP_202_ACCEPTED, headers={"Location": found["url"]})


class ExportDetail(APIView):
    """One export."""

    required_permissions: ClassVar = {"*": "tickets.view"}

    @extend_schema(operation_id="exports_read", responses={200: TicketExportOut, 404: NO_EXPORT})
    def get(self, request: Request, reference: str) -> Response:
        """Say how far it is."""
        return Response(TicketExportOut(_own(request, reference)).data)

    @extend_schema(operation_id="exports_delete", responses={204: None, 404: NO_EXPORT})
    def delete(self, request: Request, reference: str) -> Response:
        """Stop one that is being made, or delete its file."""
        discard_export(export=_own(request, reference), by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportFile(APIView):
    """The file of an export."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        operation_id="exports_file",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            403: OpenApiResponse(description="A right that the file was made with is gone."),
            404: NO_EXPORT,
            409: OpenApiResponse(description="It is not ready, or expired."),
        },
    )
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        """Fetch the file."""
        export = _own(request, reference)
        try:
            content = fetch_export(export=export, by=viewer_of(request))
        except FileNotFoundError:
            raise Conflict(_("There is no file: the export is %s.") % export.state.label.lower()) from None
        return FileResponse(
            content,
            as_attachment=True,
            filename=export.file_name,
            content_type=CONTENT_TYPES[export.format],
            headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
        )


def _own(request: Request, reference: str) -> TicketExport:
    own = TicketExport.objects.visible_to(viewer_of(request)).select_related("job")
    found = own.filter(reference=reference).first()
    if found is None:
        raise Http404(_("There is no such export."))
    return found
