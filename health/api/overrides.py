"""REST of overrides and judgements. A view parses, calls one service or selector, answers."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing
from customers.models import Account
from health.api.bodies import body_of
from health.models import HealthOverride
from health.override_scoreboard import scoreboard
from health.services.give_pulse import give_pulse
from health.services.override_score import DEFAULT_DAYS, end_override, set_override
from people.api.permissions import viewer_of

NOT_FOUND = OpenApiResponse(description="There is none with this id, or none that this key may see.")


class OverrideOut(serializers.ModelSerializer[HealthOverride]):
    """A person's word on a score (``signal`` empty) or a measure. ``model_score`` and ``score`` are from when it was set."""

    account = serializers.IntegerField(source="account_id")
    created_by = serializers.IntegerField(source="created_by_id", allow_null=True)

    class Meta:
        model = HealthOverride
        fields = (
            "id", "account", "signal", "kind", "value", "reason", "state", "model_score", "score", "created_at",
            "created_by", "starts_at", "expires_at", "ended_at",
        )  # fmt: skip


class OverrideIn(serializers.Serializer[Any]):
    """An override: value, floor or ceiling, 0..100, with a reason, for 1 to 90 days."""

    signal = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    kind = serializers.ChoiceField(choices=HealthOverride.Kind.choices)
    value = serializers.FloatField(min_value=0, max_value=100)
    reason = serializers.CharField(max_length=2000)
    days = serializers.IntegerField(min_value=1, max_value=90, default=DEFAULT_DAYS)


class PulseIn(serializers.Serializer[Any]):
    """How healthy the account is, 0..100, and why."""

    value = serializers.FloatField(min_value=0, max_value=100)
    reason = serializers.CharField(max_length=2000)


class PulseOut(PulseIn):
    """A judgement that was stored."""

    id = serializers.IntegerField()
    account = serializers.IntegerField(source="account_id")
    given_at = serializers.DateTimeField()


class BoardLineOut(serializers.Serializer[Any]):
    """How the overrides of one person did after 90 days; ``better`` above 0: better than the model."""

    who = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    overrides = serializers.IntegerField()
    left = serializers.IntegerField()
    human_brier = serializers.FloatField()
    model_brier = serializers.FloatField()
    better = serializers.FloatField()


class AccountOverrides(APIView):
    """Overrides of one customer's health."""

    required_permissions: ClassVar = {"GET": "health.view", "POST": "health.override"}
    pagination_class = KeysetPagination
    listing = Listing(
        OverrideOut,
        filters=[Filter("state", lookup="state", choices=tuple(HealthOverride.State.values))],
        orders=("-id",),
    )

    @extend_schema(
        operation_id="account_overrides_list", responses={200: OverrideOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List overrides, newest first, ended ones too."""
        rows = HealthOverride.objects.visible_to(viewer_of(request)).filter(account=_account(request, pk))
        return self.listing.answer(request, self, rows)

    @extend_schema(
        operation_id="account_overrides_create",
        request=OverrideIn,
        responses={201: OverrideOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Override the score; one that raises a large account by 20 points waits for a second person (people only)."""
        wanted = body_of(OverrideIn, request)
        override = set_override(account=_account(request, pk), by=viewer_of(request), **wanted)
        return Response(OverrideOut(override).data, status=status.HTTP_201_CREATED)


class OverrideEnd(APIView):
    """The end of an override."""

    required_permissions: ClassVar = {"POST": "health.override"}

    @extend_schema(
        operation_id="overrides_end",
        request=None,
        responses={
            200: OverrideOut,
            404: NOT_FOUND,
            409: OpenApiResponse(description="It has ended already."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """End it before its time; the model's score counts again."""
        viewer = viewer_of(request)
        override = get_object_or_404(HealthOverride.objects.visible_to(viewer), pk=pk)
        if not end_override(override=override, by=viewer):
            raise Conflict("It has ended already.")
        override.refresh_from_db()
        return Response(OverrideOut(override).data)


class AccountPulses(APIView):
    """Judgements of one customer."""

    required_permissions: ClassVar = {"POST": "health.override"}

    @extend_schema(
        operation_id="account_pulses_create", request=PulseIn, responses={201: PulseOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Say how healthy the account is; cards that have the measure count it for about two months."""
        wanted = body_of(PulseIn, request)
        pulse = give_pulse(account=_account(request, pk), by=viewer_of(request), **wanted)
        return Response(PulseOut(pulse).data, status=status.HTTP_201_CREATED)


class OverrideScoreboard(APIView):
    """Whether people or the model were right."""

    required_permissions: ClassVar = {"GET": "health.view"}

    @extend_schema(operation_id="override_scoreboard", responses=BoardLineOut(many=True))
    def get(self, request: Request) -> Response:
        """Compare overrides of 90 days ago and older with the model, per person; the last line is all together."""
        return Response(BoardLineOut(scoreboard(viewer_of(request)), many=True).data)


def _account(request: Request, pk: int) -> Account:
    return get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)
