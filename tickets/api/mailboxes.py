"""REST of mailboxes and outgoing mail servers: how each is. People set them up, on the page, where a password can be typed in."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.pagination import KeysetPagination
from people.api.permissions import viewer_of
from tickets.channels.email.selectors import mailboxes
from tickets.models import Mailbox, OutgoingServer


class MailboxOut(serializers.ModelSerializer[Mailbox]):
    """A mailbox and how it is. ``alarm`` is what people were last told about, empty when all is well; ``error`` says why it
    cannot be read. ``server_count`` mails counted on the server at ``reconciled_at``, of which ``missing_count`` are not in the
    ledger; ``missing`` are the first 500 of their UIDs."""

    class Meta:
        model = Mailbox
        fields: ClassVar = [
            "id", "inbox", "protocol", "host", "port", "security", "username", "folder", "state", "state_since", "error", "alarm",
            "last_success_at", "last_mail_at", "next_look_at", "reconciled_at", "server_count", "missing_count", "missing",
            "delete_after_days",
        ]  # fmt: skip


class MailboxList(APIView):
    """The mailboxes."""

    required_permissions: ClassVar = {"*": "tickets.configure"}
    pagination_class = KeysetPagination

    @extend_schema(operation_id="mailboxes_list", responses=MailboxOut(many=True))
    def get(self, request: Request) -> Response:
        """List the mailboxes, the newest first."""
        pages = KeysetPagination()
        rows: Any = pages.paginate_queryset(mailboxes(viewer_of(request)), request, view=self)
        return pages.get_paginated_response(MailboxOut(rows, many=True).data)


class MailboxDetail(APIView):
    """One mailbox."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(
        operation_id="mailboxes_read",
        responses={200: MailboxOut, 404: OpenApiResponse(description="There is none here.")},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read how a mailbox is."""
        return Response(MailboxOut(mailboxes(viewer_of(request)).get(pk=pk)).data)


class OutgoingServerOut(serializers.ModelSerializer[OutgoingServer]):
    """The mail server by which answers of an inbox leave, and how it is. ``alarm`` is what people were last told about, empty
    when all is well; ``error`` says why nothing leaves. An inbox without one sends by the common server."""

    class Meta:
        model = OutgoingServer
        fields: ClassVar = [
            "id", "inbox", "host", "port", "security", "username", "state", "state_since", "error", "alarm", "last_sent_at",
        ]  # fmt: skip


class OutgoingServerList(APIView):
    """The outgoing servers."""

    required_permissions: ClassVar = {"*": "tickets.configure"}
    pagination_class = KeysetPagination

    @extend_schema(operation_id="outgoing_servers_list", responses=OutgoingServerOut(many=True))
    def get(self, request: Request) -> Response:
        """List the outgoing servers, the newest first."""
        pages = KeysetPagination()
        rows: Any = pages.paginate_queryset(
            OutgoingServer.objects.visible_to(viewer_of(request)), request, view=self
        )
        return pages.get_paginated_response(OutgoingServerOut(rows, many=True).data)
