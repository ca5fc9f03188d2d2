"""REST of why a ticket was routed as it was, and of a topic that has changed since."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.shapes import taken
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api.views import NOT_FOUND
from tickets.routing_reasons import routing_reasons
from tickets.selectors import ticket_of
from tickets.services.follow_topic import dismiss_topic, follow_topic


class SolvedTicketOut(serializers.Serializer[Any]):
    """A solved ticket that says something like it, and what it was about in the end."""

    id = serializers.IntegerField(source="ticket.pk")
    number = serializers.IntegerField(source="ticket.number")
    subject = serializers.CharField(source="ticket.subject")
    category = serializers.CharField()
    cosine = serializers.FloatField(help_text=_("0 to 1: how alike the meanings of the texts are."))


class TopicOut(serializers.Serializer[Any]):
    """A later message that is about something else; it waits for a decision."""

    category = serializers.CharField(source="category.name")
    message = serializers.IntegerField(source="message_id")
    probability = serializers.FloatField()
    model_version = serializers.CharField(source="source")
    proposed_at = serializers.DateTimeField()


class RoutingReasonsOut(serializers.Serializer[Any]):
    """At most five solved tickets, the nearest first; ``agree`` of them went to ``suggested``."""

    suggested = serializers.CharField(allow_blank=True)
    agree = serializers.IntegerField()
    solved = SolvedTicketOut(many=True)
    topic = TopicOut(allow_null=True)


class TopicIn(serializers.Serializer[dict[str, Any]]):
    """Whether the ticket goes where its later message belongs."""

    follow = serializers.BooleanField()


class TicketRoutingReasons(APIView):
    """Why a ticket was routed as it was."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_routing_reasons_retrieve", responses={200: RoutingReasonsOut, 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read where similar solved tickets went, and whether a later message is about something else."""
        return _told(viewer_of(request), pk)

    @extend_schema(
        operation_id="ticket_routing_reasons_decide",
        request=TopicIn,
        responses={200: RoutingReasonsOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Follow or dismiss a change of topic. Following moves the ticket and is no correction of its first message."""
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        if taken(TopicIn, request.data)["follow"]:
            follow_topic(ticket=ticket, by=viewer)
        else:
            dismiss_topic(ticket=ticket, by=viewer)
        return _told(viewer, pk)


def _told(viewer: Viewer, pk: int) -> Response:
    return Response(RoutingReasonsOut(routing_reasons(viewer, ticket_of(viewer, pk))).data)
