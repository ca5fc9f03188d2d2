"""REST of segments: the definitions, who is in them, previews, and why an account is in or out."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, a_number
from core.api.versions import Versioned
from customers.models import Account, Segment, SegmentMembership
from customers.segments import (
    Reason,
    check_definition,
    explain,
    in_words,
    preview,
    readable,
    readable_segment,
)
from customers.services.save_segment import delete_segment, save_segment
from people.api.permissions import viewer_of
from people.viewer import Viewer

NO_SEGMENT = OpenApiResponse(description="No such segment, or none that this key may see.")
_EDIT = {
    "GET": "customers.view",
    "POST": "customers.edit",
    "PATCH": "customers.edit",
    "DELETE": "customers.edit",
}


class SegmentOut(serializers.ModelSerializer[Segment]):
    """A segment as answered. ``members`` is as of ``evaluated_at``; ``is_current`` is false until a new definition is applied."""

    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    words = serializers.SerializerMethodField()
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = [
            "id", "name", "description", "owner", "is_shared", "definition", "words", "members", "is_current", "evaluated_at",
            "created_at", "updated_at",
        ]  # fmt: skip

    def get_words(self, segment: Segment) -> str:
        """The definition as a sentence part."""
        return in_words(segment.definition)

    def get_is_current(self, segment: Segment) -> bool:
        """Whether the ledger says what the definition says."""
        return segment.evaluated_revision == segment.revision


class SegmentIn(serializers.Serializer[dict[str, Any]]):
    """What may be set on a segment."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=300, allow_blank=True, default="")
    is_shared = serializers.BooleanField(default=True)
    definition = serializers.JSONField(default=dict, help_text=gettext_lazy("{} is every customer."))


class PreviewIn(serializers.Serializer[dict[str, Any]]):
    """A definition to try out."""

    definition = serializers.JSONField(default=dict)


class SampleOut(serializers.ModelSerializer[Account]):
    """An account of a preview."""

    class Meta:
        model = Account
        fields = ["id", "name", "tier", "arr", "currency"]


class PreviewOut(serializers.Serializer[Any]):
    """How many accounts a definition holds for, of how many customers, and those of them with the most ARR."""

    count = serializers.IntegerField()
    total = serializers.IntegerField()
    words = serializers.CharField()
    sample = SampleOut(many=True)


class MembershipOut(serializers.ModelSerializer[SegmentMembership]):
    """An account that is in a segment, or was until ``left_at``."""

    account = serializers.IntegerField(source="account_id")
    name = serializers.CharField(source="account.name")

    class Meta:
        model = SegmentMembership
        fields = ["id", "account", "name", "entered_at", "left_at"]


class ReasonOut(serializers.Serializer[Any]):
    """A part of a definition at one account: ``words`` for a clause, ``match`` and ``parts`` for a group."""

    words = serializers.CharField()
    holds = serializers.BooleanField()
    present = serializers.CharField()
    match = serializers.CharField()
    parts = serializers.ListField(child=serializers.DictField())


class ExplanationOut(serializers.Serializer[Any]):
    """Why an account is in a segment or out of it."""

    account = serializers.IntegerField()
    holds = serializers.BooleanField()
    entered_at = serializers.DateTimeField(allow_null=True)
    reason = ReasonOut()


def _find(viewer: Viewer, pk: int) -> Segment:
    found = readable_segment(viewer, pk)
    if found is None:
        raise Http404(_("There is no such segment."))
    return found


def _read(serializer: type[Any], request: Request, *, partial: bool = False) -> dict[str, Any]:
    wanted = serializer(data=request.data, partial=partial)
    wanted.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(wanted.fields))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    values: dict[str, Any] = wanted.validated_data
    return values


class SegmentList(APIView):
    """The segments of a key or person."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="segments_list", responses=SegmentOut(many=True))
    def get(self, request: Request) -> Response:
        """List all segments with their numbers, by name; at most 200 exist."""
        return Response(SegmentOut(readable(viewer_of(request)), many=True).data)

    @extend_schema(operation_id="segments_create", request=SegmentIn, responses={201: SegmentOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a segment; up to 20,000 accounts its members are there at once, above within minutes."""
        saved = save_segment(by=viewer_of(request), **_read(SegmentIn, request))
        return Response(SegmentOut(saved).data, status=status.HTTP_201_CREATED)


class SegmentDetail(Versioned, APIView):
    """One segment."""

    shape = SegmentOut
    changes = SegmentIn
    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="segments_read", responses={200: SegmentOut, 404: NO_SEGMENT})
    def get(self, request: Request, pk: int) -> Response:
        """Read a segment."""
        return self.answer(request, SegmentOut(_find(viewer_of(request), pk)).data)

    @extend_schema(
        operation_id="segments_update", request=SegmentIn, responses={200: SegmentOut, 404: NO_SEGMENT}
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named, keep the rest."""
        viewer = viewer_of(request)
        with transaction.atomic():
            found = _find(viewer, pk)
            self.check_version(request, lambda: SegmentOut(_find(viewer, pk)).data)
            sent = _read(SegmentIn, request, partial=True)
            names = ("name", "description", "is_shared", "definition")
            values = {name: sent[name] if name in request.data else getattr(found, name) for name in names}
            save_segment(by=viewer, segment=found, **values)
        return self.answer(request, SegmentOut(_find(viewer, pk)).data)

    @extend_schema(operation_id="segments_delete", responses={204: None, 404: NO_SEGMENT})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a segment with its ledger; the accounts stay."""
        viewer = viewer_of(request)
        with transaction.atomic():
            found = _find(viewer, pk)
            self.check_version(request, lambda: SegmentOut(_find(viewer, pk)).data)
            delete_segment(segment=found, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SegmentMembers(APIView):
    """The ledger of a segment."""

    required_permissions: ClassVar = {"*": "customers.view"}
    pagination_class = KeysetPagination

    listing = Listing(
        MembershipOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("current", "flag", lookup="left_at__isnull", description="true: in it now"),
            Filter("entered_since", "time", lookup="entered_at__gte"),
            Filter("left_since", "time", lookup="left_at__gte"),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="segment_members_list", responses=MembershipOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List who entered when and left when, the latest entry first; ``current=true`` for those who are in it."""
        segment = _find(viewer_of(request), pk)
        rows = SegmentMembership.objects.filter(segment=segment).select_related("account")
        return self.listing.answer(request, self, rows)


class SegmentPreview(APIView):
    """Trying a definition out."""

    required_permissions: ClassVar = {"POST": "customers.view"}

    @extend_schema(operation_id="segments_preview", request=PreviewIn, responses=PreviewOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Count the accounts that a definition holds for and show some; nothing is stored."""
        viewer = viewer_of(request)
        try:
            definition = check_definition(_read(PreviewIn, request)["definition"], viewer)
        except Refused as error:
            raise ValidationError({"definition": error.messages}) from error
        found = preview(definition, viewer)
        told = {
            "count": found.count,
            "total": found.total,
            "words": in_words(definition),
            "sample": found.sample,
        }
        return Response(PreviewOut(told).data)


class SegmentExplain(APIView):
    """Why an account is in a segment or out of it."""

    required_permissions: ClassVar = {"*": "customers.view"}

    @extend_schema(
        operation_id="segments_explain",
        parameters=[OpenApiParameter("account", {"type": "integer", "minimum": 1}, required=True)],
        responses={200: ExplanationOut, 404: NO_SEGMENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Tell every part of the definition, whether it holds for the account now, and the value that is there."""
        viewer = viewer_of(request)
        segment = _find(viewer, pk)
        try:
            account = Account.objects.visible_to(viewer).get(
                pk=a_number(request.query_params.get("account", ""))
            )
        except (ValueError, Account.DoesNotExist):
            raise ValidationError({"account": [_("Name a customer by id.")]}) from None
        reason = explain(segment.definition, account, owner_id=segment.owner_id)
        open_row = SegmentMembership.objects.filter(segment=segment, account=account, left_at=None).first()
        told = {
            "account": account.pk,
            "holds": reason.holds,
            "entered_at": None if open_row is None else open_row.entered_at,
            "reason": _told(reason),
        }
        return Response(ExplanationOut(told).data)


def _told(reason: Reason) -> dict[str, Any]:
    parts = [_told(part) for part in reason.parts]
    return {
        "words": reason.words,
        "holds": reason.holds,
        "present": reason.present,
        "match": reason.match,
        "parts": parts,
    }
