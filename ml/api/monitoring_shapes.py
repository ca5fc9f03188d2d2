"""What the watch over served models looks like over REST."""

from typing import Any, ClassVar

from rest_framework import serializers

from ml.models import AuditItem, DriftWindow, Feedback, Prediction, RollbackEvent


class AuditItemOut(serializers.ModelSerializer[AuditItem]):
    """A drawn subject. What the model said is told once the item is answered."""

    predicted_label = serializers.SerializerMethodField()

    class Meta:
        model = AuditItem
        fields: ClassVar = [
            "id", "task", "subject_kind", "subject_id", "day", "state", "label", "predicted_label", "user", "drawn_at",
            "answered_at",
        ]  # fmt: skip

    def get_predicted_label(self, item: AuditItem) -> str | None:
        """None before the item is answered."""
        return item.predicted_label if item.state == AuditItem.State.ANSWERED else None


class AuditSubjectOut(serializers.Serializer[Any]):
    """What there is to judge, and the labels to choose from (empty: any text)."""

    item = AuditItemOut()
    title = serializers.CharField()
    text = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class AuditAnswerIn(serializers.Serializer[dict[str, Any]]):
    """A label, or nothing at all for a subject that cannot be judged."""

    label = serializers.CharField(  # type: ignore[assignment]
        max_length=120, required=False, allow_blank=True, default=""
    )


class DriftWindowOut(serializers.ModelSerializer[DriftWindow]):
    """One item of a window of predictions against its reference; ``examples`` are ids of subjects."""

    examples = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        model = DriftWindow
        fields: ClassVar = [
            "id", "task", "version", "number", "item", "test", "rows", "reference_rows", "statistic", "effect", "p_value",
            "p_adjusted", "psi", "verdict", "shown", "examples", "starts_at", "ends_at",
        ]  # fmt: skip


class FeedbackIn(serializers.Serializer[dict[str, Any]]):
    """A true label of a subject, and where it comes from."""

    task = serializers.CharField(max_length=64)
    subject_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    label = serializers.CharField(max_length=120)  # type: ignore[assignment]
    source = serializers.ChoiceField(choices=["correction", "final_state", "qa"])  # type: ignore[assignment]


class FeedbackOut(serializers.ModelSerializer[Feedback]):
    """A label that a person gave."""

    class Meta:
        model = Feedback
        fields: ClassVar = [
            "id", "task", "subject_kind", "subject_id", "version", "predicted_label", "label", "source",
            "inclusion_probability", "user", "created_at",
        ]  # fmt: skip


class RollbackOut(serializers.ModelSerializer[RollbackEvent]):
    """What the watch did by itself; a freeze or pause is in force until ``ended_at``."""

    class Meta:
        model = RollbackEvent
        fields: ClassVar = [
            "id", "task", "trigger", "outcome", "from_version", "to_version", "evidence", "at", "ended_at", "ended_by",
        ]  # fmt: skip


class WeekOut(serializers.Serializer[Any]):
    """Accuracy of the answers of one week, as its blind audit tells, with the interval at 90 %."""

    week = serializers.DateField()
    accuracy = serializers.FloatField(source="estimate.value")
    low = serializers.FloatField(source="estimate.low")
    high = serializers.FloatField(source="estimate.high")
    labels = serializers.IntegerField(source="estimate.rows")


class ConfusionOut(serializers.Serializer[Any]):
    """A pair of labels that people corrected."""

    predicted = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class UnsureOut(serializers.ModelSerializer[Prediction]):
    """A subject that the model was unsure of and nobody has judged."""

    class Meta:
        model = Prediction
        fields: ClassVar = ["subject_kind", "subject_id", "label", "probability"]


class ClassToLabelOut(serializers.Serializer[Any]):
    """A class that the newest version has not learned, with its examples and how many it needs."""

    label = serializers.CharField()  # type: ignore[assignment]
    rows = serializers.IntegerField()
    needed = serializers.IntegerField()


class QualityOut(serializers.Serializer[Any]):
    """How good a task's answers were in the last twelve weeks."""

    weeks = WeekOut(many=True)
    confusions = ConfusionOut(many=True)
    to_label = UnsureOut(many=True)
    classes_to_label = ClassToLabelOut(many=True)


class DisagreementOut(serializers.Serializer[Any]):
    """A subject about which the two said different things, and its blind label, if there is one."""

    subject_id = serializers.IntegerField()
    live = serializers.CharField()
    shadow = serializers.CharField()
    live_probability = serializers.FloatField()
    shadow_probability = serializers.FloatField()
    truth = serializers.CharField()


class ShadowOut(serializers.Serializer[Any]):
    """Both about the same ``rows`` subjects; ``low`` to ``high`` is the 90 % interval of ``agreement``.

    Of the ``labelled`` ones, whose labels were given blindly, ``won`` were right in the shadow alone and ``lost`` in service
    alone; ``p_value`` is McNemar's for the shadow being better. ``live`` is null where the rules answer.
    """

    shadow = serializers.CharField(source="shadow.label")
    live = serializers.CharField(source="live.label", allow_null=True, default=None)
    rows = serializers.IntegerField()
    agree = serializers.IntegerField()
    agreement = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    labelled = serializers.IntegerField()
    won = serializers.IntegerField()
    lost = serializers.IntegerField()
    p_value = serializers.FloatField(allow_null=True)
    disagreements = DisagreementOut(many=True)
