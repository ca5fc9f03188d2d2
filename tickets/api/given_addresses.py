"""REST of addresses that a customer gave in messages."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from people.api.permissions import viewer_of
from tickets.api.properties import all_of
from tickets.api.views import NOT_FOUND
from tickets.given_addresses import GivenAddress, given_addresses
from tickets.selectors import ticket_of
from tickets.services.take_given_address import take_given_address


class GivenAddressOut(serializers.Serializer[GivenAddress]):
    """An address from a message; ``contact`` is who has it, null when nobody has."""

    kind = serializers.ChoiceField(choices=["email", "phone"])
    value = serializers.CharField()
    contact = serializers.IntegerField(source="contact.pk", default=None, allow_null=True)


class GivenAddressIn(serializers.Serializer[Any]):
    """Which of them is the requester's own."""

    kind = serializers.ChoiceField(choices=["email", "phone"])
    value = serializers.CharField(max_length=254)


class TakenAddressOut(serializers.Serializer[Any]):
    """The contact that speaks for the person now."""

    contact = serializers.IntegerField()


class TicketGivenAddresses(APIView):
    """Addresses that the requester wrote in messages other than mails."""

    required_permissions: ClassVar = {"GET": "customers.view", "POST": "customers.edit"}

    @extend_schema(
        operation_id="ticket_given_addresses_list",
        responses={200: all_of("TicketGivenAddressesOut", GivenAddressOut), 404: NOT_FOUND},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List those that are nobody's yet or another contact's: a hint, never a proof."""
        ticket = ticket_of(viewer_of(request), pk)
        given: Any = given_addresses(ticket, viewer_of(request))
        return Response({"results": GivenAddressOut(given, many=True).data})

    @extend_schema(
        operation_id="ticket_given_addresses_take",
        request=GivenAddressIn,
        responses={
            200: TakenAddressOut,
            404: NOT_FOUND,
            400: OpenApiResponse(description="It was not given here."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Add the address to the requester, or merge the requester into the contact that has it."""
        wanted = GivenAddressIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        contact = take_given_address(
            ticket=ticket_of(viewer_of(request), pk), by=viewer_of(request), **wanted.validated_data
        )
        return Response({"contact": contact.pk})
