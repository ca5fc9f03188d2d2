"""REST of what says the same: similar tickets, macros that fit, incidents and the decision about them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api.views import NOT_FOUND
from tickets.models import Incident
from tickets.selectors import ticket_of
from tickets.services.decide_incident import confirm_incident, dismiss_incident
from tickets.services.save_similar_rules import MOST_CUSTOMERS, MOST_HOURS, save_similar_rules
from tickets.similar import INCIDENT_STATES, incidents_for, incidents_in, shown_incident, similar_to
from tickets.similar_rules import LOWEST_THRESHOLD, SimilarRules, similar_rules

MOST = 20


class SimilarTicketOut(serializers.Serializer[Any]):
    """A ticket that says something like it. ``answer`` is the last answer to it as it was typed, null without one."""

    id = serializers.IntegerField(source="ticket.pk")
    number = serializers.IntegerField(source="ticket.number")
    subject = serializers.CharField(source="ticket.subject")
    status_category = serializers.CharField(source="ticket.status_category")
    resolved_at = serializers.DateTimeField(source="ticket.resolved_at", allow_null=True)
    cosine = serializers.FloatField(help_text=_("0 to 1: how alike the meanings of the texts are."))
    answer = serializers.SerializerMethodField()

    def get_answer(self, found: Any) -> str | None:
        """The text of the last answer."""
        return None if found.answer is None else found.answer.body_text


class SimilarMacroOut(serializers.Serializer[Any]):
    """A macro that fits."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    cosine = serializers.FloatField()


class SimilarOut(serializers.Serializer[Any]):
    """Solved tickets first, each group the nearest first. ``searched_at`` is null before anybody has looked; ``searched`` of
    ``total`` tickets were compared."""

    searched_at = serializers.DateTimeField(allow_null=True)
    searched = serializers.IntegerField()
    total = serializers.IntegerField()
    tickets = SimilarTicketOut(many=True)
    macros = serializers.SerializerMethodField()

    @extend_schema_field(SimilarMacroOut(many=True))
    def get_macros(self, found: Any) -> list[dict[str, Any]]:
        """The macros, the best first."""
        return [
            {"id": one.macro.pk, "name": one.macro.name, "cosine": cosine} for one, cosine in found.macros
        ]


class IncidentOut(serializers.Serializer[Any]):
    """An incident as the key sees it. ``ticket`` is the one that the others are children of, null until it is confirmed;
    ``unlinked`` are those that confirming would link. ``arr`` is the yearly revenue of ``accounts`` by currency; both are null
    for keys that may not read accounts."""

    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=Incident.State.choices)
    ticket = serializers.SerializerMethodField()
    tickets = serializers.SerializerMethodField()
    unlinked = serializers.SerializerMethodField()
    proposed_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    open_tickets = serializers.SerializerMethodField(help_text=_("How many of the tickets are not over."))
    first_at = serializers.SerializerMethodField(help_text=_("When the first of the tickets came."))
    last_at = serializers.SerializerMethodField()
    accounts = serializers.SerializerMethodField()
    arr = serializers.SerializerMethodField()

    def get_open_tickets(self, incident: Incident) -> int:
        """How many are not over."""
        return shown_incident(incident).still_open

    def get_first_at(self, incident: Incident) -> datetime:
        """When the first of the tickets came."""
        return shown_incident(incident).first_at

    def get_last_at(self, incident: Incident) -> datetime:
        """When the last of them came."""
        return shown_incident(incident).last_at

    def get_accounts(self, incident: Incident) -> list[int] | None:
        """The ids of the companies, the most valuable first."""
        if not self._may_read_accounts():
            return None
        return [one.pk for one in shown_incident(incident).accounts]

    def get_arr(self, incident: Incident) -> dict[str, Decimal] | None:
        """Their yearly revenue."""
        return shown_incident(incident).arr if self._may_read_accounts() else None

    def _may_read_accounts(self) -> bool:
        return bool(self.context.get("sees_accounts"))

    def get_ticket(self, incident: Incident) -> int | None:
        """The first ticket, when the key sees it."""
        seen = {one.pk for one in shown_incident(incident).tickets}
        return incident.ticket_id if incident.ticket_id in seen else None

    def get_tickets(self, incident: Incident) -> list[int]:
        """The ids of the tickets that say the same, oldest first."""
        return [one.pk for one in shown_incident(incident).tickets]

    def get_unlinked(self, incident: Incident) -> list[int]:
        """The ids of those that are not linked yet."""
        return [one.pk for one in shown_incident(incident).unlinked]


class TicketSimilar(APIView):
    """What says the same as a ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="ticket_similar", responses={200: SimilarOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read similar tickets and macros that fit, found when the ticket came and again within the hour while it is open."""
        viewer = viewer_of(request)
        return Response(SimilarOut(similar_to(viewer, ticket_of(viewer, pk), limit=MOST)).data)


class IncidentList(APIView):
    """Incidents: tickets of several customers that say the same."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        IncidentOut,
        filters=[
            Filter("state", lookup="state", choices=("proposed", "confirmed", "dismissed")),
            Filter("progress", choices=INCIDENT_STATES, description="Whether tickets of it are open."),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="incidents_list", responses=IncidentOut(many=True))
    def get(self, request: Request) -> Response:
        """List the incidents with at least one visible ticket, newest first."""
        viewer, progress = viewer_of(request), request.query_params.get("progress", "")
        if progress and progress not in INCIDENT_STATES:
            raise ValidationError({"progress": [_("Choose one of: %s.") % ", ".join(INCIDENT_STATES)]})
        rows = incidents_in(viewer, progress) if progress else incidents_for(viewer)
        return self.listing.answer(request, self, rows, **_context(viewer))


class IncidentConfirm(APIView):
    """The decision for it."""

    required_permissions: ClassVar = {"POST": "tickets.edit"}

    @extend_schema(
        operation_id="incident_confirm",
        request=None,
        responses={
            200: IncidentOut,
            400: OpenApiResponse(description="Fewer than two tickets can be linked."),
            404: OpenApiResponse(description="No such incident."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Link the tickets as children of the oldest one; repeated, those that came since."""
        viewer = viewer_of(request)
        confirm_incident(incident=_incident(viewer, pk), by=viewer)
        return Response(IncidentOut(_incident(viewer, pk), context=_context(viewer)).data)


class IncidentDismiss(APIView):
    """The decision against it."""

    required_permissions: ClassVar = {"POST": "tickets.edit"}

    @extend_schema(
        operation_id="incident_dismiss",
        request=None,
        responses={
            200: IncidentOut,
            400: OpenApiResponse(description="It is confirmed already."),
            404: OpenApiResponse(description="No such incident."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Say that the tickets are no incident; it is proposed again only at twice as many."""
        viewer = viewer_of(request)
        dismiss_incident(incident=_incident(viewer, pk), by=viewer)
        return Response(IncidentOut(_incident(viewer, pk), context=_context(viewer)).data)


class SimilarRulesBody(serializers.Serializer[SimilarRules]):
    """Whether similar tickets are looked for, and when tickets that say the same are proposed as an incident: at least ``fewest``
    customers within ``hours`` at a cosine of ``threshold`` or more."""

    is_on = serializers.BooleanField()
    incidents = serializers.BooleanField()
    threshold = serializers.FloatField(min_value=LOWEST_THRESHOLD, max_value=1)
    hours = serializers.IntegerField(min_value=1, max_value=MOST_HOURS)
    fewest = serializers.IntegerField(min_value=2, max_value=MOST_CUSTOMERS)


class SimilarSettings(APIView):
    """The rules of the search."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(operation_id="similar_rules_read", responses=SimilarRulesBody)
    def get(self, request: Request) -> Response:
        """Read the rules."""
        return Response(SimilarRulesBody(similar_rules()).data)

    @extend_schema(
        operation_id="similar_rules_save",
        request=SimilarRulesBody,
        responses={200: SimilarRulesBody, 400: OpenApiResponse(description="A value cannot be used.")},
    )
    def put(self, request: Request) -> Response:
        """Set all rules; they hold for tickets that come from now on."""
        wanted = SimilarRulesBody(data=request.data)
        wanted.is_valid(raise_exception=True)
        rules = SimilarRules(**wanted.validated_data)
        save_similar_rules(rules=rules, by=viewer_of(request))
        return Response(SimilarRulesBody(rules).data)


def _context(viewer: Viewer) -> dict[str, bool]:
    return {"sees_accounts": viewer.can("customers.view")}


def _incident(viewer: Viewer, pk: int) -> Incident:
    found = incidents_for(viewer).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found
