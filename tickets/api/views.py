"""REST of tickets: a view parses, calls one service or selector, answers."""

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.shapes import fields_of, shown, taken
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api import serializers
from tickets.incoming import IncomingMessage
from tickets.models import Message, Ticket
from tickets.selectors import (
    filter_tickets,
    messages_of,
    ticket_of,
    visible_tickets,
    with_properties,
    with_row_parts,
    without_files,
    without_properties,
)
from tickets.services.add_note import add_note
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.correct_routing import confirm_routing, correct_routing
from tickets.services.open_ticket import KNOWN, open_ticket
from tickets.services.receive_message import Received, receive_message
from tickets.services.reply_to_ticket import NewerMessage, reply_to_ticket
from tickets.services.set_properties import set_properties

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Sent again, the first answer is given again.",
)
NOT_FOUND = OpenApiResponse(description="No such ticket, or none that this key may see.")
_FILTERS = [
    OpenApiParameter("status", str, description="key of a status"),
    OpenApiParameter(
        "status_category", str, enum=["new", "open", "waiting", "on_hold", "resolved", "closed"]
    ),
    OpenApiParameter("priority", str, enum=Ticket.Priority.values),
    OpenApiParameter("team", str, description="id, or none"),
    OpenApiParameter("assignee", str, description="id, or none"),
    OpenApiParameter("category", str, description="id, or none"),
    OpenApiParameter("account", int),
    OpenApiParameter("contact", int),
    OpenApiParameter("inbox", int),
    OpenApiParameter("channel", str),
    OpenApiParameter("sentiment", str, enum=["negative", "neutral", "positive"]),
    OpenApiParameter("routing_state", str, enum=Ticket.Routing.values),
    OpenApiParameter("type", str, description="id, or none"),
    OpenApiParameter("tag", str),
    OpenApiParameter("where", str, description="a condition on any field, as JSON"),
    OpenApiParameter("updated_since", str, description="ISO 8601; a time without zone is UTC"),
]
_PAGING = ("cursor", "limit", "format")


class TicketList(APIView):
    """All visible tickets, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.create"}
    pagination_class = KeysetPagination

    @extend_schema(
        operation_id="tickets_list", parameters=_FILTERS, responses=serializers.TicketOut(many=True)
    )
    def get(self, request: Request) -> Response:
        """List tickets; unknown filters are refused."""
        wanted = {name: value for name, value in request.query_params.dict().items() if name not in _PAGING}
        tickets = filter_tickets(visible_tickets(viewer_of(request)), wanted, viewer_of(request))
        pages = KeysetPagination()
        tickets = with_properties(with_row_parts(tickets))
        rows = pages.paginate_queryset(tickets, request, view=self)
        return pages.get_paginated_response(serializers.TicketOut(rows, many=True).data)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="tickets_create",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.TicketIn,
        responses={201: serializers.TicketDetailOut, 200: serializers.TicketDetailOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a ticket. 200 instead of 201 when the channel has sent this ``external_id`` before."""
        wanted = read_body(serializers.TicketIn, request)
        viewer = viewer_of(request)
        known = {name: wanted[name] for name in KNOWN if name in wanted}
        received = _create(wanted, known, viewer)
        if received.outcome == "duplicate":
            return _ticket_answer(viewer, received.ticket.pk)
        if known:
            return _ticket_answer(viewer, received.ticket.pk, status.HTTP_201_CREATED)
        # What has just been written need not be read again.
        without_properties(received.ticket)
        data = shown(serializers.TicketDetailOut, received.ticket)
        return Response(data, status=status.HTTP_201_CREATED)


class TicketDetail(APIView):
    """One ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "PATCH": "tickets.edit"}

    @extend_schema(operation_id="tickets_read", responses={200: serializers.TicketDetailOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a ticket with its routing, sentiment, assignee, status and SLA."""
        return _ticket_answer(viewer_of(request), pk)

    @extend_schema(
        operation_id="tickets_update",
        request=serializers.TicketChangeIn,
        responses={200: serializers.TicketDetailOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change status, priority, routing, assignee or properties; all of it or nothing."""
        wanted = read_body(serializers.TicketChangeIn, request)
        viewer = viewer_of(request)
        with transaction.atomic():
            _change(ticket_of(viewer, pk), wanted, viewer)
        return _ticket_answer(viewer, pk)


class TicketMessages(APIView):
    """The messages of one ticket, oldest first."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    pagination_class = KeysetPagination

    @extend_schema(
        operation_id="ticket_messages_list",
        responses={200: serializers.TicketMessageOut(many=True), 404: NOT_FOUND},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List messages."""
        pages = KeysetPagination()
        pages.ordering = "pk"
        messages = messages_of(ticket_of(viewer_of(request), pk))
        rows = pages.paginate_queryset(messages, request, view=self)
        return pages.get_paginated_response(serializers.TicketMessageOut(rows, many=True).data)  # type: ignore[arg-type]

    @extend_schema(
        operation_id="ticket_messages_create",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.TicketMessageIn,
        responses={201: serializers.TicketMessageOut, 200: serializers.TicketMessageOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Add what the customer wrote (inbound), an answer that is sent (outbound), or a private note.

        An inbound message to a closed ticket opens a follow-up; 200 when its ``external_id`` is known.
        """
        wanted = read_body(serializers.TicketMessageIn, request)
        viewer = viewer_of(request)
        message, new = _add_message(pk, wanted, viewer)
        answered = message
        if message.kind == Message.Kind.INBOUND:
            # An external_id may be known from a ticket that this viewer does not see.
            joined = visible_tickets(viewer).only("pk").get(pk=message.ticket_id)
            answered = messages_of(joined).get(pk=message.pk)
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(shown(serializers.TicketMessageOut, answered), status=code)


class TicketMessageDetail(APIView):
    """One message of one ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(
        operation_id="ticket_messages_read", responses={200: serializers.TicketMessageOut, 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int, message_pk: int) -> Response:
        """Read a message; one of another ticket is not found."""
        message = messages_of(ticket_of(viewer_of(request), pk)).get(pk=message_pk)
        return Response(shown(serializers.TicketMessageOut, message))


class TicketCorrections(APIView):
    """What people say about the routing of one ticket."""

    required_permissions: ClassVar = {"POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_corrections_create",
        request=serializers.TicketCorrectionIn,
        responses={200: serializers.TicketDetailOut, 404: NOT_FOUND},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Correct category or team, or confirm the routing with an empty body; the models learn from it."""
        wanted = read_body(serializers.TicketCorrectionIn, request)
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        if wanted:
            correct_routing(
                ticket=ticket, category=wanted.get("category"), team=wanted.get("team"), by=viewer
            )
        else:
            confirm_routing(ticket=ticket, by=viewer)
        return _ticket_answer(viewer, pk)


def _create(wanted: dict[str, Any], known: dict[str, Any], viewer: Viewer) -> Received:
    return open_ticket(
        subject=wanted["subject"],
        body=wanted["body"],
        contact_email=wanted["contact"]["email"],
        contact_name=wanted["contact"]["name"],
        channel=wanted["channel"],
        external_id=wanted["external_id"],
        inbox=wanted["inbox"],
        known=known,
        by=viewer,
    )


def read_body(serializer: type[Any], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """Return the validated body, of a ``partial`` one only what was sent; raises ValidationError naming unknown and refused
    fields."""
    values: dict[str, Any] = taken(serializer, request.data, partial=partial)
    unknown = sorted(set(request.data) - fields_of(serializer))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    return values


def _ticket_answer(viewer: Viewer, pk: int, code: int = status.HTTP_200_OK) -> Response:
    return Response(shown(serializers.TicketDetailOut, ticket_of(viewer, pk)), status=code)


def _change(ticket: Ticket, wanted: dict[str, Any], viewer: Viewer) -> None:
    """Apply each named change through its service; routing first, because it may move the assignee."""
    if "version" in wanted and wanted["version"] != ticket.version:
        raise Conflict(_("The ticket has changed: its version is %d now.") % ticket.version)
    if "team" in wanted or "category" in wanted:
        correct_routing(ticket=ticket, category=wanted.get("category"), team=wanted.get("team"), by=viewer)
    if "priority" in wanted:
        change_priority(ticket=ticket, priority=wanted["priority"], by=viewer)
    if "assignee" in wanted:
        assign_ticket(ticket=ticket, assignee=wanted["assignee"], by=viewer)
    # before the status: what is required to resolve may come with it
    set_properties(ticket=ticket, wanted=wanted, by=viewer)
    if "status" in wanted:
        change_status(ticket=ticket, status=wanted["status"], by=viewer)


def _add_message(pk: int, wanted: dict[str, Any], viewer: Viewer) -> tuple[Message, bool]:
    """Add the message through the service of its kind; the second value tells whether it is new."""
    if wanted["kind"] == Message.Kind.OUTBOUND:
        try:
            # The service reads the row itself, under its lock, and only when the viewer may see it.
            answer = reply_to_ticket(
                ticket=Ticket(pk=pk),
                body=wanted["body"],
                status=wanted["status"],
                seen_message_id=wanted["seen_message_id"],
                by=viewer,
            )
        except NewerMessage as newer:
            raise Conflict(str(newer)) from newer
        without_files(answer)
        return answer, True
    ticket = visible_tickets(viewer).select_related("contact").get(pk=pk)
    if wanted["kind"] == Message.Kind.NOTE:
        return add_note(ticket=ticket, body=wanted["body"], by=viewer), True
    contact = wanted.get("contact") or {"email": ticket.contact.email, "name": ticket.contact.name}
    if not contact["email"]:
        raise ValidationError({"contact": [_("Say who wrote: the ticket's contact has no address.")]})
    if not wanted["body"].strip():
        raise ValidationError({"body": [_("Write something.")]})
    incoming = IncomingMessage(
        channel=wanted.get("channel") or ticket.channel,
        sender=contact["email"],
        sender_name=contact["name"],
        subject=wanted["subject"],
        text=wanted["body"],
        external_id=wanted["external_id"],
    )
    received = receive_message(incoming=incoming, by=viewer, ticket=ticket)
    return received.message, received.outcome != "duplicate"
