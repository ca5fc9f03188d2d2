"""REST of questions to models. Web processes load no model: a question is stored and a worker answers it."""

from typing import Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.shapes import shown, taken
from ml.models import PredictionRequest
from ml.registry import ml_tasks
from ml.services.ask_model import LONGEST_TEXT, RATE_WINDOW, TooManyQuestions, ask_model
from people.api.permissions import viewer_of

VIEW = "ml.view"
NOT_FOUND = OpenApiResponse(description="There is none with this id, or none that this key has asked.")


class AskIn(serializers.Serializer[dict[str, Any]]):
    """Exactly one of the two; a subject is one that the key may see."""

    text = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True, default="")
    subject_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)


class PredictionRequestOut(serializers.ModelSerializer[PredictionRequest]):
    """A question and its answer. ``answered_by`` names a version or the rules that stood in for one.

    With ``abstained`` a person should decide; an empty ``label`` says that even the rules know nothing.
    """

    state = serializers.ChoiceField(choices=["waiting", "answered"])
    answered_by = serializers.CharField(source="source")
    version_id = serializers.IntegerField(allow_null=True)
    alternatives = serializers.ListField(child=serializers.ListField())

    class Meta:
        model = PredictionRequest
        fields: ClassVar = [
            "id", "task", "subject_id", "state", "label", "probability", "abstained", "alternatives", "answered_by",
            "version_id", "created_at", "answered_at",
        ]  # fmt: skip


class Predict(APIView):
    """A question to a task."""

    required_permissions: ClassVar = {"POST": VIEW}

    @extend_schema(
        operation_id="ml_predict",
        request=AskIn,
        responses={202: PredictionRequestOut, 429: OpenApiResponse(description="60 questions in a minute.")},
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        """Ask what the model in service says; read the answer from the question a second later. Nothing acts on it."""
        if key not in ml_tasks:
            raise Http404
        asked = taken(AskIn, request.data)
        try:
            question = ask_model(
                task=key, by=viewer_of(request), text=asked["text"], subject_id=asked.get("subject_id")
            )
        except TooManyQuestions as error:
            raise Throttled(wait=int(RATE_WINDOW.total_seconds())) from error
        return Response(shown(PredictionRequestOut, question), status=status.HTTP_202_ACCEPTED)


class PredictionRequestDetail(APIView):
    """One question."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(
        operation_id="ml_prediction_requests_read", responses={200: PredictionRequestOut, 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read a question of one's own, for a day."""
        own = PredictionRequest.objects.visible_to(viewer_of(request))
        return Response(shown(PredictionRequestOut, get_object_or_404(own, pk=pk)))
