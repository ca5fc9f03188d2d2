"""REST of writing: drafts, answers that leave later, the way back, presence."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.problems import Conflict
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.api.serializers import MAX_BODY, TicketDetailOut, TicketMessageOut, TicketName
from tickets.api.views import NOT_FOUND
from tickets.drafts import own_draft, writing_on
from tickets.models import Draft, Message, Presence
from tickets.presence import people_on
from tickets.reply_routes import ReplyRoute, reply_routes
from tickets.selectors import messages_of, ticket_of
from tickets.services.note_presence import note_presence
from tickets.services.reply_to_ticket import MOST_UNDO_SECONDS, STATUSES_AFTER, NewerMessage, reply_to_ticket
from tickets.services.save_draft import discard_draft, save_draft
from tickets.services.schedule_answer import discard_scheduled, schedule_answer, send_scheduled_now
from tickets.services.undo_answer import undo_answer


class TicketTemplateIn(serializers.Serializer[dict[str, Any]]):
    """Words that the provider of a channel has approved, with a value for each of their places."""

    name = serializers.CharField(max_length=512)
    language = serializers.CharField(max_length=16)
    values = serializers.ListField(
        child=serializers.CharField(max_length=1_000), required=False, default=list, max_length=100
    )


class TicketAnswerIn(serializers.Serializer[dict[str, Any]]):
    """An answer. With ``send_at`` it leaves then; else after ``undo_seconds``, in which it can be taken back.

    ``body`` is required unless a ``template`` is given, whose words then are the answer.
    """

    body = serializers.CharField(
        max_length=MAX_BODY, trim_whitespace=False, required=False, allow_blank=True, default=""
    )
    cc = serializers.ListField(
        child=serializers.EmailField(max_length=254),
        required=False,
        allow_null=True,
        default=None,
        max_length=50,
        help_text=_("Exactly these copies; without it they are computed from the message answered."),
    )
    status = serializers.CharField(
        max_length=24,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Status afterwards: %s.") % ", ".join(STATUSES_AFTER),
    )
    seen_message_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        help_text=_("The newest message you have seen: refused with 409 when a newer one has arrived."),
    )
    undo_seconds = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=MOST_UNDO_SECONDS
    )
    send_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    hold_if_customer_writes = serializers.BooleanField(required=False, default=True)
    via = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        help_text=_(
            "The inbox through which it leaves; without it, where the customer wrote last. 0: e-mail without an inbox."
        ),
    )
    into = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text=_(
            "The conversation that it was written for, as the ways to answer name it: refused when that one cannot be answered "
            "any more. Without it, the latest."
        ),
    )
    template = TicketTemplateIn(required=False, allow_null=True, default=None)


class TicketReplyRouteOut(serializers.Serializer[ReplyRoute]):
    """A way in which the customer can be answered; ``via`` and ``into`` name it to who answers."""

    via = serializers.IntegerField(source="name", help_text=_("The inbox. 0: e-mail without one."))
    into = serializers.SerializerMethodField(
        help_text=_("The conversation at the provider; null where there is none.")
    )
    channel = serializers.CharField(source="channel.key")
    address = serializers.CharField(help_text=_("Whom it reaches."))
    is_closed = serializers.BooleanField(help_text=_("Only a template may be sent there now."))
    closes_at = serializers.DateTimeField(allow_null=True)

    def get_into(self, route: ReplyRoute) -> int | None:
        """The thread."""
        return route.into or None


class TicketDraftIn(serializers.Serializer[dict[str, Any]]):
    """What somebody is writing. ``version`` is the version it began from: when it is another one now, the words of the other
    window are kept in ``overtaken``."""

    body = serializers.CharField(max_length=MAX_BODY, allow_blank=True, trim_whitespace=False)
    cc = serializers.ListField(
        child=serializers.CharField(max_length=254),
        required=False,
        allow_null=True,
        default=None,
        max_length=50,
    )
    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)


class TicketDraftFile(serializers.Serializer[Any]):
    """A file of a draft."""

    id = serializers.CharField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()


class TicketDraftOut(serializers.Serializer[Draft]):
    """A draft, or an answer that waits for its time."""

    id = serializers.IntegerField()
    ticket = serializers.IntegerField(source="ticket_id")
    user = TicketName(allow_null=True)
    api_key = TicketName(allow_null=True)
    kind = serializers.ChoiceField(choices=Draft.Kind.choices)
    state = serializers.CharField(help_text=", ".join(Draft.State.values))
    body = serializers.CharField()
    cc = serializers.ListField(child=serializers.CharField(), allow_null=True)
    files = TicketDraftFile(many=True)
    version = serializers.IntegerField()
    overtaken = serializers.CharField()
    send_at = serializers.DateTimeField(allow_null=True)
    hold_if_customer_writes = serializers.BooleanField()
    held_because = serializers.CharField(help_text=", ".join(Draft.HeldBecause.values))
    held_detail = serializers.CharField()
    updated_at = serializers.DateTimeField()


class TicketWaitingActIn(serializers.Serializer[dict[str, Any]]):
    """What becomes of a waiting answer: it is sent at once."""

    undo_seconds = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=MOST_UNDO_SECONDS
    )


class TicketPresenceIn(serializers.Serializer[dict[str, Any]]):
    """What the person does on the ticket."""

    state = serializers.CharField(max_length=8, help_text=", ".join(Presence.State.values))


class TicketPresenceOut(serializers.Serializer[Any]):
    """Somebody on a ticket."""

    user = serializers.IntegerField(source="user_id")
    name = serializers.CharField()
    state = serializers.CharField(help_text=", ".join(Presence.State.values))
    seen_at = serializers.DateTimeField()


class TicketReplyRoutes(APIView):
    """The ways in which the customer can be answered."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(
        operation_id="ticket_reply_routes_list",
        responses={200: TicketReplyRouteOut(many=True), 404: NOT_FOUND},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List them, the one first that an answer takes by itself."""
        routes = reply_routes(ticket_of(viewer_of(request), pk))
        return Response([TicketReplyRouteOut(one).data for one in routes])


class TicketAnswers(APIView):
    """Answers of a ticket that have not left yet; and writing one."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.reply"}

    @extend_schema(
        operation_id="ticket_answers_list", responses={200: TicketDraftOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List what is scheduled or held."""
        viewer = viewer_of(request)
        found = writing_on(ticket_of(viewer, pk), viewer)
        waiting = [one for one in found if one.state != Draft.State.DRAFT]
        return Response([TicketDraftOut(one).data for one in waiting])

    @extend_schema(
        operation_id="ticket_answers_create",
        request=TicketAnswerIn,
        responses={
            201: TicketMessageOut,
            202: TicketDraftOut,
            404: NOT_FOUND,
            409: OpenApiResponse(description="Somebody has written since."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Answer the customer: 201 with the message, 202 with what waits when ``send_at`` is given."""
        wanted = _read(TicketAnswerIn, request)
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        if wanted["send_at"] is not None:
            if wanted["template"] is not None:
                raise ValidationError({"template": [_("A template leaves at once.")]})
            waiting = schedule_answer(
                ticket=ticket,
                body=wanted["body"],
                send_at=wanted["send_at"],
                status=wanted["status"],
                cc=wanted["cc"],
                hold_if_customer_writes=wanted["hold_if_customer_writes"],
                seen_message_id=wanted["seen_message_id"],
                via=wanted["via"],
                into=wanted["into"],
                by=viewer,
            )
            return Response(TicketDraftOut(waiting).data, status=status.HTTP_202_ACCEPTED)
        try:
            message = reply_to_ticket(
                ticket=ticket,
                body=wanted["body"],
                status=wanted["status"],
                seen_message_id=wanted["seen_message_id"],
                cc=wanted["cc"],
                undo_seconds=wanted["undo_seconds"],
                via=wanted["via"],
                into=wanted["into"],
                template=wanted["template"],
                by=viewer,
            )
        except NewerMessage as newer:
            raise Conflict(str(newer)) from newer
        return _message_answer(viewer, message, status.HTTP_201_CREATED)


class TicketWaitingAnswer(APIView):
    """One answer that waits for its time."""

    required_permissions: ClassVar = {"*": "tickets.reply"}

    @extend_schema(
        operation_id="ticket_answers_send",
        request=TicketWaitingActIn,
        responses={201: TicketMessageOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int, draft_pk: int) -> Response:
        """Send it at once."""
        wanted = _read(TicketWaitingActIn, request)
        viewer = viewer_of(request)
        message = send_scheduled_now(
            answer=_waiting(viewer, pk, draft_pk), by=viewer, undo_seconds=wanted["undo_seconds"]
        )
        return _message_answer(viewer, message, status.HTTP_201_CREATED)

    @extend_schema(operation_id="ticket_answers_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, draft_pk: int) -> Response:
        """Throw it away."""
        viewer = viewer_of(request)
        discard_scheduled(answer=_waiting(viewer, pk, draft_pk), by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketMessageUndo(APIView):
    """The way back from an answer that has not left."""

    required_permissions: ClassVar = {"POST": "tickets.reply"}

    @extend_schema(
        operation_id="ticket_messages_undo", request=None, responses={200: TicketDetailOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int, message_pk: int) -> Response:
        """Take the answer back; 400 when it is leaving or somebody else's."""
        viewer = viewer_of(request)
        message = messages_of(ticket_of(viewer, pk)).get(pk=message_pk)
        undo_answer(message=message, by=viewer)
        return Response(TicketDetailOut(ticket_of(viewer, pk)).data)


class TicketDraft(APIView):
    """One's own draft of one kind on a ticket; only people have drafts."""

    required_permissions: ClassVar = {"*": "tickets.view"}

    @extend_schema(operation_id="ticket_drafts_read", responses={200: TicketDraftOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int, kind: str) -> Response:
        """Read it; 404 when nothing was begun."""
        viewer = viewer_of(request)
        found = own_draft(writing_on(ticket_of(viewer, pk), viewer), kind)
        if found is None:
            raise Draft.DoesNotExist
        return Response(TicketDraftOut(found).data)

    @extend_schema(
        operation_id="ticket_drafts_save",
        request=TicketDraftIn,
        responses={200: TicketDraftOut, 404: NOT_FOUND},
    )
    def put(self, request: Request, pk: int, kind: str) -> Response:
        """Save it; the newer words win and the others are kept in ``overtaken``."""
        wanted = _read(TicketDraftIn, request)
        viewer = viewer_of(request)
        saved = save_draft(ticket=ticket_of(viewer, pk), kind=kind, by=viewer, **wanted)
        return Response(TicketDraftOut(saved.draft).data)

    @extend_schema(operation_id="ticket_drafts_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, kind: str) -> Response:
        """Throw it away."""
        viewer = viewer_of(request)
        discard_draft(ticket=ticket_of(viewer, pk), kind=kind, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketPresence(APIView):
    """Who is on a ticket at this moment."""

    required_permissions: ClassVar = {"*": "tickets.view"}

    @extend_schema(
        operation_id="ticket_presence_list", responses={200: TicketPresenceOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the people of the last half minute, those who write first."""
        return Response(TicketPresenceOut(people_on(ticket_of(viewer_of(request), pk)), many=True).data)

    @extend_schema(
        operation_id="ticket_presence_note",
        request=TicketPresenceIn,
        responses={200: TicketPresenceOut(many=True), 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Say that oneself is there; answers who else is."""
        wanted = _read(TicketPresenceIn, request)
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        note_presence(ticket=ticket, state=wanted["state"], by=viewer)
        return Response(TicketPresenceOut(people_on(ticket, besides=viewer), many=True).data)


def _read(serializer: type[Any], request: Request) -> dict[str, Any]:
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(wanted.fields))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    values: dict[str, Any] = wanted.validated_data
    return values


def _waiting(viewer: Viewer, pk: int, draft_pk: int) -> Draft:
    found = [one for one in writing_on(ticket_of(viewer, pk), viewer) if one.state != Draft.State.DRAFT]
    answer = next((one for one in found if one.pk == draft_pk), None)
    if answer is None:
        raise Draft.DoesNotExist
    return answer


def _message_answer(viewer: Viewer, message: Message, code: int) -> Response:
    shown = messages_of(ticket_of(viewer, message.ticket_id)).get(pk=message.pk)
    return Response(TicketMessageOut(shown).data, status=code)
