"""REST of the tags that the model suggests for a ticket."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api.properties import all_of
from tickets.api.views import NOT_FOUND, read_body
from tickets.selectors import ticket_of
from tickets.services.judge_tag import accept_tag, dismiss_tag
from tickets.suggested_tags import open_suggestions


class TagReasonOut(serializers.Serializer[Any]):
    """A term of the message that speaks for the tag."""

    term = serializers.CharField()
    weight = serializers.FloatField()


class TagSuggestionOut(serializers.Serializer[Any]):
    """A tag that waits for a word."""

    tag = serializers.CharField()
    probability = serializers.FloatField(help_text=_("0 to 1."))
    reasons = serializers.SerializerMethodField()
    model_version = serializers.CharField()
    suggested_at = serializers.DateTimeField()

    @extend_schema_field(TagReasonOut(many=True))
    def get_reasons(self, row: Any) -> list[dict[str, Any]]:
        """The terms with their weights."""
        return [{"term": term, "weight": weight} for term, weight in row.reasons]


class TagVerdictIn(serializers.Serializer[dict[str, Any]]):
    """Whether a suggested tag is put on the ticket (``accept``) or was wrong."""

    tag = serializers.CharField(max_length=60)
    accept = serializers.BooleanField()


_ANSWER = all_of("TicketTagSuggestionsOut", TagSuggestionOut)


class TicketTagSuggestions(APIView):
    """The suggested tags of a ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.edit"}

    @extend_schema(operation_id="ticket_tag_suggestions_list", responses={200: _ANSWER, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """List the tags that are suggested and wait for a word, the likeliest first, five at most."""
        return _told(viewer_of(request), pk)

    @extend_schema(
        operation_id="ticket_tag_suggestions_judge",
        request=TagVerdictIn,
        responses={200: _ANSWER, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Accept or dismiss a suggested tag; the model learns from either."""
        viewer = viewer_of(request)
        wanted = read_body(TagVerdictIn, request)
        act = accept_tag if wanted["accept"] else dismiss_tag
        act(ticket=ticket_of(viewer, pk), name=wanted["tag"], by=viewer)
        return _told(viewer, pk)


def _told(viewer: Viewer, pk: int) -> Response:
    rows = open_suggestions(ticket_of(viewer, pk))
    return Response({"results": TagSuggestionOut(rows, many=True).data})
