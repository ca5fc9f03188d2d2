"""REST of money: subscriptions, the revenue ledger, exchange rates."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.models import Account, ExchangeRate, RevenueMovement, Subscription
from customers.money import base_currency
from customers.services.record_revenue import record_revenue_movement, restate_movement, void_movement
from customers.services.save_exchange_rates import MOST_RATES, save_exchange_rates
from customers.services.save_subscription import save_subscription
from people.api.permissions import viewer_of

_EDIT = {"GET": "customers.view", "POST": "customers.edit", "PATCH": "customers.edit"}


class SubscriptionBody(serializers.ModelSerializer[Subscription]):
    """What an account has bought, in the account's currency. A known ``external_id`` changes that subscription.

    What it adds to or takes from the revenue is written to the ledger, unless ``moves_revenue`` is false: then the ARR of the
    account counts it already. A change of ``arr`` counts from ``effective_on``, today without; an increase is a price uplift with
    ``is_uplift``.
    """

    effective_on = serializers.DateField(write_only=True, required=False)
    moves_revenue = serializers.BooleanField(write_only=True, required=False)
    is_uplift = serializers.BooleanField(write_only=True, required=False)

    class Meta:
        model = Subscription
        fields = [
            "id", "external_id", "product", "plan", "seats", "arr", "currency", "starts_on", "renews_on", "ended_on",
            "effective_on", "moves_revenue", "is_uplift",
        ]  # fmt: skip
        extra_kwargs: ClassVar[dict[str, Any]] = {"external_id": {"validators": []}}


class RevenueBody(serializers.ModelSerializer[RevenueMovement]):
    """A change of recurring revenue: ``amount`` is negative for contraction and churn.

    ``amount_base`` is the amount in ``base_currency`` at ``rate`` of the day of effect, null while nobody has said one. A row
    with ``void_of`` takes that row back; ``is_void`` says that a row was taken back. The ARR as of a day is the sum of all rows.
    """

    is_void = serializers.SerializerMethodField()

    class Meta:
        model = RevenueMovement
        fields = [
            "id", "kind", "amount", "currency", "product", "effective_on", "notice_on", "reason_code", "recorded_at",
            "amount_base", "base_currency", "rate", "void_of", "is_void",
        ]  # fmt: skip
        read_only_fields = ["currency", "recorded_at", "amount_base", "base_currency", "rate", "void_of"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"notice_on": {"required": False}}

    def get_is_void(self, row: RevenueMovement) -> bool:
        """Whether another row takes this one back."""
        return hasattr(row, "voided_by")


class VoidIn(serializers.Serializer[Any]):
    """Why a change of revenue is taken back."""

    reason_code = serializers.CharField(max_length=40, default="correction")


class RestateIn(serializers.ModelSerializer[RevenueMovement]):
    """What is different; what is not sent stays."""

    correction = serializers.CharField(max_length=40, default="correction", help_text="Why it is put right.")

    class Meta:
        model = RevenueMovement
        fields = ["kind", "amount", "effective_on", "notice_on", "product", "reason_code", "correction"]


class ExchangeRateBody(serializers.ModelSerializer[ExchangeRate]):
    """What one unit of ``currency`` cost in the base currency on a day. Of two for a day the one recorded later holds."""

    rate = serializers.DecimalField(max_digits=18, decimal_places=8, min_value=0)

    class Meta:
        model = ExchangeRate
        fields = ["id", "day", "currency", "base_currency", "rate", "recorded_at"]
        read_only_fields = ["base_currency", "recorded_at"]


class ExchangeRatesIn(serializers.Serializer[Any]):
    """A batch of rates."""

    items = serializers.ListField(child=ExchangeRateBody(), min_length=1, max_length=MOST_RATES)


class AccountSubscriptions(APIView):
    """What a customer has bought."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="account_subscriptions_list", responses=SubscriptionBody(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List subscriptions, ended ones too."""
        rows = _account(request, pk).subscriptions.order_by("pk")
        return Response(SubscriptionBody(rows, many=True).data)

    @extend_schema(
        operation_id="account_subscriptions_save",
        request=SubscriptionBody,
        responses={201: SubscriptionBody},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Create a subscription, or change the customer's one with the same ``external_id``."""
        row = _save(request, _account(request, pk), SubscriptionBody(data=request.data), None)
        return Response(SubscriptionBody(row).data, status=status.HTTP_201_CREATED)


class AccountSubscription(APIView):
    """One subscription."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(
        operation_id="account_subscription_change",
        request=SubscriptionBody(partial=True),
        responses=SubscriptionBody,
    )
    def patch(self, request: Request, pk: int, subscription_pk: int) -> Response:
        """Change a subscription, or end it by its ``ended_on``."""
        account = _account(request, pk)
        found = get_object_or_404(account.subscriptions, pk=subscription_pk)
        wanted = SubscriptionBody(found, data=request.data, partial=True)
        return Response(SubscriptionBody(_save(request, account, wanted, found)).data)


class AccountRevenue(APIView):
    """The revenue ledger of a customer."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="account_revenue_list", responses=RevenueBody(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List movements in order of effect."""
        rows = _movements(request, pk).order_by("effective_on", "pk")
        return Response(RevenueBody(rows, many=True).data)

    @extend_schema(
        operation_id="account_revenue_record",
        request=RevenueBody,
        responses={201: RevenueBody},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Record a movement; the customer's ARR moves by it on the day of its effect."""
        wanted = RevenueBody(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = record_revenue_movement(
            account=_account(request, pk), by=viewer_of(request), **wanted.validated_data
        )
        return Response(RevenueBody(row).data, status=status.HTTP_201_CREATED)


class RevenueVoid(APIView):
    """Taking back a change of revenue."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="account_revenue_void", request=VoidIn, responses={201: RevenueBody})
    @idempotent
    def post(self, request: Request, pk: int, movement_pk: int) -> Response:
        """Write the row that takes the movement back; both stay in the ledger."""
        wanted = VoidIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = get_object_or_404(_movements(request, pk), pk=movement_pk)
        row = void_movement(movement=found, by=viewer_of(request), **wanted.validated_data)
        return Response(RevenueBody(row).data, status=status.HTTP_201_CREATED)


class RevenueRestate(APIView):
    """Putting a change of revenue right."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="account_revenue_restate", request=RestateIn, responses={201: RevenueBody})
    @idempotent
    def post(self, request: Request, pk: int, movement_pk: int) -> Response:
        """Take the movement back and record it as it should have been, in one go; answers the latter."""
        wanted = RestateIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        found = get_object_or_404(_movements(request, pk), pk=movement_pk)
        row = restate_movement(
            movement=found,
            reason_code=values.pop("correction", "correction"),
            values=values,
            by=viewer_of(request),
        )
        return Response(RevenueBody(row).data, status=status.HTTP_201_CREATED)


class ExchangeRates(APIView):
    """Rates, the newest recorded first."""

    required_permissions: ClassVar = {"GET": "customers.view", "POST": "customers.edit"}
    key_permissions: ClassVar = {"GET": "customers.view", "POST": "customers.edit"}
    pagination_class = KeysetPagination

    listing = Listing(
        ExchangeRateBody,
        filters=[
            Filter("currency", lookup="currency"),
            Filter("since", "day", lookup="day__gte", description="first day"),
        ],
        orders=("-id", "day"),
    )

    @extend_schema(operation_id="exchange_rates_list", responses=ExchangeRateBody(many=True))
    def get(self, request: Request) -> Response:
        """List the rates of the present base currency."""
        rows = ExchangeRate.objects.filter(base_currency=base_currency())
        return self.listing.answer(request, self, rows)

    @extend_schema(
        operation_id="exchange_rates_save",
        request=ExchangeRatesIn,
        responses={201: ExchangeRateBody(many=True)},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Record rates; one that is known already is answered without a new row."""
        wanted = ExchangeRatesIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        rows = save_exchange_rates(rates=wanted.validated_data["items"], by=viewer_of(request))
        return Response(ExchangeRateBody(rows, many=True).data, status=status.HTTP_201_CREATED)


def _save(
    request: Request, account: Account, wanted: SubscriptionBody, subscription: Subscription | None
) -> Subscription:
    wanted.is_valid(raise_exception=True)
    values = dict(wanted.validated_data)
    how = {
        name: values.pop(name) for name in ("effective_on", "moves_revenue", "is_uplift") if name in values
    }
    return save_subscription(
        account=account, values=values, by=viewer_of(request), subscription=subscription, **how
    )


def _account(request: Request, pk: int) -> Account:
    return get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)


def _movements(request: Request, pk: int) -> QuerySet[RevenueMovement]:
    return _account(request, pk).revenue_movements.select_related("account", "voided_by")
