"""REST of webhooks: endpoints, their secrets, their logs. A view parses, calls one service or selector, answers.

Answers that hold a secret are not remembered for an ``Idempotency-Key``, which would store it: the name of an endpoint is
unique, so a repeated request makes no second one.
"""

from typing import Any, ClassVar

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing
from core.api.versions import Versioned
from customers.models import Account
from integrations.catalogue import WEBHOOK_SCOPES
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.selectors import delivery_list, event_rows, webhook_list
from integrations.services.replay_deliveries import replay_delivery, replay_failed
from integrations.services.save_webhook import delete_webhook, rotate_webhook_secret, save_webhook, secret_of
from integrations.services.switch_webhook import switch_webhook
from integrations.services.try_webhook import try_webhook
from people.api.permissions import viewer_of
from people.models import Team
from tickets.api.views import read_body

NOT_FOUND = OpenApiResponse(description="There is none with this id, or the key may not set webhooks up.")
_SCOPES = [(scope, scope) for scope in WEBHOOK_SCOPES]
_SAVED = (
    "name", "url", "description", "patterns", "scopes", "includes_private_teams", "tiers", "channels",
)  # fmt: skip


class WebhookOut(serializers.ModelSerializer[WebhookEndpoint]):
    """An endpoint. ``waiting`` counts deliveries on their way; ``paused_until`` is set while the receiver is down."""

    teams = serializers.SerializerMethodField()
    waiting = serializers.IntegerField()
    paused_until = serializers.DateTimeField(source="waits_until", allow_null=True)
    previous_secret_valid_until = serializers.DateTimeField(source="previous_valid_until", allow_null=True)

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "name", "url", "description", "patterns", "scopes", "includes_private_teams", "teams", "tiers", "channels",
            "is_active", "disabled_reason", "failing_since", "consecutive_failures", "paused_until", "waiting",
            "last_delivered_at", "previous_secret_valid_until", "created_at", "updated_at",
        ]  # fmt: skip

    def get_teams(self, endpoint: WebhookEndpoint) -> list[int]:
        """Ids of the teams; empty for all."""
        return sorted(team.pk for team in endpoint.teams.all())


class WebhookMadeOut(WebhookOut):
    """A new endpoint with its secret, which is told this once."""

    secret = serializers.SerializerMethodField()

    class Meta(WebhookOut.Meta):
        fields = [*WebhookOut.Meta.fields, "secret"]

    def get_secret(self, endpoint: WebhookEndpoint) -> str:
        """``whsec_`` and base64."""
        return secret_of(endpoint)


class SecretOut(serializers.Serializer[Any]):
    """A new secret, told this once; the one before signs as well until ``previous_secret_valid_until``."""

    secret = serializers.CharField()
    previous_secret_valid_until = serializers.DateTimeField()


class WebhookIn(serializers.Serializer[dict[str, Any]]):
    """What may be set on an endpoint."""

    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=2000)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    patterns = serializers.ListField(
        child=serializers.CharField(max_length=64), help_text="Verbs, ``tickets.*`` or ``*``."
    )
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=_SCOPES))
    includes_private_teams = serializers.BooleanField(required=False, default=False)
    teams = serializers.PrimaryKeyRelatedField(
        queryset=Team.objects.all(), many=True, required=False, default=list
    )
    tiers = serializers.ListField(
        child=serializers.ChoiceField(choices=Account.Tier.choices), required=False, default=list
    )
    channels = serializers.ListField(child=serializers.CharField(max_length=32), required=False, default=list)


class WebhookChangeIn(WebhookIn):
    """What of an endpoint changes; what is not named stays. ``is_active`` switches it."""

    is_active = serializers.BooleanField(required=False)


class DeliveryOut(serializers.ModelSerializer[WebhookDelivery]):
    """One event for one endpoint. ``message_id`` is the ``webhook-id``; ``answer`` the beginning of what was said last."""

    webhook = serializers.IntegerField(source="endpoint_id")
    event = serializers.IntegerField(source="event_id", allow_null=True)
    type = serializers.CharField(source="event_type")
    answer = serializers.CharField(source="excerpt")
    next_attempt_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "webhook", "message_id", "type", "event", "state", "attempts", "replays", "status_code", "duration_ms",
            "answer", "error", "created_at", "last_attempt_at", "next_attempt_at", "finished_at",
        ]  # fmt: skip


class ReplayIn(serializers.Serializer[dict[str, Any]]):
    """Since when."""

    since = serializers.DateTimeField()


class ReplayOut(serializers.Serializer[Any]):
    """How many are sent again, and how many failed ones are left."""

    replayed = serializers.IntegerField()
    left = serializers.IntegerField()


class WebhookEventOut(serializers.Serializer[Any]):
    """An event that can be told, what it says, and the scopes of which one is needed."""

    type = serializers.CharField()
    sentence = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())


class _ForWhoManages(APIView):
    """Every door of webhooks needs the same permission."""

    required_permissions: ClassVar = {"*": "integrations.manage"}


class Webhooks(_ForWhoManages):
    """Endpoints."""

    pagination_class = KeysetPagination

    listing = Listing(
        WebhookOut,
        filters=[
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("is_active", "flag", lookup="is_active"),
        ],
        orders=("-id", "name", "updated_at"),
    )

    @extend_schema(operation_id="webhooks_list", responses=WebhookOut(many=True))
    def get(self, request: Request) -> Response:
        """List the endpoints, newest first."""
        return self.listing.answer(request, self, webhook_list(viewer_of(request)))

    @extend_schema(operation_id="webhooks_create", request=WebhookIn, responses={201: WebhookMadeOut})
    def post(self, request: Request) -> Response:
        """Add an endpoint; the answer tells its secret, this once."""
        made = save_webhook(by=viewer_of(request), **read_body(WebhookIn, request))
        return Response(WebhookMadeOut(_endpoint(request, made.pk)).data, status=status.HTTP_201_CREATED)


class WebhookEvents(_ForWhoManages):
    """What can be told."""

    @extend_schema(operation_id="webhooks_events", responses=WebhookEventOut(many=True))
    def get(self, request: Request) -> Response:
        """List the events that patterns name."""
        return Response(WebhookEventOut(event_rows(), many=True).data)


class WebhookDetail(Versioned, _ForWhoManages):
    """One endpoint."""

    shape = WebhookOut
    changes = WebhookChangeIn

    @extend_schema(operation_id="webhooks_read", responses={200: WebhookOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read it; its secret is not told again."""
        return self.answer(request, WebhookOut(_endpoint(request, pk)).data)

    @extend_schema(
        operation_id="webhooks_update",
        request=WebhookChangeIn,
        responses={200: WebhookOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named; all of it or nothing."""
        wanted = read_body(WebhookChangeIn, request, partial=True)
        is_active = wanted.pop("is_active", None)
        with transaction.atomic():
            endpoint = _locked(request, pk)
            self.check_version(request, lambda: WebhookOut(endpoint).data)
            if wanted:
                kept = {name: getattr(endpoint, name) for name in _SAVED}
                kept["teams"] = list(endpoint.teams.all())
                save_webhook(endpoint=endpoint, by=viewer_of(request), **(kept | wanted))
            if is_active is not None:
                switch_webhook(endpoint=endpoint, is_active=is_active, by=viewer_of(request))
        return self.answer(request, WebhookOut(_endpoint(request, pk)).data)

    @extend_schema(operation_id="webhooks_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it with its log; what waits is not sent."""
        with transaction.atomic():
            endpoint = _locked(request, pk)
            self.check_version(request, lambda: WebhookOut(endpoint).data)
            delete_webhook(endpoint=endpoint, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookSecret(_ForWhoManages):
    """The secret of an endpoint."""

    @extend_schema(
        operation_id="webhooks_rotate_secret", request=None, responses={201: SecretOut, 404: NOT_FOUND}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Replace it; the one before signs as well for a day."""
        endpoint = _endpoint(request, pk)
        secret = rotate_webhook_secret(endpoint=endpoint, by=viewer_of(request))
        endpoint.refresh_from_db()
        told = {"secret": secret, "previous_secret_valid_until": endpoint.previous_valid_until}
        return Response(SecretOut(told).data, status=status.HTTP_201_CREATED)


class WebhookTest(_ForWhoManages):
    """A test event."""

    @extend_schema(
        operation_id="webhooks_test",
        request=None,
        responses={202: DeliveryOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Send one; read the delivery until its ``state`` says what came of it."""
        delivery = try_webhook(endpoint=_endpoint(request, pk), by=viewer_of(request))
        return Response(DeliveryOut(delivery).data, status=status.HTTP_202_ACCEPTED)


class WebhookReplay(_ForWhoManages):
    """What has failed."""

    @extend_schema(
        operation_id="webhooks_replay",
        request=ReplayIn,
        responses={202: ReplayOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Send again what has failed since a moment, 500 at a time."""
        wanted = read_body(ReplayIn, request)
        replayed, left = replay_failed(endpoint=_endpoint(request, pk), by=viewer_of(request), **wanted)
        return Response(ReplayOut({"replayed": replayed, "left": left}).data, status=status.HTTP_202_ACCEPTED)


class Deliveries(_ForWhoManages):
    """The log of an endpoint."""

    pagination_class = KeysetPagination
    listing = Listing(
        DeliveryOut,
        filters=[
            Filter("state", choices=tuple(WebhookDelivery.State.values)),
            Filter("type", description="type of the event"),
            Filter("created_since", "time", lookup="created_at__gte"),
        ],
        orders=("-id", "created_at"),
    )

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        responses=DeliveryOut(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the deliveries of the last 30 days, newest first."""
        asked = self.listing.asked(request)
        found = delivery_list(
            _endpoint(request, pk), state=asked.get("state", ""), type_name=asked.get("type", "")
        )
        return self.listing.answer(request, self, found)


class DeliveryDetail(_ForWhoManages):
    """One delivery."""

    @extend_schema(operation_id="webhooks_deliveries_read", responses={200: DeliveryOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int, delivery_pk: int) -> Response:
        """Say how it stands."""
        return Response(DeliveryOut(_delivery(request, pk, delivery_pk)).data)


class DeliveryReplay(_ForWhoManages):
    """One delivery, again."""

    @extend_schema(
        operation_id="webhooks_deliveries_replay",
        request=None,
        responses={
            202: DeliveryOut,
            404: NOT_FOUND,
            409: OpenApiResponse(description="It is on its way."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int, delivery_pk: int) -> Response:
        """Send it again, with the same ``webhook-id``."""
        delivery = _delivery(request, pk, delivery_pk)
        if not replay_delivery(delivery=delivery, by=viewer_of(request)):
            raise Conflict("It is on its way already.")
        return Response(
            DeliveryOut(_delivery(request, pk, delivery_pk)).data, status=status.HTTP_202_ACCEPTED
        )


def _endpoint(request: Request, pk: int) -> WebhookEndpoint:
    return get_object_or_404(webhook_list(viewer_of(request)), pk=pk)


def _locked(request: Request, pk: int) -> WebhookEndpoint:
    # The counted rows of the list cannot be locked.
    WebhookEndpoint.objects.select_for_update().filter(pk=pk).first()
    return _endpoint(request, pk)


def _delivery(request: Request, pk: int, delivery_pk: int) -> WebhookDelivery:
    return get_object_or_404(delivery_list(_endpoint(request, pk)), pk=delivery_pk)
