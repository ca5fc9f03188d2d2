"""REST of features: the catalogue."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ml.features.catalogue import Entry, catalogue
from people.api.permissions import viewer_of


class FeatureUseOut(serializers.Serializer[Any]):
    """A task that uses the feature; ``champion`` is empty while rules answer. ``versions`` names the models that learned from
    each version of the feature."""

    task = serializers.CharField()
    champion = serializers.CharField(allow_blank=True)
    versions = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class FeatureOut(serializers.Serializer[Any]):
    """A feature: what is known about a subject at a moment. ``lookback_seconds`` null: it looks back to the beginning; ``kept``:
    its values are stored hourly; ``drift`` is empty, none, watch or alarm."""

    name = serializers.CharField(source="definition.name")
    version = serializers.IntegerField(source="definition.version")
    entity = serializers.CharField(source="definition.entity")
    dtype = serializers.CharField(source="definition.dtype")
    description = serializers.CharField(source="definition.description")
    owner = serializers.CharField(source="definition.owner")
    sources = serializers.ListField(child=serializers.CharField(), source="definition.sources")
    lookback_seconds = serializers.SerializerMethodField()
    kept = serializers.BooleanField(source="definition.kept")
    example = serializers.SerializerMethodField()
    drift = serializers.CharField(allow_blank=True)
    used_by = FeatureUseOut(many=True, source="uses")

    def get_lookback_seconds(self, entry: Entry) -> int | None:
        """How far back it looks."""
        lookback = entry.definition.lookback
        return None if lookback is None else int(lookback.total_seconds())

    @extend_schema_field({"description": "A number, a word, true or false, or null."})
    def get_example(self, entry: Entry) -> Any:
        """One value."""
        return entry.example


class Features(APIView):
    """What models know."""

    required_permissions: ClassVar = {"GET": "ml.view"}

    @extend_schema(operation_id="ml_features_list", responses=FeatureOut(many=True))
    def get(self, request: Request) -> Response:
        """List every feature by name, with what uses it."""
        return Response(FeatureOut(catalogue(viewer_of(request)), many=True).data)
