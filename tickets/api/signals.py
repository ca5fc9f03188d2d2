"""REST of what conversations say: lists, correction, what the model has missed."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, select
from people.api.permissions import viewer_of
from tickets.api.views import NOT_FOUND, read_body
from tickets.families import family_ids
from tickets.models import ConversationSignal, Message
from tickets.selectors import ticket_of
from tickets.services.judge_signal import add_signal, judge_signal


class SignalOut(serializers.Serializer[Any]):
    """One thing that a message says. ``probability`` is null for what rules or people found; ``words``, ``start`` and ``end`` are
    the exact words and their place, where known; ``due_at`` is for promises of ours."""

    id = serializers.IntegerField()
    ticket = serializers.IntegerField(source="message.ticket_id")
    message = serializers.IntegerField(source="message_id")
    kind = serializers.ChoiceField(choices=ConversationSignal.Kind.choices)
    state = serializers.ChoiceField(choices=ConversationSignal.State.choices)
    probability = serializers.FloatField(allow_null=True, min_value=0, max_value=1)
    found_by = serializers.CharField(source="source")
    words = serializers.CharField()
    start = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    said_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.IntegerField(source="decided_by_id", allow_null=True)
    kept_by = serializers.IntegerField(source="kept_by_id", allow_null=True)


class SignalIn(serializers.Serializer[dict[str, Any]]):
    """What is said in a customer's message that the model has missed."""

    message = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(
        choices=[one for one in ConversationSignal.Kind.choices if one[0] != ConversationSignal.Kind.PROMISE]
    )


class SignalChangeIn(serializers.Serializer[dict[str, Any]]):
    """What a person says about a signal; at least one of them."""

    state = serializers.ChoiceField(
        choices=[one for one in ConversationSignal.State.choices if one[0] != "broken"], required=False
    )
    due_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an empty change."""
        if not attrs:
            raise serializers.ValidationError({"state": "Give state or due_at."})
        return attrs


class Signals(APIView):
    """What all visible conversations say, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        SignalOut,
        filters=[
            Filter("kind", choices=tuple(ConversationSignal.Kind.values), lookup="kind"),
            Filter("state", choices=tuple(ConversationSignal.State.values), lookup="state"),
            Filter("ticket", "id", lookup="message__ticket"),
            Filter("account", "id", lookup="message__ticket__account"),
            Filter("since", "time", lookup="said_at__gte"),
            Filter("due_before", "time", lookup="due_at__lt"),
        ],
        orders=("-id", "said_at"),
        loads={"ticket": select("message")},
    )

    @extend_schema(operation_id="signals_list", responses=SignalOut(many=True))
    def get(self, request: Request) -> Response:
        """List signals."""
        return self.listing.answer(
            request, self, ConversationSignal.objects.visible_to(viewer_of(request)).order_by()
        )


class TicketSignals(APIView):
    """What one conversation says."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.edit"}
    pagination_class = None

    @extend_schema(operation_id="ticket_signals_list", responses={200: SignalOut(many=True), 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """List the signals of a ticket in the order in which they were said, dismissed ones included."""
        viewer = viewer_of(request)
        rows = ConversationSignal.objects.visible_to(viewer).filter(
            message__ticket__in=family_ids(ticket_of(viewer, pk))
        )
        return Response(SignalOut(rows.select_related("message"), many=True).data)

    @extend_schema(
        operation_id="ticket_signals_create", request=SignalIn, responses={201: SignalOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Say what a customer's message says; it counts as confirmed."""
        wanted = read_body(SignalIn, request)
        viewer = viewer_of(request)
        message = get_object_or_404(
            Message, pk=wanted["message"], ticket__in=family_ids(ticket_of(viewer, pk))
        )
        row = add_signal(message=message, kind=wanted["kind"], by=viewer)
        return Response(SignalOut(row).data, status=status.HTTP_201_CREATED)


class TicketSignal(APIView):
    """One signal of a conversation."""

    required_permissions: ClassVar = {"*": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_signals_update",
        request=SignalChangeIn,
        responses={200: SignalOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int, signal_pk: int) -> Response:
        """Confirm or dismiss what a customer's message says; tick a promise off, dismiss it or move its deadline."""
        wanted = read_body(SignalChangeIn, request)
        viewer = viewer_of(request)
        signal = get_object_or_404(
            ConversationSignal.objects.visible_to(viewer),
            pk=signal_pk,
            message__ticket__in=family_ids(ticket_of(viewer, pk)),
        )
        row = judge_signal(
            signal=signal, state=wanted.get("state", ""), due_at=wanted.get("due_at"), by=viewer
        )
        return Response(SignalOut(row).data)
