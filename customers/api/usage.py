"""REST of product usage: sending it, and reading what an account does."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.api import usage_serializers as shapes
from customers.models import Account
from customers.selectors import daily_usage, feature_usage
from customers.services.ingest_usage import ingest_usage
from customers.usage_items import Verdict
from people.api.permissions import viewer_of

MOST_DAYS = 400


class AccountUsage(APIView):
    """Product usage of a customer."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(
        operation_id="account_usage",
        responses=shapes.AccountUsageOut,
        parameters=[OpenApiParameter("days", int, description=f"1 to {MOST_DAYS}, 30 when absent")],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read the last days, today included, and what was used in them."""
        account = get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)
        sent = request.query_params.get("days", "30")
        if not (sent.isascii() and sent.isdecimal() and len(sent) < 6 and 1 <= int(sent) <= MOST_DAYS):
            raise ValidationError({"days": [_("Give a number from 1 to %d.") % MOST_DAYS]})
        until = timezone.now().astimezone(UTC).date() + timedelta(days=1)
        days = daily_usage(account, days=int(sent), until=until)
        answer = {
            "account": account.pk,
            "days": [{"day": day, "events": events, "users": users} for day, events, users in days],
            "features": [
                {**row, "events": row["used"]} for row in feature_usage(account, days=int(sent), until=until)
            ],
        }
        return Response(shapes.AccountUsageOut(answer).data)


class UsageBatch(APIView):
    """Product usage in batches."""

    required_permissions: ClassVar = {"POST": "usage.write"}
    # An item that cannot be stored is refused by itself.
    parser_classes = (JSONParser,)

    @extend_schema(
        operation_id="usage_batch",
        request=shapes.UsageBatchSchema,
        responses=shapes.UsageBatchOut,
        description=(
            "Segment-shaped items, at most 2500 of at most 32 KB. Sending an item twice is harmless: it is a "
            "duplicate by its messageId. An item's account is the one whose external_id is groupId, else that of the "
            "contact with this userId or e-mail, else that of the address's domain. alias ties userId and previousId to one "
            "contact. Reasons of a rejection: not_an_object, bad_message_id, unknown_type, bad_text, too_large, no_event, "
            "no_identity, bad_properties, bad_timestamp, too_old (89 days), unknown_account, unknown_person, not_mergeable. "
            "A rejected item is kept as a dead letter; the last three may pass later, sent again or tried again."
        ),
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Take a batch; the answer has a verdict per item."""
        wanted = shapes.UsageBatchIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        verdicts = ingest_usage(
            items=wanted.validated_data["batch"],
            sent_at=wanted.validated_data.get("sentAt"),
            by=viewer_of(request),
        )
        counts = Counter(verdict.status for verdict in verdicts)
        answer = {name: counts[name] for name in ("accepted", "duplicate", "rejected")}
        return Response(answer | {"items": _told(verdicts)})


class UsageItem(APIView):
    """One item of product usage; its type is the last part of the address."""

    required_permissions: ClassVar = {"POST": "usage.write"}
    parser_classes = (JSONParser,)
    kind: ClassVar[str] = ""

    def take(self, request: Request) -> Response:
        """Take the item and answer its verdict."""
        item = request.data
        if not isinstance(item, dict):
            raise ValidationError({"non_field_errors": [_("Expected an object.")]})
        wanted = shapes.SentAtIn(data={"sentAt": item.get("sentAt")})
        wanted.is_valid(raise_exception=True)
        verdicts = ingest_usage(
            items=[{**item, "type": self.kind}],
            sent_at=wanted.validated_data.get("sentAt"),
            by=viewer_of(request),
        )
        return Response(_told(verdicts)[0])


class UsageTrack(UsageItem):
    """Something was done."""

    kind = "track"

    @extend_schema(operation_id="usage_track", request=shapes.UsageTrackIn, responses=shapes.VerdictOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Take one use of a feature; the answer is its verdict, as in a batch."""
        return self.take(request)


class UsageIdentify(UsageItem):
    """Who somebody is."""

    kind = "identify"

    @extend_schema(operation_id="usage_identify", request=shapes.UsageIdentifyIn, responses=shapes.VerdictOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Learn a person by address and user id; the answer is the verdict, as in a batch."""
        return self.take(request)


class UsageGroup(UsageItem):
    """Which account somebody belongs to."""

    kind = "group"

    @extend_schema(operation_id="usage_group", request=shapes.UsageGroupIn, responses=shapes.VerdictOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Take what is said about an account; the answer is the verdict, as in a batch."""
        return self.take(request)


class UsageAlias(UsageItem):
    """Two names of one person."""

    kind = "alias"

    @extend_schema(operation_id="usage_alias", request=shapes.UsageAliasIn, responses=shapes.VerdictOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Tie userId and previousId to one contact; two contacts are merged, which can be taken back."""
        return self.take(request)


def _told(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Say the verdicts without a serializer, which costs more than taking the items in."""
    return [{"messageId": one.message_id, "status": one.status, "reason": one.reason} for one in verdicts]
