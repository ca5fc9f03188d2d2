"""REST of trainings and the rows that they learn from."""

from typing import ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, prefetch, select
from core.api.shapes import shown, taken
from ml.api.life_cycle_shapes import RunOut, SnapshotOut, TrainIn
from ml.models import DatasetSnapshot, TrainingRun
from ml.registry import ml_tasks
from ml.services.start_training import repeat_training, start_training
from people.api.permissions import viewer_of

VIEW, MANAGE = "ml.view", "ml.manage"


class Snapshots(APIView):
    """Frozen training data."""

    required_permissions: ClassVar = {"GET": VIEW}
    pagination_class = KeysetPagination
    listing = Listing(
        SnapshotOut,
        filters=[Filter("task", "text", lookup="task")],
        loads={"checks": prefetch("checks")},
    )

    @extend_schema(operation_id="ml_snapshots_list", responses=SnapshotOut(many=True))
    def get(self, request: Request) -> Response:
        """List the snapshots, without their rows."""
        return self.listing.answer(request, self, DatasetSnapshot.objects.all())


class Runs(APIView):
    """Trainings."""

    required_permissions: ClassVar = {"GET": VIEW, "POST": MANAGE}
    pagination_class = KeysetPagination
    listing = Listing(
        RunOut,
        filters=[
            Filter("task", "text", lookup="task"),
            Filter("state", "text", lookup="state", choices=tuple(TrainingRun.State.values)),
        ],
        loads={"version_id": select("version")},
    )

    @extend_schema(operation_id="ml_runs_list", responses=RunOut(many=True))
    def get(self, request: Request) -> Response:
        """List the trainings."""
        return self.listing.answer(request, self, TrainingRun.objects.all())

    @extend_schema(operation_id="ml_runs_create", request=TrainIn, responses={202: RunOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Train a task; an open training of it is answered as it is."""
        task = taken(TrainIn, request.data)["task"]
        if task not in ml_tasks:
            raise serializers.ValidationError({"task": [f"one of {', '.join(one.key for one in ml_tasks)}"]})
        run = start_training(task=task, trigger=TrainingRun.Trigger.MANUAL, by=viewer_of(request))
        return Response(shown(RunOut, run), status=status.HTTP_202_ACCEPTED)


class RunDetail(APIView):
    """One training."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_runs_retrieve", responses=RunOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a training with its log."""
        return Response(
            shown(RunOut, get_object_or_404(TrainingRun.objects.select_related("version"), pk=pk))
        )


class RunRepeat(APIView):
    """The same again."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_runs_repeat", request=None, responses={202: RunOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Repeat a finished training from the same rows, parameters and seed."""
        run = repeat_training(run=get_object_or_404(TrainingRun, pk=pk), by=viewer_of(request))
        return Response(shown(RunOut, run), status=status.HTTP_202_ACCEPTED)
