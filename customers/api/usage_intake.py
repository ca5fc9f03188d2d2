"""REST of what became of product usage: counters by day, and rejected items."""

from datetime import UTC
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.api import usage_serializers as shapes
from customers.models import UsageDeadLetter
from customers.services.keep_dead_letters import waiting_letters
from customers.services.settle_dead_letters import DROP, RETRY, settle_all, settle_one
from customers.usage_intake import intake_days
from customers.usage_items import REASONS
from people.api.permissions import viewer_of

MOST_DAYS = 90
# Who sends usage may see what became of it; people need to be operators.
_SEE = ("operations.view", "usage.write")
_RETRY = ("operations.retry", "usage.write")
_DROP = ("operations.manage", "usage.write")


class IntakeDays(APIView):
    """What was sent and what became of it."""

    required_permissions: ClassVar = {"GET": _SEE}

    @extend_schema(
        operation_id="usage_intake",
        responses=shapes.IntakeOut,
        parameters=[OpenApiParameter("days", int, description=f"1 to {MOST_DAYS}, 14 when absent")],
    )
    def get(self, request: Request) -> Response:
        """Count the items of the last days by outcome."""
        sent = request.query_params.get("days", "14")
        if not (sent.isascii() and sent.isdecimal() and len(sent) < 6 and 1 <= int(sent) <= MOST_DAYS):
            raise ValidationError({"days": [_("Give a number from 1 to %d.") % MOST_DAYS]})
        answer = {
            "days": intake_days(until=timezone.now().astimezone(UTC).date(), days=int(sent)),
            "waiting": waiting_letters(),
            "dead_letters": UsageDeadLetter.objects.visible_to(viewer_of(request)).count(),
        }
        return Response(shapes.IntakeOut(answer).data)


class DeadLetterList(APIView):
    """Items that were rejected and wait."""

    required_permissions: ClassVar = {"GET": _SEE}
    pagination_class = KeysetPagination
    listing = Listing(
        shapes.DeadLetterOut,
        filters=[
            Filter("reason", lookup="reason", choices=REASONS),
            Filter("message_id", lookup="message_id"),
            Filter("user", lookup="user_key"),
            Filter("group", lookup="group"),
            Filter("received_since", "time", lookup="received_at__gte"),
        ],
    )

    @extend_schema(operation_id="usage_dead_letters_list", responses=shapes.DeadLetterOut(many=True))
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.listing.answer(request, self, UsageDeadLetter.objects.visible_to(viewer_of(request)))


class DeadLettersSettle(APIView):
    """All items of a reason at once."""

    required_permissions: ClassVar = {"POST": _RETRY}

    @extend_schema(
        operation_id="usage_dead_letters_settle", request=shapes.SettleIn, responses={202: shapes.SettleOut}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Start a job that tries them again or gives them up."""
        wanted = shapes.SettleIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        job = settle_all(by=viewer_of(request), **wanted.validated_data)
        return Response({"job": job.pk}, status=status.HTTP_202_ACCEPTED)


class DeadLetterDetail(APIView):
    """One rejected item."""

    required_permissions: ClassVar = {"GET": _SEE, "DELETE": _DROP}

    @extend_schema(operation_id="usage_dead_letters_read", responses=shapes.DeadLetterOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read it."""
        return Response(shapes.DeadLetterOut(_letter(request, pk)).data)

    @extend_schema(operation_id="usage_dead_letters_drop", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Give it up."""
        settle_one(letter=_letter(request, pk), action=DROP, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeadLetterRetry(APIView):
    """Another try of a rejected item."""

    required_permissions: ClassVar = {"POST": _RETRY}

    @extend_schema(operation_id="usage_dead_letters_retry", request=None, responses=shapes.VerdictOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Judge it again, dated as on its first try; the answer is the verdict."""
        verdict = settle_one(letter=_letter(request, pk), action=RETRY, by=viewer_of(request))
        answer: dict[str, Any] = {
            "messageId": verdict.message_id,
            "status": verdict.status,
            "reason": verdict.reason,
        }
        return Response(answer)


def _letter(request: Request, pk: int) -> UsageDeadLetter:
    return get_object_or_404(UsageDeadLetter.objects.visible_to(viewer_of(request)), pk=pk)
