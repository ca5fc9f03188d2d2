"""REST of chats on web pages: what stands in them, an answer, who goes on with it, the end. Visitors come through the widget."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing, prefetch, select
from core.api.shapes import shown
from people.api.permissions import viewer_of
from people.models import Team, User
from people.viewer import Viewer
from tickets.api.serializers import MAX_BODY, ByIdOrName, TicketAttachment, TicketMessageOut
from tickets.api.views import read_body
from tickets.channels.chat.services.end_chat import end_chat
from tickets.families import merge_target
from tickets.models import ChatEntry, ChatSession, Ticket
from tickets.presence import LASTS
from tickets.rich_text import without_marks
from tickets.selectors import visible_tickets, with_files, without_files
from tickets.services.change_ticket import change_ticket
from tickets.services.reply_to_ticket import NewerMessage, reply_to_ticket

NO_CHAT = OpenApiResponse(description="No such chat, or none that this key may see.")


class ChatOut(serializers.ModelSerializer[ChatSession]):
    """A chat. ``name`` and ``email`` are what the visitor said; ``user_id`` is vouched for by the page.

    ``agent`` is who talks to the visitor, ``seen_number`` the last entry that the visitor has had before the eyes.
    """

    is_online = serializers.SerializerMethodField()

    class Meta:
        model = ChatSession
        fields: ClassVar = [
            "id", "inbox", "ticket", "agent", "state", "is_online", "name", "email", "user_id", "page_url", "page_title",
            "language", "last_number", "seen_number", "last_seen_at", "created_at", "ended_at",
        ]  # fmt: skip

    def get_is_online(self, chat: ChatSession) -> bool:
        """Whether the visitor has the page open."""
        return chat.state == ChatSession.State.OPEN and timezone.now() - chat.last_seen_at < LASTS


class ChatEntryOut(serializers.Serializer[ChatEntry]):
    """What stands in a chat, numbered without gaps.

    ``name`` is who wrote or came, as the visitor was told; ``message`` is its id in the ticket, null for what is none.
    """

    number = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ChatEntry.Kind.choices)
    name = serializers.CharField()
    message = serializers.IntegerField(source="message_id", allow_null=True)
    text = serializers.SerializerMethodField()
    attachments = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_text(self, entry: ChatEntry) -> str:
        """What was written."""
        if entry.message is None:
            return ""
        words = entry.message.body_text
        return words if entry.kind == ChatEntry.Kind.VISITOR else without_marks(words)

    @extend_schema_field(TicketAttachment(many=True))
    def get_attachments(self, entry: ChatEntry) -> list[dict[str, Any]]:
        """The files that came with it."""
        if entry.message is None:
            return []
        return [shown(TicketAttachment, one) for one in entry.message.attachments.all()]


class ChatMessageIn(serializers.Serializer[dict[str, Any]]):
    """An answer into a chat."""

    body = serializers.CharField(max_length=MAX_BODY, trim_whitespace=False)
    status = serializers.CharField(
        max_length=24, required=False, allow_blank=True, default="", help_text=_("Of the ticket afterwards.")
    )
    seen_message_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        help_text=_("The newest message you have seen: refused with 409 when a newer one has arrived."),
    )


class ChatHandoverIn(serializers.Serializer[dict[str, Any]]):
    """Who goes on with it: a team, a colleague of it, or both; null gives it back to the team."""

    team = ByIdOrName(Team, "name", required=False)
    assignee = ByIdOrName(
        User, "email", required=False, allow_null=True, help_text=_("An id or an e-mail address.")
    )


class ChatList(APIView):
    """All visible chats in which somebody has written, newest first."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        ChatOut,
        filters=[
            Filter("state", lookup="state", choices=tuple(ChatSession.State.values)),
            Filter("ticket", "id", lookup="ticket"),
            Filter("inbox", "id", lookup="inbox"),
            Filter("agent", "id", lookup="agent", none=True),
            Filter("email", lookup="email__iexact", description="as the visitor said it"),
            Filter("user_id", lookup="user_id"),
            Filter("created_since", "time", lookup="created_at__gte"),
        ],
        orders=("-id", "last_seen_at", "created_at"),
    )

    @extend_schema(operation_id="chats_list", responses=ChatOut(many=True))
    def get(self, request: Request) -> Response:
        """List chats."""
        return self.listing.answer(request, self, ChatSession.objects.visible_to(viewer_of(request)))


class ChatDetail(APIView):
    """One chat."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="chats_read", responses={200: ChatOut, 404: NO_CHAT})
    def get(self, request: Request, pk: int) -> Response:
        """Read a chat."""
        return Response(ChatOut(_chat(viewer_of(request), pk)).data)


class ChatEntries(APIView):
    """What stands in one chat, in its order."""

    required_permissions: ClassVar = {"GET": "tickets.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        ChatEntryOut,
        filters=[
            Filter("after", "number", lookup="number__gt", description="number of the last entry you know")
        ],
        # Within a chat the order of ids is that of the numbers.
        orders=("id",),
        loads={
            "text": select("message"),
            "attachments": (select("message"), prefetch(with_files("message__attachments"))),
        },
    )

    @extend_schema(operation_id="chat_entries_list", responses={200: ChatEntryOut(many=True), 404: NO_CHAT})
    def get(self, request: Request, pk: int) -> Response:
        """List the entries. A message that was moved to a ticket out of sight is left out."""
        viewer = viewer_of(request)
        entries = ChatEntry.objects.filter(session=_chat(viewer, pk))
        in_sight = Q(message=None) | Q(message__ticket__in=visible_tickets(viewer))
        return self.listing.answer(request, self, entries.filter(in_sight))


class ChatMessages(APIView):
    """Answers into one chat."""

    required_permissions: ClassVar = {"POST": "tickets.reply"}

    @extend_schema(
        operation_id="chat_messages_create",
        request=ChatMessageIn,
        responses={201: TicketMessageOut, 404: NO_CHAT},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Answer the visitor; the chat shows it within a second or two, ``delivery`` of the message tells it.

        An answer that is not seen there in time goes out by e-mail, too, where the visitor has left an address. 409 in a chat
        that has ended: answer on its ticket.
        """
        wanted = read_body(ChatMessageIn, request)
        viewer = viewer_of(request)
        chat = _chat(viewer, pk)
        if chat.state == ChatSession.State.ENDED:
            raise Conflict(_("The chat has ended: answer on its ticket."))
        try:
            answer = reply_to_ticket(
                ticket=_ticket(chat), via=chat.inbox_id, thread_key=chat.key, by=viewer, **wanted
            )
        except NewerMessage as newer:
            raise Conflict(str(newer)) from newer
        without_files(answer)
        return Response(shown(TicketMessageOut, answer), status=status.HTTP_201_CREATED)


class ChatHandover(APIView):
    """Who goes on with one chat."""

    required_permissions: ClassVar = {"POST": ("tickets.edit", "tickets.assign")}

    @extend_schema(
        operation_id="chats_hand_over", request=ChatHandoverIn, responses={200: ChatOut, 404: NO_CHAT}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Give its ticket to a team or a colleague; a visitor who has been answered is told who has come."""
        wanted = read_body(ChatHandoverIn, request)
        if not wanted:
            raise ValidationError({"assignee": [_("Say who goes on with it: a team or a colleague.")]})
        viewer = viewer_of(request)
        # Whoever gives it to a private team of others does not see it any more.
        change_ticket(ticket=_ticket(_chat(viewer, pk)), wanted=wanted, by=viewer, may_lose_sight=True)
        return Response(ChatOut(ChatSession.objects.get(pk=pk)).data)


class ChatEnd(APIView):
    """The end of one chat."""

    required_permissions: ClassVar = {"POST": "tickets.reply"}

    @extend_schema(operation_id="chats_end", request=None, responses={200: ChatOut, 404: NO_CHAT})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """End it, once: the visitor can write nothing more in it. Its ticket keeps its status."""
        viewer = viewer_of(request)
        end_chat(session=_chat(viewer, pk), by=viewer)
        return Response(ChatOut(_chat(viewer, pk)).data)


def _chat(viewer: Viewer, pk: int) -> ChatSession:
    return _chats(viewer).get(pk=pk)


def _chats(viewer: Viewer) -> QuerySet[ChatSession]:
    return ChatSession.objects.visible_to(viewer).select_related("ticket")


def _ticket(chat: ChatSession) -> Ticket:
    """The ticket that its conversation goes on in."""
    assert chat.ticket is not None  # noqa: S101 - those without one are visible to nobody
    return merge_target(chat.ticket)
