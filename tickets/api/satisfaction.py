"""REST of satisfaction surveys: those of a ticket, and all of them. Ratings come in through the customer's page alone."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, select
from people.api.permissions import viewer_of
from tickets.models import SatisfactionSurvey
from tickets.selectors import ticket_of
from tickets.selectors_satisfaction import survey_list, surveys_of


class SatisfactionOut(serializers.Serializer[Any]):
    """One survey. ``score`` 1 (very bad) to 5 (very good) is null without an answer; ``assignee`` owned the ticket then."""

    id = serializers.IntegerField()
    ticket = serializers.IntegerField(source="ticket_id")
    episode = serializers.IntegerField(source="episode.number")
    contact = serializers.IntegerField(source="contact_id")
    assignee = serializers.IntegerField(source="episode.assignee_id", allow_null=True)
    team = serializers.IntegerField(source="episode.team_id", allow_null=True)
    state = serializers.ChoiceField(choices=SatisfactionSurvey.State.choices)
    reason = serializers.CharField()
    send_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    rated_at = serializers.DateTimeField(allow_null=True)
    score = serializers.IntegerField(allow_null=True, min_value=1, max_value=5)
    comment = serializers.CharField()


class SatisfactionList(APIView):
    """All visible surveys, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    # What they mean is in ``survey_list``.
    listing = Listing(
        SatisfactionOut,
        filters=[
            Filter("score", choices=("1", "2", "3", "4", "5")),
            Filter("state", choices=tuple(SatisfactionSurvey.State.values)),
            Filter("rated", choices=("yes", "no")),
        ],
        orders=("-id", "send_at"),
        loads={name: select("episode") for name in ("episode", "assignee", "team")},
    )

    @extend_schema(
        operation_id="satisfaction_list",
        responses=SatisfactionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List surveys."""
        rows = survey_list(viewer_of(request), self.listing.asked(request))
        return self.listing.answer(request, self, rows)


class TicketSatisfaction(APIView):
    """The surveys about one ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = None

    @extend_schema(
        operation_id="ticket_satisfaction_list",
        responses={
            200: SatisfactionOut(many=True),
            404: OpenApiResponse(description="No such ticket, or none that this key may see."),
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the surveys of a ticket, the newest episode first."""
        viewer = viewer_of(request)
        rows = surveys_of(viewer, ticket_of(viewer, pk).pk)
        return Response(SatisfactionOut(rows, many=True).data)
