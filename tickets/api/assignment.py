"""REST of assignment: why a ticket has its owner, or who would get it now."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.api.permissions import viewer_of
from tickets.assignment import VERDICTS
from tickets.assignment_story import assignment_story
from tickets.selectors import ticket_of


class ConsideredOut(serializers.Serializer[Any]):
    """What was said of one member of the team."""

    user_id = serializers.IntegerField()
    name = serializers.CharField()
    verdict = serializers.ChoiceField(choices=list(VERDICTS))
    words = serializers.CharField()
    load = serializers.IntegerField()
    capacity = serializers.IntegerField()


class AssignmentOut(serializers.Serializer[Any]):
    """``is_preview``: nobody has the ticket; ``considered`` then says who would get it now."""

    assignee_id = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    is_preview = serializers.BooleanField()
    considered = ConsideredOut(many=True)


class TicketAssignment(APIView):
    """The assignment of one ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(
        operation_id="ticket_assignment_read",
        responses={200: AssignmentOut, 404: OpenApiResponse(description="No such ticket in sight.")},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Say why."""
        ticket = ticket_of(viewer_of(request), pk)
        story = assignment_story(ticket)
        answer = {
            "assignee_id": ticket.assignee_id,
            "reason": story.reason,
            "is_preview": story.is_preview,
            "considered": story.lines,
        }
        return Response(AssignmentOut(answer).data)
