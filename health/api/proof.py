"""REST of what scores were worth: bands with what became of them, churns that no score announced."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Invalid
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.models import Account
from health.models import SurpriseChurn
from health.outcomes import band_proofs
from health.services.review_surprises import close_surprise
from people.api.permissions import viewer_of


class BandProofOut(serializers.Serializer[Any]):
    """Of ``account_days`` in the band ``churned`` left within 90 days after a week; ``low`` to ``high`` is Wilson's 95 %."""

    band = serializers.ChoiceField(choices=Account.Band.choices)
    account_days = serializers.IntegerField()
    churned = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class MissedOut(serializers.Serializer[Any]):
    """A signal that was low, or missing (``n`` null), when the score was still calm."""

    key = serializers.CharField()
    n = serializers.FloatField(allow_null=True)


class SurpriseOut(serializers.ModelSerializer[SurpriseChurn]):
    """A churn out of a band that was healthy or steady 60 days before, and its review."""

    account = serializers.IntegerField(source="account_id")
    missed = MissedOut(many=True)

    class Meta:
        model = SurpriseChurn
        fields: ClassVar = [
            "id", "account", "left_on", "arr", "currency", "seen_on", "band", "score", "card_version", "missed", "opened_at",
            "root_cause", "note", "closed_at",
        ]  # fmt: skip


class ReviewIn(serializers.Serializer[Any]):
    """Why nobody saw it coming."""

    root_cause = serializers.ChoiceField(choices=SurpriseChurn.RootCause.choices)
    note = serializers.CharField(max_length=2000, allow_blank=True, default="")


class BandList(APIView):
    """What became of each band."""

    required_permissions: ClassVar = {"GET": "health.view"}
    pagination_class = None

    @extend_schema(operation_id="health_bands", responses=BandProofOut(many=True))
    def get(self, request: Request) -> Response:
        """Read the bands that were measured, best first; empty until the first window has closed."""
        viewer_of(request).require("health.view")
        return Response(BandProofOut(list(band_proofs().values()), many=True).data)


class SurpriseList(APIView):
    """Churns that no score announced."""

    required_permissions: ClassVar = {"GET": "health.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        SurpriseOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter(
                "open", "flag", lookup="closed_at__isnull", description="true: those still to be reviewed"
            ),
        ],
        orders=("-id", "left_on"),
    )

    @extend_schema(operation_id="health_surprises_list", responses=SurpriseOut(many=True))
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        viewer = viewer_of(request)
        return self.listing.answer(
            request, self, SurpriseChurn.objects.visible_to(viewer), viewer=viewer
        )  # fmt: skip


class SurpriseClose(APIView):
    """The review of a churn."""

    required_permissions: ClassVar = {"POST": "health.override"}

    @extend_schema(operation_id="health_surprise_close", request=ReviewIn, responses=SurpriseOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Close it with its root cause; one that is closed stays as it is."""
        viewer = viewer_of(request)
        surprise = get_object_or_404(SurpriseChurn.objects.visible_to(viewer), pk=pk)
        wanted = ReviewIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            close_surprise(by=viewer, surprise=surprise, **wanted.validated_data)
        except Invalid as error:
            raise ValidationError(error.message_dict) from error
        surprise.refresh_from_db()
        return Response(SurpriseOut(surprise).data)
