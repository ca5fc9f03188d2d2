"""REST of what a version may do by itself, class by class: as measured, as changed, and how it goes."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.shapes import taken
from ml.class_modes import ClassRow, class_rows
from ml.live_precision import LivePrecision, live_precision
from ml.models import ClassMode, ModelVersion
from ml.services.set_class_mode import set_class_mode
from people.api.permissions import viewer_of

MODES = ClassMode.Mode.choices


class PrecisionOut(serializers.Serializer[Any]):
    """Of ``said`` answers ``right`` were right; ``low`` and ``high`` are Wilson's interval at 90 %."""

    said = serializers.IntegerField()
    right = serializers.IntegerField()
    precision = serializers.FloatField(source="value")
    low = serializers.FloatField()
    high = serializers.FloatField()


class LiveOut(serializers.Serializer[Any]):
    """Since the version serves and the class has its mode. ``at_most`` is what the labels still allow."""

    audits = serializers.IntegerField(source="audits.rows", default=0)
    audited = serializers.FloatField(source="audits.value", allow_null=True, default=None)
    said = serializers.IntegerField()
    corrected = serializers.IntegerField()
    at_most = serializers.FloatField()


class ClassOut(serializers.Serializer[Any]):
    """One class. ``mode`` is in force, ``measured`` what training found; an automatic class is applied from ``threshold`` on."""

    label = serializers.CharField()  # type: ignore[assignment]
    rows = serializers.IntegerField()
    mode = serializers.ChoiceField(choices=MODES)
    measured = serializers.ChoiceField(choices=MODES)
    threshold = serializers.FloatField()
    precision = PrecisionOut()
    at_threshold = PrecisionOut(source="there")
    held_out = PrecisionOut()
    reason = serializers.CharField(source="change.reason", default="")
    changed_by = serializers.ChoiceField(
        source="change.source", choices=ClassMode.Source.choices, allow_null=True, default=None
    )
    changed_at = serializers.DateTimeField(source="change.at", allow_null=True, default=None)
    live = LiveOut(allow_null=True)


class ClassModeIn(serializers.Serializer[dict[str, Any]]):
    """What shall hold for a class, and why."""

    label = serializers.CharField(max_length=120)  # type: ignore[assignment]
    mode = serializers.ChoiceField(choices=MODES)
    reason = serializers.CharField(max_length=2000)


class VersionClasses(APIView):
    """The classes of a version."""

    required_permissions: ClassVar = {"GET": "ml.view", "POST": ("ml.manage", "ml.approve")}

    @extend_schema(operation_id="ml_version_classes_list", responses=ClassOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """Read how precise each class is and what is done with it; empty for versions without measured classes."""
        return Response(_told(get_object_or_404(ModelVersion, pk=pk)))

    @extend_schema(operation_id="ml_version_classes_set", request=ClassModeIn, responses=ClassOut(many=True))
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let another mode hold for a class; less caution than measured takes the right to approve."""
        version = get_object_or_404(ModelVersion, pk=pk)
        set_class_mode(version=version, by=viewer_of(request), **taken(ClassModeIn, request.data))
        return Response(_told(version))


def _told(version: ModelVersion) -> Any:
    rows = class_rows([version]).get(version.pk, {})
    live = live_precision(version, rows)
    return ClassOut([_row(row, live.get(row.label)) for row in rows.values()], many=True).data


def _row(row: ClassRow, live: LivePrecision | None) -> dict[str, Any]:
    names = ("label", "rows", "mode", "measured", "threshold", "precision", "there", "held_out", "change")
    return {name: getattr(row, name) for name in names} | {"live": live}
