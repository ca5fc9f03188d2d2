"""REST of how tickets hang together: followers, copies, links, merging and back, splitting, moving a message."""

from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.models import Contact
from people.api.permissions import viewer_of
from people.models import User
from people.viewer import Viewer
from tickets.answer_cc import is_outsider
from tickets.api.serializers import ByIdOrName, TicketMessageOut, TicketOut, TicketPerson
from tickets.linked_tickets import links_of
from tickets.models import CarbonCopy, Message, Ticket, TicketLink
from tickets.recipients import recipients_of_answer
from tickets.selectors import messages_of, ticket_of
from tickets.services.copy_contacts import add_cc, remove_cc
from tickets.services.follow_ticket import follow_ticket, unfollow_ticket
from tickets.services.link_tickets import ROLES, link_tickets, unlink_tickets
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.move_message import move_message, split_ticket

NOT_FOUND = OpenApiResponse(description="No such ticket, or none that this key may see.")


class TicketFollowerIn(serializers.Serializer[dict[str, Any]]):
    """Who shall follow."""

    user = ByIdOrName(User, "email", help_text=_("An id or an e-mail address."))


class TicketCopyIn(serializers.Serializer[dict[str, Any]]):
    """Who shall get copies."""

    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")


class TicketCopyOut(serializers.Serializer[CarbonCopy]):
    """A contact in copy."""

    contact = TicketPerson()
    created_at = serializers.DateTimeField()


class RecipientOut(serializers.Serializer[Any]):
    """A mailbox. ``is_new``: no answer on this ticket has reached it; ``is_outside``: and its domain is not the customer's."""

    name = serializers.CharField()
    address = serializers.CharField()
    is_new = serializers.BooleanField()
    is_outside = serializers.SerializerMethodField()

    def get_is_outside(self, recipient: Any) -> bool:
        """Whether the agent should look twice."""
        return is_outsider(recipient, self.context["ticket"])


class RecipientsOut(serializers.Serializer[Any]):
    """Whom the next answer reaches; ``removed`` got the last one and would not get this one."""

    to = RecipientOut(many=True)
    cc = RecipientOut(many=True)
    removed = RecipientOut(many=True)


class TicketLinkIn(serializers.Serializer[dict[str, Any]]):
    """Which ticket is what to the addressed one; "duplicate": the addressed one repeats it."""

    ticket = serializers.IntegerField(min_value=1)
    role = serializers.ChoiceField(choices=ROLES)


class TicketLinkOut(serializers.Serializer[Any]):
    """A ticket beside the addressed one. ``id`` is null for follow-ups and merged tickets, which no link row says."""

    id = serializers.IntegerField(source="link_id", allow_null=True)
    role = serializers.CharField()
    ticket = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object", "properties": {
        "id": {"type": "integer"}, "number": {"type": "integer"},
        "subject": {"type": "string"}, "status": {"type": "string"}}})  # fmt: skip
    def get_ticket(self, linked: Any) -> dict[str, Any]:
        """The other ticket in short."""
        other = linked.ticket
        return {
            "id": other.pk,
            "number": other.number,
            "subject": other.subject,
            "status": other.status_id,
        }


class TicketMergeIn(serializers.Serializer[dict[str, Any]]):
    """The ticket that goes on. Requesters whom no account joins get each other's answers: that must be confirmed."""

    into = serializers.IntegerField(min_value=1)
    confirm_different_requesters = serializers.BooleanField(required=False, default=False)


class TicketSplitIn(serializers.Serializer[dict[str, Any]]):
    """The subject of the new ticket; empty: the message's."""

    subject = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class TicketMoveIn(serializers.Serializer[dict[str, Any]]):
    """The ticket that gets the message."""

    to = serializers.IntegerField(min_value=1)


class TicketFollowers(APIView):
    """Who follows a ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.view"}
    key_permissions: ClassVar = {"POST": "tickets.assign"}

    @extend_schema(
        operation_id="ticket_followers_list", responses={200: TicketPerson(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List followers."""
        return _followers(viewer_of(request), pk)

    @extend_schema(
        operation_id="ticket_followers_add",
        request=TicketFollowerIn,
        responses={200: TicketPerson(many=True), 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let somebody follow; needs the right to assign tickets."""
        viewer = viewer_of(request)
        follow_ticket(ticket=ticket_of(viewer, pk), user=_read(TicketFollowerIn, request)["user"], by=viewer)
        return _followers(viewer, pk)


class TicketFollower(APIView):
    """One follower."""

    required_permissions: ClassVar = {"DELETE": "tickets.view"}
    key_permissions: ClassVar = {"DELETE": "tickets.assign"}

    @extend_schema(operation_id="ticket_followers_remove", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, user_pk: int) -> Response:
        """Let somebody no longer follow."""
        viewer = viewer_of(request)
        user = User.objects.filter(pk=user_pk).first()
        if user is None or not unfollow_ticket(ticket=ticket_of(viewer, pk), user=user, by=viewer):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketCopies(APIView):
    """Who gets copies of the answers."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.reply"}

    @extend_schema(
        operation_id="ticket_copies_list", responses={200: TicketCopyOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the contacts in copy."""
        return _copies(ticket_of(viewer_of(request), pk))

    @extend_schema(
        operation_id="ticket_copies_add",
        request=TicketCopyIn,
        responses={200: TicketCopyOut(many=True), 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Put an address in copy."""
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        wanted = _read(TicketCopyIn, request)
        add_cc(ticket=ticket, email=wanted["email"], name=wanted["name"], by=viewer)
        return _copies(ticket)


class TicketCopy(APIView):
    """One contact in copy."""

    required_permissions: ClassVar = {"DELETE": "tickets.reply"}

    @extend_schema(operation_id="ticket_copies_remove", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, contact_pk: int) -> Response:
        """Take a contact out of copy; the person stays off the answers also when a customer's mail copies it."""
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        contact = Contact.objects.filter(pk=contact_pk).first()
        if contact is None:
            raise Http404
        remove_cc(ticket=ticket, contact=contact, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketRecipients(APIView):
    """Whom the next answer reaches."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(operation_id="ticket_recipients", responses={200: RecipientsOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Compute To and Cc as the composer does."""
        ticket = ticket_of(viewer_of(request), pk)
        return Response(RecipientsOut(recipients_of_answer(ticket), context={"ticket": ticket}).data)


class TicketLinks(APIView):
    """What a ticket is linked to."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_links_list", responses={200: TicketLinkOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List links, follow-ups and merged tickets that the key may see."""
        return _links(viewer_of(request), pk)

    @extend_schema(
        operation_id="ticket_links_add",
        request=TicketLinkIn,
        responses={200: TicketLinkOut(many=True), 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Link another ticket; a link that exists stays one."""
        viewer = viewer_of(request)
        wanted = _read(TicketLinkIn, request)
        other = ticket_of(viewer, wanted["ticket"])
        link_tickets(ticket=ticket_of(viewer, pk), other=other, role=wanted["role"], by=viewer)
        return _links(viewer, pk)


class TicketLinkDetail(APIView):
    """One link."""

    required_permissions: ClassVar = {"DELETE": "tickets.edit"}

    @extend_schema(operation_id="ticket_links_remove", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, link_pk: int) -> Response:
        """Remove a link."""
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        link = TicketLink.objects.filter(pk=link_pk).select_related("from_ticket", "to_ticket").first()
        if link is None or ticket.pk not in {link.from_ticket_id, link.to_ticket_id}:
            raise Http404
        unlink_tickets(link=link, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketMergeView(APIView):
    """Merging, and taking it back."""

    required_permissions: ClassVar = {"POST": "tickets.edit", "DELETE": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_merge", request=TicketMergeIn, responses={200: TicketOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Merge the ticket into another one; answers the one that goes on."""
        viewer = viewer_of(request)
        wanted = _read(TicketMergeIn, request)
        merge = merge_tickets(
            ticket=ticket_of(viewer, pk),
            into=ticket_of(viewer, wanted["into"]),
            by=viewer,
            confirm_different_requesters=wanted["confirm_different_requesters"],
        )
        return Response(TicketOut(ticket_of(viewer, merge.target_id)).data)

    @extend_schema(operation_id="ticket_unmerge", responses={200: TicketOut, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int) -> Response:
        """Take the merge back; answers the ticket that stands alone again."""
        viewer = viewer_of(request)
        unmerge_ticket(ticket=ticket_of(viewer, pk), by=viewer)
        return Response(TicketOut(ticket_of(viewer, pk)).data)


class TicketMessageSplit(APIView):
    """A ticket of its own for a message."""

    required_permissions: ClassVar = {"POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_message_split", request=TicketSplitIn, responses={201: TicketOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int, message_pk: int) -> Response:
        """Split the message off; answers the new ticket."""
        viewer = viewer_of(request)
        ticket = ticket_of(viewer, pk)
        message = messages_of(ticket).get(pk=message_pk)
        subject = _read(TicketSplitIn, request)["subject"]
        made = split_ticket(ticket=ticket, message=message, subject=subject, by=viewer)
        return Response(TicketOut(ticket_of(viewer, made.pk)).data, status=status.HTTP_201_CREATED)


class TicketMessageMove(APIView):
    """A message in another ticket."""

    required_permissions: ClassVar = {"POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_message_move",
        request=TicketMoveIn,
        responses={200: TicketMessageOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int, message_pk: int) -> Response:
        """Move the message; moving it back undoes it."""
        viewer = viewer_of(request)
        message = messages_of(ticket_of(viewer, pk)).get(pk=message_pk)
        target = ticket_of(viewer, _read(TicketMoveIn, request)["to"])
        move_message(message=message, to=target, by=viewer)
        shown: Message = messages_of(target).get(pk=message.pk)
        return Response(TicketMessageOut(shown).data)


def _read(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the validated body; raises ValidationError naming unknown and refused fields."""
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(wanted.fields))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    values: dict[str, Any] = wanted.validated_data
    return values


def _followers(viewer: Viewer, pk: int) -> Response:
    ticket = ticket_of(viewer, pk)
    people = User.objects.filter(pk__in=ticket.followers.values("user")).order_by("pk")
    return Response(TicketPerson(people, many=True).data)


def _copies(ticket: Ticket) -> Response:
    rows = ticket.carbon_copies.filter(removed_at=None).select_related("contact").order_by("pk")
    found = list(rows.prefetch_related("contact__identities"))
    return Response(TicketCopyOut(found, many=True).data)  # type: ignore[arg-type]


def _links(viewer: Viewer, pk: int) -> Response:
    groups = links_of(viewer, ticket_of(viewer, pk))
    return Response(TicketLinkOut([one for group in groups for one in group.linked], many=True).data)
