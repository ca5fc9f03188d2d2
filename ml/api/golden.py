"""REST of golden cases: what every new version must answer rightly."""

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
from core.api.shapes import shown, taken
from ml.models import GoldenCase
from ml.registry import ml_tasks
from ml.services.keep_golden_case import (
    LONGEST_TEXT,
    change_golden_case,
    keep_golden_case,
    retire_golden_case,
)
from people.api.permissions import viewer_of

NOT_FOUND = OpenApiResponse(description="There is no case with this id.")


class GoldenCaseOut(serializers.ModelSerializer[GoldenCase]):
    """A case. The text of a subject's case is not told: whoever may see the subject reads it there."""

    text = serializers.SerializerMethodField()

    class Meta:
        model = GoldenCase
        fields: ClassVar = [
            "id", "task", "subject_kind", "subject_id", "text", "label", "reason", "created_by", "created_at", "retired_at",
        ]  # fmt: skip

    def get_text(self, case: GoldenCase) -> str:
        """The invented text of a case without a subject."""
        return case.text if case.subject_id is None else ""


class LabelIn(serializers.Serializer[dict[str, Any]]):
    """What every version must answer, and why."""

    label = serializers.CharField(max_length=120)  # type: ignore[assignment]
    reason = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class GoldenCaseIn(LabelIn):
    """A case about exactly one of an invented text and a subject."""

    task = serializers.CharField(max_length=64)
    text = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True, default="")
    subject_id = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, allow_null=True, default=None
    )


class GoldenCases(APIView):
    """The cases."""

    required_permissions: ClassVar = {"GET": "ml.view", "POST": "ml.audit"}
    pagination_class = KeysetPagination
    listing = Listing(
        GoldenCaseOut,
        filters=[Filter("task", lookup="task"), Filter("subject", "id", lookup="subject_id")],
        orders=("-id",),
    )

    @extend_schema(operation_id="ml_golden_cases_list", responses=GoldenCaseOut(many=True))
    def get(self, request: Request) -> Response:
        """List the cases in force and retired, newest first."""
        return self.listing.answer(request, self, GoldenCase.objects.visible_to(viewer_of(request)))

    @extend_schema(
        operation_id="ml_golden_cases_create", request=GoldenCaseIn, responses={201: GoldenCaseOut}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a case; a second one about the same subject changes the first."""
        body = taken(GoldenCaseIn, request.data)
        if body["task"] not in ml_tasks:
            raise serializers.ValidationError({"task": [f"one of {', '.join(one.key for one in ml_tasks)}"]})
        case = keep_golden_case(by=viewer_of(request), **body)
        return Response(shown(GoldenCaseOut, case), status=status.HTTP_201_CREATED)


class GoldenCaseDetail(APIView):
    """One case."""

    required_permissions: ClassVar = {"GET": "ml.view", "PATCH": "ml.audit"}

    @extend_schema(operation_id="ml_golden_cases_read", responses={200: GoldenCaseOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a case."""
        return Response(shown(GoldenCaseOut, _case(request, pk)))

    @extend_schema(
        operation_id="ml_golden_cases_update", request=LabelIn, responses={200: GoldenCaseOut, 404: NOT_FOUND}
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Give a case another label and reason."""
        body = taken(LabelIn, request.data)
        case = change_golden_case(case=_case(request, pk), by=viewer_of(request), **body)
        return Response(shown(GoldenCaseOut, case))


class GoldenCaseRetire(APIView):
    """The end of a case."""

    required_permissions: ClassVar = {"POST": "ml.audit"}

    @extend_schema(
        operation_id="ml_golden_cases_retire", request=None, responses={200: GoldenCaseOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Ask the case of no version any more; its text is emptied."""
        case = retire_golden_case(case=_case(request, pk), by=viewer_of(request))
        return Response(shown(GoldenCaseOut, case))


def _case(request: Request, pk: int) -> GoldenCase:
    return get_object_or_404(GoldenCase.objects.visible_to(viewer_of(request)), pk=pk)
