"""REST of journeys: the figures of stages, the stages themselves, and the history of one account."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.journeys import (
    PERIODS,
    USUAL_PERIOD,
    StageFigures,
    Transition,
    journey_accounts,
    journeys,
    moments_by_stage,
    stalled,
    stays_of,
)
from customers.models import Account, Stage, StageStay
from customers.services.move_stage import move_stage
from people.api.permissions import viewer_of

MOST_STALLED = 200


class StageOut(serializers.ModelSerializer[Stage]):
    """A stage with its rules (conditions on accounts, as in segments)."""

    class Meta:
        model = Stage
        fields = [
            "id", "key", "name", "phase", "position", "is_active", "is_automatic", "entry", "exit", "stall_days",
        ]  # fmt: skip


class MomentOut(serializers.Serializer[Any]):
    """What happened in a stage, over ``number`` cases."""

    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField()
    number = serializers.IntegerField()


class StageFiguresOut(serializers.Serializer[Any]):
    """One stage: medians of stays in days after Kaplan and Meier, null while fewer than half have left; shares of ended stays
    that ended the relation, with the 95 % interval of Wilson."""

    stage = serializers.CharField()
    present = serializers.IntegerField()
    entered = serializers.IntegerField()
    left = serializers.IntegerField()
    observed = serializers.IntegerField()
    ended = serializers.IntegerField()
    median_days = serializers.FloatField(allow_null=True)
    median_low = serializers.FloatField(allow_null=True)
    median_high = serializers.FloatField(allow_null=True)
    lost = serializers.IntegerField()
    lost_share = serializers.FloatField(allow_null=True)
    lost_low = serializers.FloatField(allow_null=True)
    lost_high = serializers.FloatField(allow_null=True)
    moments = MomentOut(many=True)


class TransitionOut(serializers.Serializer[Any]):
    """Moves between two stages."""

    source = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField()
    number = serializers.IntegerField()
    median_days = serializers.FloatField()


class StalledOut(serializers.Serializer[Any]):
    """An account without a step."""

    account = serializers.IntegerField()
    name = serializers.CharField()
    stage = serializers.CharField()
    entered_at = serializers.DateTimeField()
    last_touch_at = serializers.DateTimeField(allow_null=True)


class JourneysOut(serializers.Serializer[Any]):
    """All figures; ``stalled`` are at most 200, the longest first."""

    since = serializers.DateTimeField()
    accounts = serializers.IntegerField()
    stages = StageFiguresOut(many=True)
    transitions = TransitionOut(many=True)
    stalled = StalledOut(many=True)


class StayOut(serializers.ModelSerializer[StageStay]):
    """An account's time in a stage."""

    stage = serializers.CharField(source="stage.key")

    class Meta:
        model = StageStay
        fields = ["id", "stage", "entered_at", "left_at", "cause", "why"]


class MoveIn(serializers.Serializer[dict[str, Any]]):
    """A move by hand."""

    stage = serializers.SlugRelatedField(slug_field="key", queryset=Stage.objects.filter(is_active=True))
    why = serializers.CharField(max_length=240, allow_blank=True, default="")


class JourneyList(APIView):
    """Figures of journeys."""

    required_permissions: ClassVar = {"*": "customers.view"}

    @extend_schema(
        operation_id="journeys_read",
        parameters=[
            OpenApiParameter("days", int, enum=list(PERIODS), description=f"{USUAL_PERIOD} when absent"),
            OpenApiParameter("tier", str, enum=list(Account.Tier.values)),
            OpenApiParameter("segment", {"type": "integer", "minimum": 1}, description="id of a segment"),
            OpenApiParameter("owner", str, enum=["mine"]),
        ],
        responses=JourneysOut,
    )
    def get(self, request: Request) -> Response:
        """Tell dwell times, transitions, losses, moments and who stands still, as the page does."""
        viewer, asked = viewer_of(request), request.query_params
        days = asked.get("days", "") or str(USUAL_PERIOD)
        if days not in {str(one) for one in PERIODS}:
            raise ValidationError({"days": [", ".join(map(str, PERIODS))]})
        accounts = journey_accounts(viewer, asked.dict())
        found = journeys(accounts, days=int(days))
        moments = moments_by_stage(viewer, accounts, found.since)
        told = {
            "since": found.since,
            "accounts": found.accounts,
            "stages": [_stage(one, moments.get(one.stage.pk, [])) for one in found.stages],
            "transitions": [_move(one) for one in found.transitions],
            "stalled": [_stalled(stay) for stay in stalled(accounts)[:MOST_STALLED]],
        }
        return Response(JourneysOut(told).data)


def _stage(one: StageFigures, moments: Any) -> dict[str, Any]:
    low, high = one.dwell.median_interval
    return {
        "stage": one.stage.key,
        "present": one.present,
        "entered": one.entered,
        "left": one.left,
        "observed": one.dwell.n,
        "ended": one.dwell.events,
        "median_days": one.dwell.median,
        "median_low": low,
        "median_high": high,
        "lost": one.lost,
        "lost_share": one.lost_share,
        "lost_low": one.lost_low,
        "lost_high": one.lost_high,
        "moments": moments,
    }


def _move(one: Transition) -> dict[str, Any]:
    return {
        "source": one.source.key,
        "target": one.target.key,
        "number": one.number,
        "median_days": one.median_days,
    }


def _stalled(stay: StageStay) -> dict[str, Any]:
    return {
        "account": stay.account_id,
        "name": stay.account.name,
        "stage": stay.stage.key,
        "entered_at": stay.entered_at,
        "last_touch_at": stay.account.last_touch_at,
    }


class StageList(APIView):
    """The stages."""

    required_permissions: ClassVar = {"*": "customers.view"}

    @extend_schema(operation_id="stages_list", responses=StageOut(many=True))
    def get(self, request: Request) -> Response:
        """List the stages in their order; at most 20 exist. They are changed in the settings."""
        return Response(StageOut(Stage.objects.all(), many=True).data)


class AccountStages(APIView):
    """The stages of one account."""

    required_permissions: ClassVar = {"GET": "customers.view", "POST": "customers.edit"}

    @extend_schema(operation_id="account_stages_list", responses=StayOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List every stay, the oldest first."""
        account = get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)
        return Response(StayOut(stays_of(account), many=True).data)

    @extend_schema(operation_id="account_stages_create", request=MoveIn, responses={201: StayOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Move the account into a stage."""
        viewer = viewer_of(request)
        account = get_object_or_404(Account.objects.visible_to(viewer), pk=pk)
        wanted = MoveIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        stay = move_stage(account=account, by=viewer, **wanted.validated_data)
        return Response(StayOut(stay).data, status=status.HTTP_201_CREATED)
