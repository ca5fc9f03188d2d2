"""REST of many tickets at once that another system knows by ids of its own."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.api.serializers import BulkUpsertOut
from customers.api.upserting import upserted
from people.models import User
from tickets.api.serializers import MAX_BODY, ByIdOrName, TicketContactIn, TicketIn
from tickets.services.upsert_tickets import MOST_TICKETS, upsert_tickets


class TicketUpsertIn(TicketIn):
    """A ticket by the id that another system gave its first message.

    Subject, body, contact, inbox and copies open a ticket and are left alone afterwards; of the rest only what is sent changes.
    """

    # When another system puts a ticket aside is its own business.
    snoozed_until = None  # type: ignore[assignment]
    external_id = serializers.CharField(max_length=255)
    subject = serializers.CharField(max_length=300, required=False)
    body = serializers.CharField(max_length=MAX_BODY, trim_whitespace=False, required=False)
    contact = TicketContactIn(required=False)
    status = serializers.CharField(max_length=24, required=False)
    assignee = ByIdOrName(User, "email", required=False, allow_null=True)


class TicketUpsertBatchIn(serializers.Serializer[Any]):
    """A batch of tickets."""

    items = serializers.ListField(child=TicketUpsertIn(), min_length=1, max_length=MOST_TICKETS)


class TicketUpsert(APIView):
    """Many tickets at once."""

    required_permissions: ClassVar = {"POST": "tickets.create"}

    @extend_schema(operation_id="tickets_upsert", request=TicketUpsertBatchIn, responses=BulkUpsertOut)
    def post(self, request: Request) -> Response:
        """Open or change tickets by ``channel`` and ``external_id``, at most 100; sent again, nothing changes.

        A new id opens a ticket, which needs ``subject``, ``body`` and ``contact``. Each row is committed for itself: one that is
        refused says why and holds no other up.
        """
        return upserted(request, TicketUpsertIn, upsert_tickets, MOST_TICKETS)
