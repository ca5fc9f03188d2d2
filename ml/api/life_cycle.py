"""REST of models: what is served, what it was made of, and the steps of its life. People alone propose and approve."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import Http404
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
from core.models import Approval
from ml.cards import card_of, markdown
from ml.lineage import lineage_of_prediction
from ml.models import (
    AliasChange,
    DataCheck,
    DatasetSnapshot,
    GateResult,
    ModelAlias,
    ModelVersion,
    Prediction,
    TrainingRun,
)
from ml.registry import MLTask, ml_tasks
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from ml.services.retire_version import retire_version
from ml.services.roll_back import roll_back
from ml.services.set_trial import end_trial, set_trial
from ml.services.start_training import repeat_training, start_training
from people.api.authentication import ViewerSessionAuthentication
from people.api.permissions import viewer_of

VIEW, MANAGE, APPROVE = "ml.view", "ml.manage", "ml.approve"


class AliasOut(serializers.ModelSerializer[ModelAlias]):
    """Which version serves as what."""

    version = serializers.CharField(source="version.label")
    version_id = serializers.IntegerField()

    class Meta:
        model = ModelAlias
        fields: ClassVar = ["name", "version", "version_id", "share", "changed_at"]


class TaskOut(serializers.Serializer[Any]):
    """Something the product predicts. ``aliases`` is empty while its own rules answer."""

    key = serializers.CharField()
    title = serializers.CharField()
    purpose = serializers.CharField()
    aliases = AliasOut(many=True)


class CheckOut(serializers.ModelSerializer[DataCheck]):
    """What a check of the rows saw."""

    key = serializers.CharField(source="check_key")

    class Meta:
        model = DataCheck
        fields: ClassVar = ["key", "severity", "ok", "observed", "threshold", "samples"]


class SnapshotOut(serializers.ModelSerializer[DatasetSnapshot]):
    """Frozen rows; ``digest`` is their fingerprint in any order."""

    checks = CheckOut(many=True)

    class Meta:
        model = DatasetSnapshot
        fields: ClassVar = [
            "id", "task", "rows", "erased_rows", "first_at", "last_at", "label_counts", "slice_counts", "label_sources",
            "digest", "created_at", "checks",
        ]  # fmt: skip


class RunOut(serializers.ModelSerializer[TrainingRun]):
    """A training. ``reproduced`` tells of a repetition whether the same content came of it."""

    snapshot_id = serializers.IntegerField(allow_null=True)
    version_id = serializers.SerializerMethodField()
    repeats_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = TrainingRun
        fields: ClassVar = [
            "id", "task", "trigger", "state", "error", "snapshot_id", "version_id", "repeats_id", "reproduced", "params",
            "seed", "code_digest", "environment", "environment_digest", "cpu_seconds", "peak_megabytes", "log", "created_at",
            "started_at", "finished_at",
        ]  # fmt: skip

    def get_version_id(self, run: TrainingRun) -> int | None:
        """The version that came of it."""
        version = getattr(run, "version", None)
        return version.pk if version else None


class GateOut(serializers.ModelSerializer[GateResult]):
    """A gate's verdict."""

    class Meta:
        model = GateResult
        fields: ClassVar = ["gate", "state", "observed", "threshold", "detail"]


class VersionOut(serializers.ModelSerializer[ModelVersion]):
    """A trained model with its figures on rows that it had not seen, the trivial model's beside them."""

    name = serializers.CharField(source="label")
    run_id = serializers.IntegerField(allow_null=True)
    gates = GateOut(many=True)

    class Meta:
        model = ModelVersion
        fields: ClassVar = [
            "id", "name", "task", "number", "stage", "stage_reason", "digest", "run_id", "metrics", "baseline_metrics",
            "verified_at", "defect", "created_at", "gates",
        ]  # fmt: skip


class AliasChangeOut(serializers.ModelSerializer[AliasChange]):
    """A move of an alias; ``to_version`` null: to the task's own rules."""

    from_version = serializers.CharField(source="from_version.label", allow_null=True, default=None)
    to_version = serializers.CharField(source="to_version.label", allow_null=True, default=None)
    approval_id = serializers.IntegerField(allow_null=True)
    user_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = AliasChange
        fields: ClassVar = [
            "id", "task", "name", "kind", "from_version", "to_version", "share", "approval_id", "user_id", "reason", "at",
        ]  # fmt: skip


class ApprovalOut(serializers.ModelSerializer[Approval]):
    """A request and what was decided."""

    requested_by_id = serializers.IntegerField()
    decided_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Approval
        fields: ClassVar = [
            "id", "state", "reason", "checklist", "requested_by_id", "requested_at", "expires_at", "decided_by_id",
            "decided_at", "comment",
        ]  # fmt: skip


class LineageOut(serializers.Serializer[Any]):
    """Prediction, version, run, snapshot, and who let the version serve; null where there is none."""

    prediction_id = serializers.IntegerField()
    answered_by = serializers.CharField()
    version = VersionOut(allow_null=True)
    run = RunOut(allow_null=True)
    snapshot = SnapshotOut(allow_null=True)
    service = AliasChangeOut(allow_null=True)
    approval = ApprovalOut(allow_null=True)


class CardOut(serializers.Serializer[Any]):
    """The model card."""

    markdown = serializers.CharField()


class TrainIn(serializers.Serializer[dict[str, Any]]):
    """Which task."""

    task = serializers.CharField(max_length=64)


class ReasonIn(serializers.Serializer[dict[str, Any]]):
    """Why."""

    reason = serializers.CharField(max_length=2000)


class PromoteIn(serializers.Serializer[dict[str, Any]]):
    """Why, if it needs words."""

    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class ProposeIn(ReasonIn):
    """Why, and what was looked at."""

    checklist = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=20, required=False, default=list
    )


class DecideIn(serializers.Serializer[dict[str, Any]]):
    """What to say to it."""

    comment = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class TrialIn(serializers.Serializer[dict[str, Any]]):
    """As what, for how many percent of the subjects."""

    name = serializers.ChoiceField(choices=["canary", "shadow"])
    share = serializers.IntegerField(min_value=1, max_value=100, required=False, default=10)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class Tasks(APIView):
    """What the product predicts."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_tasks_list", responses=TaskOut(many=True))
    def get(self, request: Request) -> Response:
        """List the tasks with the versions that serve them."""
        aliases = list(ModelAlias.objects.select_related("version").order_by("name"))
        rows = [_task_row(task, aliases) for task in ml_tasks]
        return Response(TaskOut(rows, many=True).data)


def _task_row(task: MLTask, aliases: Sequence[ModelAlias]) -> dict[str, Any]:
    own = [alias for alias in aliases if alias.task == task.key]
    return {"key": task.key, "title": str(task.title), "purpose": str(task.purpose), "aliases": own}


class TaskRollback(APIView):
    """The way back."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_task_roll_back", request=ReasonIn, responses=AliasChangeOut)
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        """Put the champion before the present one back into service, or the task's own rules."""
        _known_task(key)
        reason = taken(ReasonIn, request.data)["reason"]
        return Response(shown(AliasChangeOut, roll_back(task=key, by=viewer_of(request), reason=reason)))


class TaskTrial(APIView):
    """A canary or a shadow that runs."""

    required_permissions: ClassVar = {"DELETE": MANAGE}

    @extend_schema(operation_id="ml_task_end_trial", responses={204: None})
    def delete(self, request: Request, key: str, name: str) -> Response:
        """End a trial."""
        _known_task(key)
        if not end_trial(task=key, name=name, by=viewer_of(request)):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class AliasChanges(APIView):
    """The history of what served."""

    required_permissions: ClassVar = {"GET": VIEW}
    pagination_class = KeysetPagination
    listing = Listing(
        AliasChangeOut,
        filters=[Filter("task", "text", lookup="task"), Filter("name", "text", lookup="name")],
        loads={"from_version": select("from_version"), "to_version": select("to_version")},
    )

    @extend_schema(operation_id="ml_alias_changes_list", responses=AliasChangeOut(many=True))
    def get(self, request: Request) -> Response:
        """List the moves of champions, canaries and shadows, the newest first."""
        return self.listing.answer(request, self, AliasChange.objects.all())


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


class Versions(APIView):
    """Trained models."""

    required_permissions: ClassVar = {"GET": VIEW}
    pagination_class = KeysetPagination
    listing = Listing(
        VersionOut,
        filters=[
            Filter("task", "text", lookup="task"),
            Filter("stage", "text", lookup="stage", choices=tuple(ModelVersion.Stage.values)),
        ],
        loads={"gates": prefetch("gates")},
    )

    @extend_schema(operation_id="ml_versions_list", responses=VersionOut(many=True))
    def get(self, request: Request) -> Response:
        """List the versions with their figures and gates."""
        return self.listing.answer(request, self, ModelVersion.objects.all())


class VersionDetail(APIView):
    """One version."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_versions_retrieve", responses=VersionOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a version."""
        return Response(shown(VersionOut, get_object_or_404(ModelVersion, pk=pk)))


class VersionCard(APIView):
    """The model card."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_versions_card", responses=CardOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read the card as Markdown."""
        card = card_of(get_object_or_404(ModelVersion, pk=pk), viewer_of(request))
        return Response({"markdown": markdown(card)})


class VersionPromote(APIView):
    """Into service."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_promote", request=PromoteIn, responses=AliasOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Make an approved version the champion of its task."""
        version = get_object_or_404(ModelVersion, pk=pk)
        reason = taken(PromoteIn, request.data)["reason"]
        return Response(
            shown(AliasOut, promote_version(version=version, by=viewer_of(request), reason=reason))
        )


class VersionTrial(APIView):
    """On trial."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_try", request=TrialIn, responses=AliasOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let a version answer a share of the subjects (canary), or beside the champion without effect (shadow)."""
        version = get_object_or_404(ModelVersion, pk=pk)
        alias = set_trial(version=version, by=viewer_of(request), **taken(TrialIn, request.data))
        return Response(shown(AliasOut, alias))


class VersionRetire(APIView):
    """Out of use."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_retire", request=ReasonIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Retire a version for good."""
        version = get_object_or_404(ModelVersion, pk=pk)
        reason = taken(ReasonIn, request.data)["reason"]
        return Response(
            shown(VersionOut, retire_version(version=version, by=viewer_of(request), reason=reason))
        )


class VersionPropose(APIView):
    """The first pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_propose", request=ProposeIn, responses={201: ApprovalOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Ask that somebody else approves a candidate."""
        version = get_object_or_404(ModelVersion, pk=pk)
        approval = propose_version(version=version, by=viewer_of(request), **taken(ProposeIn, request.data))
        return Response(shown(ApprovalOut, approval), status=status.HTTP_201_CREATED)


class VersionApprove(APIView):
    """The second pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": APPROVE}

    @extend_schema(operation_id="ml_versions_approve", request=DecideIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Approve a version that somebody else has proposed and trained."""
        return _decide(request, pk, approve=True)


class VersionReject(APIView):
    """The second pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": APPROVE}

    @extend_schema(operation_id="ml_versions_reject", request=DecideIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Reject a version that somebody else has proposed and trained."""
        return _decide(request, pk, approve=False)


def _decide(request: Request, pk: int, *, approve: bool) -> Response:
    version = get_object_or_404(ModelVersion, pk=pk)
    comment = taken(DecideIn, request.data)["comment"]
    version = decide_version(version=version, approve=approve, by=viewer_of(request), comment=comment)
    return Response(shown(VersionOut, version))


class PredictionLineage(APIView):
    """Where an answer comes from."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_prediction_lineage", responses=LineageOut)
    def get(self, request: Request, pk: int) -> Response:
        """Follow a prediction back to the rows and the code that made it."""
        try:
            found = lineage_of_prediction(pk, viewer_of(request))
        except Prediction.DoesNotExist as error:
            raise Http404 from error
        source = found.prediction.source if found.prediction else ""
        rows = {name: getattr(found, name) for name in ("version", "run", "snapshot", "service", "approval")}
        return Response(LineageOut({"prediction_id": pk, "answered_by": source, **rows}).data)


def _known_task(key: str) -> None:
    if key not in ml_tasks:
        raise Http404
