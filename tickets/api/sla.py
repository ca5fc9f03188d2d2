"""REST of promises and escalations: why a deadline is what it is, escalate, acknowledge, take back."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from people.api.permissions import viewer_of
from people.models import Team, User
from tickets.api.views import NOT_FOUND
from tickets.selectors import ticket_of
from tickets.selectors_escalations import escalations_of, open_escalations
from tickets.services.escalate_ticket import acknowledge_escalation, de_escalate_ticket, escalate_ticket
from tickets.sla_explanation import explain_sla


class SlaPolicyOut(serializers.Serializer[Any]):
    """The policy that holds, in its present version; ``terms`` says which version the deadlines follow from."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    version = serializers.IntegerField()


class SlaTermsOut(serializers.Serializer[Any]):
    """A version of a policy. ``targets`` are first answer, next answer and solution in business seconds by priority; null is not
    promised. ``saved_by`` is null for what no person saved."""

    version = serializers.IntegerField()
    saved_at = serializers.DateTimeField()
    saved_by = serializers.IntegerField(source="saved_by_id", allow_null=True)
    name = serializers.CharField(source="terms.name")
    calendar = serializers.CharField(source="terms.calendar.name", default="")
    targets = serializers.DictField(
        source="terms.targets", child=serializers.ListField(child=serializers.IntegerField(allow_null=True))
    )


class SlaPromiseOut(serializers.Serializer[Any]):
    """One promise. Seconds are business seconds."""

    promise = serializers.ChoiceField(choices=["first_response", "next_response", "resolution"])
    state = serializers.ChoiceField(choices=["running", "paused", "kept", "broken", "idle"])
    promised_seconds = serializers.IntegerField()
    used_seconds = serializers.FloatField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    broken_at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField()


class SlaIntervalOut(serializers.Serializer[Any]):
    """A stretch in one status category; ``end`` is null for the present one, which counts until now."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    category = serializers.CharField()
    runs = serializers.BooleanField()
    business_seconds = serializers.FloatField()


class SlaStepOut(serializers.Serializer[Any]):
    """A step of the policy that was taken."""

    at = serializers.DateTimeField()
    promise = serializers.CharField()
    action = serializers.CharField()
    due_at = serializers.DateTimeField()
    outcome = serializers.CharField()


class SlaHolidayOut(serializers.Serializer[Any]):
    """A holiday that the clock passed over."""

    on = serializers.DateField()
    name = serializers.CharField()


class TicketSlaExplained(serializers.Serializer[Any]):
    """Why the deadlines are what they are. ``stored_differs``: the ticket has not been computed again after a change.
    ``overtaken``: the policy has a newer version than the deadlines were computed under."""

    policy = SlaPolicyOut(allow_null=True)
    terms = SlaTermsOut(allow_null=True)
    overtaken = serializers.BooleanField()
    condition = serializers.CharField(
        allow_blank=True, help_text=_("Empty when it asks about what the key may not read.")
    )
    calendar = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField(allow_blank=True)
    holidays = serializers.SerializerMethodField()
    next_due_at = serializers.DateTimeField(allow_null=True)
    promises = SlaPromiseOut(many=True)
    intervals = SlaIntervalOut(many=True, source="stretches")
    steps = SlaStepOut(many=True)
    stored_differs = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True)

    def get_holidays(self, why: Any) -> list[dict[str, Any]]:
        """The first holidays between opening and the last deadline."""
        return [dict(SlaHolidayOut({"on": on, "name": name}).data) for on, name in why.holidays]


class EscalationOut(serializers.Serializer[Any]):
    """An escalation; ``ended_at`` is null while it lasts. Without owner and team the leads own it."""

    id = serializers.IntegerField(source="pk")
    ticket = serializers.IntegerField(source="ticket_id")
    level = serializers.IntegerField()
    reason = serializers.CharField()
    rule = serializers.IntegerField(source="rule_id", allow_null=True)
    owner = serializers.IntegerField(source="owner_id", allow_null=True)
    owner_team = serializers.IntegerField(source="owner_team_id", allow_null=True)
    opened_at = serializers.DateTimeField()
    opened_by = serializers.IntegerField(source="opened_by_id", allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.IntegerField(source="acknowledged_by_id", allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = serializers.IntegerField(source="ended_by_id", allow_null=True)
    end_kind = serializers.CharField(allow_blank=True)
    end_reason = serializers.CharField(allow_blank=True)


class EscalationIn(serializers.Serializer[Any]):
    """Escalate by hand."""

    level = serializers.IntegerField(min_value=1, max_value=3)
    reason = serializers.CharField(max_length=300)
    owner = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), allow_null=True, default=None
    )
    owner_team = serializers.PrimaryKeyRelatedField(
        queryset=Team.objects.filter(is_active=True), allow_null=True, default=None
    )


class EscalationChangeIn(serializers.Serializer[Any]):
    """Acknowledge, or take back to a lower ``level`` (0 ends it)."""

    acknowledged = serializers.BooleanField(required=False)
    level = serializers.IntegerField(min_value=0, max_value=2, required=False)
    reason = serializers.CharField(max_length=300, allow_blank=True, default="")


class TicketSlaReason(APIView):
    """Why the deadlines of one ticket are what they are."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="ticket_sla_read", responses={200: TicketSlaExplained, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read the policy, every promise, and every stretch with what it counted."""
        viewer = viewer_of(request)
        return Response(TicketSlaExplained(explain_sla(ticket_of(viewer, pk), by=viewer)).data)


class TicketEscalations(APIView):
    """The escalations of one ticket, newest first."""

    required_permissions: ClassVar = {
        "GET": "tickets.view",
        "POST": "tickets.escalate",
        "PATCH": "tickets.edit",
    }

    @extend_schema(
        operation_id="ticket_escalations_list", responses={200: EscalationOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the last 100."""
        rows = escalations_of(ticket_of(viewer_of(request), pk))[:100]
        return Response(EscalationOut(rows, many=True).data)

    @extend_schema(
        operation_id="ticket_escalations_create",
        request=EscalationIn,
        responses={201: EscalationOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Escalate the ticket to a level above its present one."""
        wanted = EscalationIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        viewer = viewer_of(request)
        escalation = escalate_ticket(ticket=ticket_of(viewer, pk), by=viewer, **wanted.validated_data)
        return Response(EscalationOut(escalation).data, status=201)

    @extend_schema(
        operation_id="ticket_escalations_update",
        request=EscalationChangeIn,
        responses={200: EscalationOut(many=True), 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Acknowledge the present escalation, or take it back; answers with all of them."""
        wanted = EscalationChangeIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        viewer = viewer_of(request)
        values = wanted.validated_data
        ticket = ticket_of(viewer, pk)
        if ticket.escalation_level == 0:
            raise ValidationError({"level": ["The ticket is not escalated."]})
        if values.get("acknowledged"):
            acknowledge_escalation(ticket=ticket, by=viewer)
        if "level" in values:
            de_escalate_ticket(ticket=ticket, level=values["level"], reason=values["reason"], by=viewer)
        return Response(EscalationOut(escalations_of(ticket)[:100], many=True).data)


class EscalationList(APIView):
    """The escalations that last."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        EscalationOut,
        filters=[
            Filter("level", "number", lookup="level", choices=("1", "2", "3")),
            Filter("owner", "id", lookup="owner", none=True),
            Filter("owner_team", "id", lookup="owner_team", none=True),
            Filter("ticket", "id", lookup="ticket"),
        ],
        orders=("-id", "opened_at"),
    )

    @extend_schema(
        operation_id="escalations_list",
        responses=EscalationOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.listing.answer(request, self, open_escalations(viewer_of(request)))
