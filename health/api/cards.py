"""REST of health cards: read, change the draft, publish, go back, play over the past; and of missing data."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from health.api.bodies import body_of
from health.card_checks import shares_of, warnings_of
from health.cards import Lens
from health.data_debt import data_debt
from health.models import CardReplay, HealthCard, HealthCardVersion
from health.services.publish_card import publish_card, retire_card, roll_back_card
from health.services.replay_card import start_replay
from health.services.save_card import draft_of, save_card, save_draft
from people.api.permissions import viewer_of

NOT_FOUND = OpenApiResponse(description="There is none with this id, or none that this key may see.")
READ_WRITE: dict[str, str | tuple[str, ...]] = {
    "GET": "health.view", "POST": "health.manage", "PATCH": "health.manage", "PUT": "health.manage",
}  # fmt: skip


class HealthCardOut(serializers.ModelSerializer[HealthCard]):
    """A card; ``live_version`` null: it measures nobody. ``applies_to`` asks tier, lifecycle, tenure_days, arr, seats."""

    live_version = serializers.IntegerField(source="live.number", allow_null=True, default=None)
    applies_to = serializers.JSONField()

    class Meta:
        model = HealthCard
        fields = ("id", "key", "name", "lens", "is_primary", "priority", "applies_to", "live_version")


class HealthCardIn(serializers.Serializer[Any]):
    """What a card is called, what it looks at and whom it measures; the lowest priority counts."""

    key = serializers.SlugField(max_length=40, required=False)
    name = serializers.CharField(max_length=80)
    lens = serializers.ChoiceField(choices=Lens.choices, required=False)
    is_primary = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(min_value=1, max_value=999, required=False)
    applies_to = serializers.JSONField(required=False)


class CardChangeIn(serializers.Serializer[Any]):
    """What changes of a card; the key stays."""

    name = serializers.CharField(max_length=80, required=False)
    lens = serializers.ChoiceField(choices=Lens.choices, required=False)
    is_primary = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(min_value=1, max_value=999, required=False)
    applies_to = serializers.JSONField(required=False)


class CardVersionOut(serializers.ModelSerializer[HealthCardVersion]):
    """A version; ``number`` null is the draft. ``content``: measures and knock-outs, see docs/health.md."""

    content = serializers.JSONField()
    shares = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = HealthCardVersion
        fields = ("number", "checksum", "note", "published_at", "content", "shares", "warnings")

    def get_shares(self, version: HealthCardVersion) -> dict[str, float]:
        """Part of the weights by signal, 0..1."""
        return shares_of(version.content)

    def get_warnings(self, version: HealthCardVersion) -> list[str]:
        """What a person should know before publishing."""
        return warnings_of(version.content)


class DraftIn(serializers.Serializer[Any]):
    """The draft as a whole: ``content`` has measures (signal and what differs from its own values) and knock_outs (ceilings)."""

    content = serializers.JSONField()
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class CardPublishIn(serializers.Serializer[Any]):
    """Why it is published."""

    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class CardReplayOut(serializers.ModelSerializer[CardReplay]):
    """A run of the time machine; ``summary`` is empty until it is finished."""

    done = serializers.SerializerMethodField()
    accounts = serializers.SerializerMethodField()
    summary = serializers.JSONField()

    class Meta:
        model = CardReplay
        fields = ("id", "checksum", "against", "created_at", "finished_at", "done", "accounts", "summary")

    def get_done(self, replay: CardReplay) -> int:
        """Accounts that are played."""
        return len(replay.rows)

    def get_accounts(self, replay: CardReplay) -> int:
        """Accounts in all."""
        return len(replay.account_ids)


class DebtOut(serializers.Serializer[Any]):
    """One missing source; ``freed`` accounts would have a band if it alone were known."""

    signal = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField(allow_blank=True)
    missing = serializers.IntegerField()
    stale = serializers.IntegerField()
    missing_arr = serializers.DecimalField(max_digits=18, decimal_places=2)
    freed = serializers.IntegerField()
    freed_arr = serializers.DecimalField(max_digits=18, decimal_places=2)


class DebtReportOut(serializers.Serializer[Any]):
    """All sources, those that free most ARR first."""

    unknown = serializers.IntegerField()
    unknown_arr = serializers.DecimalField(max_digits=18, decimal_places=2)
    total_arr = serializers.DecimalField(max_digits=18, decimal_places=2)
    lines = DebtOut(many=True)


class CardList(APIView):
    """Health cards."""

    required_permissions: ClassVar = READ_WRITE
    pagination_class = KeysetPagination
    listing = Listing(
        HealthCardOut, filters=[Filter("lens", lookup="lens", choices=tuple(Lens.values))], orders=("id",)
    )

    @extend_schema(operation_id="health_cards_list", responses=HealthCardOut(many=True))
    def get(self, request: Request) -> Response:
        """List the cards; customers that none applies to are measured by the built-in card."""
        rows = HealthCard.objects.visible_to(viewer_of(request)).select_related("live")
        return self.listing.answer(request, self, rows)

    @extend_schema(operation_id="health_cards_create", request=HealthCardIn, responses={201: HealthCardOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a card with the built-in one as its draft; it measures nobody before it is published."""
        card = save_card(card=None, values=body_of(HealthCardIn, request), by=viewer_of(request))
        return Response(HealthCardOut(card).data, status=status.HTTP_201_CREATED)


class CardDetail(APIView):
    """One card."""

    required_permissions: ClassVar = READ_WRITE

    @extend_schema(operation_id="health_cards_read", responses={200: HealthCardOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a card."""
        return Response(HealthCardOut(_card(request, pk)).data)

    @extend_schema(
        operation_id="health_cards_change",
        request=CardChangeIn,
        responses={200: HealthCardOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change name, lens, priority or accounts; of a live card it counts from the next scoring on."""
        values = body_of(CardChangeIn, request, partial=True)
        return Response(
            HealthCardOut(save_card(card=_card(request, pk), values=values, by=viewer_of(request))).data
        )


class CardDraft(APIView):
    """The draft of a card."""

    required_permissions: ClassVar = READ_WRITE

    @extend_schema(operation_id="health_card_draft_read", responses={200: CardVersionOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read the draft, else a copy of what is live, with shares and warnings."""
        return Response(CardVersionOut(draft_of(_card(request, pk))).data)

    @extend_schema(
        operation_id="health_card_draft_change",
        request=DraftIn,
        responses={200: CardVersionOut, 404: NOT_FOUND},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Replace the draft; what is wrong is named as ``measures.<signal>`` or ``knock_outs.<key>``."""
        draft = save_draft(card=_card(request, pk), by=viewer_of(request), **body_of(DraftIn, request))
        return Response(CardVersionOut(draft).data)


class CardVersions(APIView):
    """The published versions of a card."""

    required_permissions: ClassVar = {"GET": "health.view"}

    @extend_schema(
        operation_id="health_card_versions", responses={200: CardVersionOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List what the card was, newest first; versions never change."""
        versions = _card(request, pk).versions.exclude(number=None)
        return Response(CardVersionOut(versions, many=True).data)


class CardPublish(APIView):
    """Publishing."""

    required_permissions: ClassVar = {"POST": "health.manage"}

    @extend_schema(
        operation_id="health_card_publish",
        request=CardPublishIn,
        responses={200: CardVersionOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Make the draft the live version and score every customer again."""
        version = publish_card(
            card=_card(request, pk), by=viewer_of(request), **body_of(CardPublishIn, request)
        )
        return Response(CardVersionOut(version).data)


class CardRollBack(APIView):
    """Going back."""

    required_permissions: ClassVar = {"POST": "health.manage"}

    @extend_schema(
        operation_id="health_card_roll_back", request=None, responses={200: CardVersionOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int, number: int) -> Response:
        """Make a former version live again."""
        card = _card(request, pk)
        version = get_object_or_404(HealthCardVersion, card=card, number=number)
        return Response(
            CardVersionOut(roll_back_card(card=card, version=version, by=viewer_of(request))).data
        )


class CardRetire(APIView):
    """Taking out of use."""

    required_permissions: ClassVar = {"POST": "health.manage"}

    @extend_schema(
        operation_id="health_card_retire", request=None, responses={200: HealthCardOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let the card measure nobody from now on."""
        retire_card(card=_card(request, pk), by=viewer_of(request))
        return Response(HealthCardOut(_card(request, pk)).data)


class CardReplays(APIView):
    """The time machine."""

    required_permissions: ClassVar = {"GET": "health.view", "POST": "health.manage"}

    @extend_schema(
        operation_id="health_card_replays", responses={200: CardReplayOut(many=True), 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the last ten runs, newest first."""
        return Response(
            CardReplayOut(CardReplay.objects.filter(card=_card(request, pk))[:10], many=True).data
        )

    @extend_schema(
        operation_id="health_card_replay_start", request=None, responses={201: CardReplayOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Play the draft over the last twelve months beside what is live; a job does it."""
        replay = start_replay(card=_card(request, pk), by=viewer_of(request))
        return Response(CardReplayOut(replay).data, status=status.HTTP_201_CREATED)


class DataDebt(APIView):
    """Missing data."""

    required_permissions: ClassVar = {"GET": "health.view"}

    @extend_schema(operation_id="health_data_debt", responses=DebtReportOut)
    def get(self, request: Request) -> Response:
        """Say which missing source would move most ARR out of Unknown."""
        return Response(DebtReportOut(data_debt(viewer_of(request))).data)


def _card(request: Request, pk: int) -> HealthCard:
    cards = HealthCard.objects.visible_to(viewer_of(request)).select_related("live")
    return get_object_or_404(cards, pk=pk)
