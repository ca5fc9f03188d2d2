"""REST of connections with CRMs: how they stand, what is not in step, and having it tried again.

Credentials are set on the page.
"""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from integrations.crm.contract import OBJECTS
from integrations.crm_selectors import (
    Standing,
    crm_conflicts,
    crm_connections,
    crm_gaps,
    crm_records,
    standing_of,
)
from integrations.models import CrmConflict, CrmConnection, CrmField, CrmGap, CrmRecord
from integrations.pages.crm_standing import sentence_of
from integrations.services.retry_crm import accept_crm_gaps, retry_crm_records
from integrations.services.save_crm_fields import Pair, save_crm_fields
from integrations.services.sync_crm import start_crm_check, start_crm_sync
from people.api.permissions import viewer_of
from tickets.api.views import read_body

NOT_FOUND = OpenApiResponse(description="There is none with this id, or the key may not manage CRMs.")
_STATES = tuple(CrmConnection.State.values)


class CrmOut(serializers.ModelSerializer[CrmConnection]):
    """A connection. ``state`` is ``active`` only when a comparison of the last 26 hours has found every record in step."""

    state = serializers.ChoiceField(choices=_STATES)
    waits_until = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = CrmConnection
        fields = [
            "id", "name", "system", "base_url", "is_on", "state", "creates_missing", "filter_field", "filter_value",
            "quota_percent", "quota", "waits_until", "last_error", "last_error_at", "first_pass_at", "last_pass_at",
            "last_check_at", "proven_at", "created_at", "updated_at",
        ]  # fmt: skip


class CrmObjectOut(serializers.Serializer[Any]):
    """One object: linked records, stored records by state, what is to be sent, what was refused, the last comparison."""

    object = serializers.CharField()
    linked = serializers.IntegerField()
    records = serializers.DictField(child=serializers.IntegerField())
    to_send = serializers.IntegerField()
    not_sent = serializers.IntegerField()
    watermark = serializers.DateTimeField(allow_null=True)
    checked = serializers.DictField()


class CrmStandingOut(serializers.Serializer[Any]):
    """How a connection stands. ``lag_seconds`` counts from the end of the last pass."""

    connection = CrmOut()
    sentence = serializers.CharField()
    lag_seconds = serializers.FloatField(allow_null=True)
    objects = CrmObjectOut(many=True)
    gaps = serializers.DictField(child=serializers.IntegerField())
    accepted_gaps = serializers.IntegerField()
    running = serializers.ListField(child=serializers.CharField())


class CrmJobOut(serializers.Serializer[Any]):
    """The job that was started, or that was going on already."""

    job = serializers.IntegerField()


class CrmGapOut(serializers.ModelSerializer[CrmGap]):
    """A difference: ``differences`` maps names of our fields to [ours, theirs]."""

    object = serializers.CharField()
    differences = serializers.DictField(source="fields")

    class Meta:
        model = CrmGap
        fields = [
            "id", "object", "kind", "local_id", "remote_id", "label", "differences", "found_at", "accepted_at",
            "accepted_because",
        ]  # fmt: skip


class CrmRecordOut(serializers.ModelSerializer[CrmRecord]):
    """A record of theirs that was stored; its raw form is not told here."""

    object = serializers.CharField()

    class Meta:
        model = CrmRecord
        fields = [
            "id", "object", "remote_id", "state", "error", "attempts", "modified_at", "received_at", "is_deleted",
        ]  # fmt: skip


class CrmConflictOut(serializers.ModelSerializer[CrmConflict]):
    """What both sides held, and which held."""

    object = serializers.CharField(source="link.object")
    local_id = serializers.IntegerField(source="link.local_id")
    remote_id = serializers.CharField(source="link.remote_id")

    class Meta:
        model = CrmConflict
        fields = [
            "id",
            "object",
            "local_id",
            "remote_id",
            "field",
            "ours",
            "theirs",
            "kept",
            "owner",
            "found_at",
        ]


class CrmFieldShape(serializers.Serializer[dict[str, Any]]):
    """A field of ours, one of theirs, and whose value holds."""

    object = serializers.CharField(max_length=16, help_text="account, contact or subscription")
    ours = serializers.CharField(max_length=80)
    theirs = serializers.CharField(max_length=120)
    owner = serializers.ChoiceField(choices=CrmField.Owner.values)


class CrmFieldsIn(serializers.Serializer[dict[str, Any]]):
    """The whole field map."""

    pairs = CrmFieldShape(many=True)


class CrmRetryIn(serializers.Serializer[dict[str, Any]]):
    """Which records: those with ``ids``, or all in ``state`` (failed when absent)."""

    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=500, required=False)
    state = serializers.ChoiceField(choices=("failed", "unmatched", "left"), required=False)


class CrmAcceptIn(serializers.Serializer[dict[str, Any]]):
    """Which gaps are right as they are, and why: those with ``ids``, or all of a ``kind``."""

    because = serializers.CharField(max_length=200)
    ids = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=500, required=False)
    kind = serializers.ChoiceField(choices=CrmGap.Kind.values, required=False)


class CrmCountOut(serializers.Serializer[Any]):
    """How many it was."""

    count = serializers.IntegerField()


class _ForWhoManages(APIView):
    """Every door of CRMs needs the same permission."""

    required_permissions: ClassVar = {"*": "crm.manage"}


class Crms(_ForWhoManages):
    """Connections."""

    pagination_class = KeysetPagination
    listing = Listing(
        CrmOut, filters=[Filter("system", lookup="system"), Filter("is_on", "flag", lookup="is_on")]
    )

    @extend_schema(operation_id="crms_list", responses=CrmOut(many=True))
    def get(self, request: Request) -> Response:
        """List the connections, newest first."""
        return self.listing.answer(request, self, crm_connections(viewer_of(request)))


class CrmDetail(_ForWhoManages):
    """One connection."""

    @extend_schema(operation_id="crms_read", responses={200: CrmStandingOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Say how it stands."""
        return Response(CrmStandingOut(_told(standing_of(_connection(request, pk)))).data)


class CrmSync(_ForWhoManages):
    """Passes."""

    @extend_schema(operation_id="crms_sync", request=None, responses={202: CrmJobOut, 404: NOT_FOUND})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Start a pass; while one is going on, that one is named."""
        job = start_crm_sync(connection=_connection(request, pk), by=viewer_of(request))
        return Response(CrmJobOut({"job": job.pk}).data, status=status.HTTP_202_ACCEPTED)


class CrmCompare(_ForWhoManages):
    """Reconciliations."""

    @extend_schema(operation_id="crms_compare", request=None, responses={202: CrmJobOut, 404: NOT_FOUND})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Compare every record of both sides; while that is going on, that job is named."""
        job = start_crm_check(connection=_connection(request, pk), by=viewer_of(request))
        return Response(CrmJobOut({"job": job.pk}).data, status=status.HTTP_202_ACCEPTED)


class CrmGaps(_ForWhoManages):
    """What is not in step."""

    pagination_class = KeysetPagination
    listing = Listing(
        CrmGapOut,
        filters=[
            Filter("object", lookup="object", choices=OBJECTS),
            Filter("kind", lookup="kind", choices=tuple(CrmGap.Kind.values)),
            Filter("is_open", "flag", lookup="accepted_at__isnull"),
        ],
    )

    @extend_schema(operation_id="crms_gaps_list", responses=CrmGapOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List the gaps that the last comparison found, newest first."""
        return self.listing.answer(request, self, crm_gaps(_connection(request, pk), accepted=None))


class CrmAccept(_ForWhoManages):
    """Gaps that are meant to be."""

    @extend_schema(
        operation_id="crms_gaps_accept", request=CrmAcceptIn, responses={200: CrmCountOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Accept gaps, so that they spoil no proof any more."""
        wanted = read_body(CrmAcceptIn, request)
        count = accept_crm_gaps(
            connection=_connection(request, pk),
            because=wanted["because"],
            ids=wanted.get("ids"),
            kind=wanted.get("kind", ""),
            by=viewer_of(request),
        )
        return Response(CrmCountOut({"count": count}).data)


class CrmRecords(_ForWhoManages):
    """Stored records."""

    pagination_class = KeysetPagination
    listing = Listing(
        CrmRecordOut,
        filters=[
            Filter("object", lookup="object", choices=OBJECTS),
            Filter("state", choices=tuple(CrmRecord.State.values), description="failed when absent"),
        ],
    )

    @extend_schema(operation_id="crms_records_list", responses=CrmRecordOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List the records in a state, newest first."""
        state = self.listing.asked(request).get("state", "")
        return self.listing.answer(request, self, crm_records(_connection(request, pk), state=state))


class CrmRetry(_ForWhoManages):
    """Another try."""

    @extend_schema(
        operation_id="crms_records_retry", request=CrmRetryIn, responses={202: CrmCountOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Have records tried again, and, when nothing is named, also what the CRM refused to take."""
        wanted = read_body(CrmRetryIn, request)
        count = retry_crm_records(
            connection=_connection(request, pk),
            ids=wanted.get("ids"),
            state=wanted.get("state", ""),
            by=viewer_of(request),
        )
        return Response(CrmCountOut({"count": count}).data, status=status.HTTP_202_ACCEPTED)


class CrmConflicts(_ForWhoManages):
    """What was overruled."""

    pagination_class = KeysetPagination
    listing = Listing(
        CrmConflictOut,
        filters=[Filter("field", lookup="field"), Filter("since", "time", lookup="found_at__gte")],
    )

    @extend_schema(operation_id="crms_conflicts_list", responses=CrmConflictOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List conflicts, newest first."""
        return self.listing.answer(request, self, crm_conflicts(_connection(request, pk)))


class CrmFields(_ForWhoManages):
    """The field map."""

    @extend_schema(operation_id="crms_fields_read", responses={200: CrmFieldShape(many=True), 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """List which fields are kept in step."""
        rows = CrmField.objects.filter(connection=_connection(request, pk)).order_by("pk")
        pairs: Any = list(rows.values("object", "ours", "theirs", "owner"))
        return Response(CrmFieldShape(pairs, many=True).data)

    @extend_schema(
        operation_id="crms_fields_replace",
        request=CrmFieldsIn,
        responses={200: CrmFieldShape(many=True), 404: NOT_FOUND},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Replace the field map; the next pass reads every record again."""
        wanted = read_body(CrmFieldsIn, request)
        connection = _connection(request, pk)
        pairs = [Pair(**one) for one in wanted["pairs"]]
        save_crm_fields(connection=connection, pairs=pairs, by=viewer_of(request))
        return self.get(request, pk)


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "connection": standing.connection,
        "sentence": sentence_of(standing),
        "lag_seconds": standing.lag_seconds,
        "objects": standing.objects,
        "gaps": standing.gaps,
        "accepted_gaps": standing.accepted,
        "running": sorted(standing.jobs),
    }


def _connection(request: Request, pk: int) -> CrmConnection:
    return get_object_or_404(crm_connections(viewer_of(request)), pk=pk)
