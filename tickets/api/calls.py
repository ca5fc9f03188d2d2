"""REST of calls: the log, one call, a call that somebody writes down. What telephone systems tell comes in by their webhook."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.models import Contact
from people.api.permissions import viewer_of
from tickets.api.views import read_body
from tickets.calls import call_list
from tickets.models import Call, Ticket
from tickets.services.log_call import LONGEST_SECONDS, log_call

NO_CALL = OpenApiResponse(description="No such call, or none that this key may see.")


class CallOut(serializers.ModelSerializer[Call]):
    """A call. ``number`` is the customer's in E.164, empty when it was withheld; ``line`` is ours. ``inbox`` is null for one that
    somebody has written down."""

    has_recording = serializers.SerializerMethodField()

    class Meta:
        model = Call
        fields: ClassVar = [
            "id", "inbox", "direction", "state", "number", "line", "caller_name", "contact", "ticket", "agent", "started_at",
            "answered_at", "ended_at", "duration_seconds", "has_recording", "transcript", "note", "outcome",
        ]  # fmt: skip

    def to_representation(self, instance: Call) -> dict[str, Any]:
        """Leave out a ticket that the viewer may not see."""
        told = super().to_representation(instance)
        return told if getattr(instance, "sees_ticket", True) else told | {"ticket": None}

    def get_has_recording(self, call: Call) -> bool:
        """Whether it was recorded; the recording is on the call's page."""
        return bool(call.recording_key)


class CallIn(serializers.Serializer[dict[str, Any]]):
    """A call that no telephone system has told of. One of number, contact and ticket says whom it was with."""

    direction = serializers.ChoiceField(choices=Call.Direction.choices)
    number = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    contact = serializers.IntegerField(min_value=1, max_value=2**62, required=False, allow_null=True)
    ticket = serializers.IntegerField(min_value=1, max_value=2**62, required=False, allow_null=True)
    started_at = serializers.DateTimeField(required=False, allow_null=True)
    duration_seconds = serializers.IntegerField(
        min_value=0, max_value=LONGEST_SECONDS, required=False, allow_null=True
    )
    note = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")
    outcome = serializers.ChoiceField(
        choices=Call.Outcome.choices, required=False, allow_blank=True, default=""
    )


class CallList(APIView):
    """All visible calls, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.note"}
    pagination_class = KeysetPagination
    # What they mean is in ``call_list``.
    listing = Listing(
        CallOut,
        filters=[
            Filter("direction", choices=tuple(Call.Direction.values)),
            Filter("state", choices=tuple(Call.State.values)),
            Filter("agent", "id", "agent_id", none=True),
            Filter("contact", "id", "contact_id", none=True),
            Filter("ticket", "id", "ticket_id", none=True),
            Filter("number"),
            Filter("started_after", "time", "started_at__gte"),
            Filter("started_before", "time", "started_at__lt"),
        ],
        orders=("-id", "started_at"),
    )

    @extend_schema(operation_id="calls_list", responses=CallOut(many=True))
    def get(self, request: Request) -> Response:
        """List calls."""
        viewer = viewer_of(request)
        rows = call_list(viewer, self.listing.asked(request)).order_by().select_related(None)
        return self.listing.answer(request, self, rows.with_seen_ticket(viewer))

    @extend_schema(operation_id="calls_create", request=CallIn, responses={201: CallOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Write down a call; with a ticket the note becomes a private note there."""
        viewer = viewer_of(request)
        wanted = read_body(CallIn, request)
        for name, rows in (("contact", Contact.objects), ("ticket", Ticket.objects)):
            wanted[name] = _visible(rows.visible_to(viewer), name, wanted.get(name))
        return Response(CallOut(log_call(**wanted, by=viewer)).data, status=status.HTTP_201_CREATED)


class CallDetail(APIView):
    """One call."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="calls_read", responses={200: CallOut, 404: NO_CALL})
    def get(self, request: Request, pk: int) -> Response:
        """Read a call."""
        viewer = viewer_of(request)
        rows = Call.objects.visible_to(viewer).with_seen_ticket(viewer)
        return Response(CallOut(rows.get(pk=pk)).data)


def _visible(rows: Any, name: str, pk: int | None) -> Any:
    """The row that the body names; raises ValidationError for one that the viewer cannot see."""
    found = None if pk is None else rows.filter(pk=pk).first()
    if pk is not None and found is None:
        raise ValidationError({name: [_("There is none here.")]})
    return found
