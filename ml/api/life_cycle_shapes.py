"""What models, their trainings and their versions look like over REST."""

from typing import Any, ClassVar

from rest_framework import serializers

from core.models import Approval
from ml.models import (
    AliasChange,
    DataCheck,
    DatasetSnapshot,
    GateResult,
    ModelAlias,
    ModelVersion,
    TrainingRun,
)


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
