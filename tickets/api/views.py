"""REST of tickets: a view parses, calls one service or selector, answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import transaction
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.parsers import StorableJSONParser
from core.api.problems import Conflict
from core.api.reading import Filter, Listing, prefetch, select
from core.api.shapes import fields_of, shown, taken
from core.api.versions import Versioned
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api import serializers
from tickets.attachment_policy import attachment_policy
from tickets.incoming import IncomingFile, IncomingMessage
from tickets.models import Message, Ticket
from tickets.selectors import (
    FIELD_VALUES,
    TAGS,
    filter_tickets,
    messages_of,
    ticket_of,
    visible_tickets,
    with_files,
    without_files,
    without_properties,
)
from tickets.services.add_note import add_note
from tickets.services.change_ticket import change_ticket
from tickets.services.correct_routing import confirm_routing, correct_routing
from tickets.services.open_ticket import KNOWN, open_ticket
from tickets.services.receive_message import Received, receive_message
from tickets.services.reply_to_ticket import NewerMessage, reply_to_ticket
from tickets.sight import destination, refuse_out_of_sight

NOT_FOUND = OpenApiResponse(description="No such ticket, or none that this key may see.")
TICKETS = Listing(
    serializers.TicketOut,
    # What they mean is in ``tickets.selectors.FILTERS``.
    filters=[
        Filter("number", "id"),
        Filter("status", description="key of a status"),
        Filter("status_category", choices=("new", "open", "waiting", "on_hold", "resolved", "closed")),
        Filter("priority", choices=tuple(Ticket.Priority.values)),
        Filter("team", "id", none=True),
        Filter("assignee", "id", none=True),
        Filter("category", "id", none=True),
        Filter("account", "id"),
        Filter("contact", "id"),
        Filter("inbox", "id"),
        Filter("channel"),
        Filter("sentiment", choices=("negative", "neutral", "positive")),
        Filter("routing_state", choices=tuple(Ticket.Routing.values)),
        Filter("type", "id", none=True),
        Filter("tag"),
        Filter("where", description="a condition on any field, as JSON"),
        Filter("updated_since", "time", description="a time without zone is UTC"),
        Filter("created_since", "time"),
    ],
    orders=("-id", "updated_at", "created_at", "last_message_at"),
    loads={
        "status_category": select("status"),
        "sla": select("status"),
        "category": select("category"),
        "team": select("team"),
        "assignee": select("assignee"),
        "account": select("account"),
        "contact": (select("contact"), prefetch("contact__identities")),
        "inbox": select("inbox"),
        "type": select("type"),
        "tags": prefetch(TAGS),
        "fields": prefetch(FIELD_VALUES),
    },
)
MESSAGES = Listing(
    serializers.TicketMessageOut,
    orders=("id",),
    loads={
        "contact": (select("contact"), prefetch("contact__identities")),
        "author": select("author"),
        "attachments": prefetch(with_files()),
    },
)


class TicketList(APIView):
    """All visible tickets, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.create"}
    parser_classes = (StorableJSONParser, MultiPartParser)
    pagination_class = KeysetPagination
    listing = TICKETS

    @extend_schema(operation_id="tickets_list", responses=serializers.TicketOut(many=True))
    def get(self, request: Request) -> Response:
        """List tickets."""
        viewer = viewer_of(request)
        tickets = filter_tickets(visible_tickets(viewer), TICKETS.asked(request), viewer)
        return TICKETS.answer(request, self, tickets)

    @extend_schema(
        operation_id="tickets_create",
        request={
            "application/json": serializers.TicketIn,
            "multipart/form-data": serializers.TicketUploadIn,
        },
        responses={201: serializers.TicketDetailOut, 200: serializers.TicketDetailOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a ticket. 200 instead of 201 when the channel has sent this ``external_id`` before."""
        wanted, files = read_form(serializers.TicketIn, serializers.TicketUploadIn, request)
        viewer = viewer_of(request)
        known = {name: wanted[name] for name in KNOWN if name in wanted}
        received = _create(wanted, known, files, viewer)
        if received.outcome == "duplicate":
            return _ticket_answer(viewer, received.ticket.pk)
        if known:
            return _ticket_answer(viewer, received.ticket.pk, status.HTTP_201_CREATED)
        # What has just been written need not be read again.
        without_properties(received.ticket)
        data = shown(serializers.TicketDetailOut, received.ticket)
        return Response(data, status=status.HTTP_201_CREATED)


class TicketDetail(Versioned, APIView):
    """One ticket."""

    shape = serializers.TicketDetailOut
    changes = serializers.TicketChangeIn
    required_permissions: ClassVar = {"GET": "tickets.view", "PATCH": "tickets.edit"}

    @extend_schema(operation_id="tickets_read", responses={200: serializers.TicketDetailOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a ticket with its routing, sentiment, assignee, status and SLA."""
        shown_ticket = shown(serializers.TicketDetailOut, ticket_of(viewer_of(request), pk))
        return self.answer(request, shown_ticket)

    def version_of(self, shown: Mapping[str, Any]) -> str:
        """Return the version that the row itself counts."""
        return f'"{shown["version"]}"'

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
            row = visible_tickets(viewer).select_for_update(of=("self",)).only("version").get(pk=pk)
            self.check_version(request, lambda: {"version": row.version})
            _change(ticket_of(viewer, pk), wanted, viewer)
        return self.answer(request, shown(serializers.TicketDetailOut, ticket_of(viewer, pk)))


class TicketMessages(APIView):
    """The messages of one ticket, oldest first."""

    required_permissions: ClassVar = {
        "GET": "tickets.view",
        "POST": ("tickets.create", "tickets.note", "tickets.reply"),
    }
    parser_classes = (StorableJSONParser, MultiPartParser)
    pagination_class = KeysetPagination
    listing = MESSAGES

    @extend_schema(
        operation_id="ticket_messages_list",
        responses={200: serializers.TicketMessageOut(many=True), 404: NOT_FOUND},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List messages."""
        ticket = visible_tickets(viewer_of(request)).only("pk").get(pk=pk)
        return MESSAGES.answer(request, self, Message.objects.filter(ticket=ticket))

    @extend_schema(
        operation_id="ticket_messages_create",
        request={
            "application/json": serializers.TicketMessageIn,
            "multipart/form-data": serializers.TicketMessageUploadIn,
        },
        responses={201: serializers.TicketMessageOut, 200: serializers.TicketMessageOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Add what the customer wrote (inbound), an answer that is sent (outbound), or a private note.

        An inbound message to a closed ticket opens a follow-up; 200 when its ``external_id`` is known.
        """
        wanted, files = read_form(serializers.TicketMessageIn, serializers.TicketMessageUploadIn, request)
        viewer = viewer_of(request)
        message, new = _add_message(pk, wanted, files, viewer)
        answered = message
        if message.kind == Message.Kind.INBOUND or files:
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
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Correct category or team, or confirm the routing with an empty body; the models learn from it. 400 for a private team
        that you are not in."""
        wanted = read_body(serializers.TicketCorrectionIn, request)
        viewer = viewer_of(request)
        _correct(ticket_of(viewer, pk), wanted, viewer)
        return _ticket_answer(viewer, pk)


def _create(
    wanted: dict[str, Any], known: dict[str, Any], files: Sequence[IncomingFile], viewer: Viewer
) -> Received:
    return open_ticket(
        subject=wanted["subject"],
        body=wanted["body"],
        contact_email=wanted["contact"]["email"],
        contact_name=wanted["contact"]["name"],
        channel=wanted["channel"],
        external_id=wanted["external_id"],
        inbox=wanted["inbox"],
        known=known,
        files=files,
        by=viewer,
    )


def read_form(
    serializer: type[Any], with_files: type[Any], request: Request
) -> tuple[dict[str, Any], list[IncomingFile]]:
    """Return the validated body and its files: of a form its parts ``files``, of JSON none. Raises ValidationError."""
    if not isinstance(request.data, MultiValueDict):
        return read_body(serializer, request), []
    values: dict[str, Any] = taken(with_files, request.data)
    # ``contact.email`` and ``tags[0]`` belong to ``contact`` and ``tags``.
    named = {re.split(r"[.\[]", name, maxsplit=1)[0] for name in request.data}
    if unknown := sorted(named - fields_of(with_files)):
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    uploads = values.pop("files")
    # Asked before a byte is read.
    attachment_policy().check([(upload.name or "", upload.size or 0) for upload in uploads])
    return values, [
        IncomingFile(
            name=upload.name or "",
            content=upload.read(),
            content_type=upload.content_type or "application/octet-stream",
        )
        for upload in uploads
    ]


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
    """Apply the named changes to the version that the client knows."""
    if "version" in wanted and wanted["version"] != ticket.version:
        raise Conflict(_("The ticket has changed: its version is %d now.") % ticket.version)
    change_ticket(ticket=ticket, wanted=wanted, by=viewer)


@transaction.atomic
def _correct(ticket: Ticket, wanted: dict[str, Any], viewer: Viewer) -> None:
    """Correct or confirm; nothing is done where the ticket would go out of the viewer's sight."""
    if wanted:
        name, team = destination(wanted)
        if team is not None and team.pk != ticket.team_id:
            refuse_out_of_sight(name, team, viewer)
        correct_routing(ticket=ticket, category=wanted.get("category"), team=wanted.get("team"), by=viewer)
        return
    confirmed = confirm_routing(ticket=ticket, by=viewer)
    if confirmed.team_id != ticket.team_id:
        refuse_out_of_sight("category", confirmed.team, viewer)


def _add_message(
    pk: int, wanted: dict[str, Any], files: Sequence[IncomingFile], viewer: Viewer
) -> tuple[Message, bool]:
    """Add the message through the service of its kind; the second value tells whether it is new."""
    if wanted["kind"] == Message.Kind.OUTBOUND:
        try:
            # The service reads the row itself, under its lock, and only when the viewer may see it.
            answer = reply_to_ticket(
                ticket=Ticket(pk=pk),
                body=wanted["body"],
                status=wanted["status"],
                seen_message_id=wanted["seen_message_id"],
                files=files,
                by=viewer,
            )
        except NewerMessage as newer:
            raise Conflict(str(newer)) from newer
        if not files:
            without_files(answer)
        return answer, True
    ticket = visible_tickets(viewer).select_related("contact").get(pk=pk)
    if wanted["kind"] == Message.Kind.NOTE:
        return add_note(ticket=ticket, body=wanted["body"], files=files, by=viewer), True
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
        files=files,
    )
    received = receive_message(incoming=incoming, by=viewer, ticket=ticket)
    return received.message, received.outcome != "duplicate"
