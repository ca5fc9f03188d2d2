"""REST of success metrics: the same figures as the page and the files, the accounts behind them, closed months."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.models import Account
from customers.restatements import RestatedMonth, restated_months
from customers.services.close_month import close_month
from insights.revenue import DIMENSIONS, GRAINS, RevenueReport, RevenueScope, read_scope
from insights.revenue_words import AMOUNTS, TILES
from people.api.permissions import viewer_of

SCOPE = [
    OpenApiParameter(
        "month",
        str,
        description="The last of twelve months, as 2026-03; the last one that is over by default.",
    ),
    OpenApiParameter("tier", str, enum=list(Account.Tier.values)),
    OpenApiParameter("csm", str, description="The id of a colleague, or none."),
    OpenApiParameter("grain", str, enum=list(GRAINS), description="account by default."),
]
_SHARES = (
    "grr", "nrr", "expansion_rate", "uplift_rate", "revenue_churn", "contraction_rate", "logo_churn", "quick_ratio",
    "renewal_rate",
)  # fmt: skip
_COUNTS = ("customers", "cohort", "cohort_lost", "renewals")


class MetricFiguresOut(serializers.Serializer[Any]):
    """Figures of the twelve months up to ``end_on``. Shares have six decimals, null of nothing; nrr = grr + expansion_rate.

    Amounts are in the base currency. ``cohort_*`` and the amounts without ``bridge_`` and ``arr_`` are of those who were
    customers at the start; arr_start + all ``bridge_*`` = arr_end is of all.
    """

    start_on = serializers.DateField()
    end_on = serializers.DateField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the days, the shares, the amounts and the counts."""
        fields = super().get_fields()
        for name in _SHARES:
            fields[name] = serializers.DecimalField(max_digits=16, decimal_places=6, allow_null=True)
        for name in AMOUNTS:
            fields[name] = serializers.DecimalField(max_digits=18, decimal_places=2)
        for name in _COUNTS:
            fields[name] = serializers.IntegerField()
        return fields


class MetricGroupOut(serializers.Serializer[Any]):
    """The figures of one tier, CSM (by id) or product."""

    group = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    figures = MetricFiguresOut()


class MetricDefinitionOut(serializers.Serializer[Any]):
    """What a figure means."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.ChoiceField(choices=["share", "money", "ratio", "count"])
    definition = serializers.CharField()


class SuccessMetricsOut(serializers.Serializer[Any]):
    """Figures, the twelve ends of months before, groups; ``left_out`` counts accounts by currency without a rate.

    ``closed_at`` is when the month was closed: its figures are frozen. ``rates`` are base units by currency, the same for
    all days.
    """

    end_on = serializers.DateField()
    base_currency = serializers.CharField()
    rates = serializers.DictField(child=serializers.DecimalField(max_digits=18, decimal_places=8))
    grain = serializers.CharField()
    closed_at = serializers.DateTimeField(allow_null=True)
    left_out = serializers.DictField(child=serializers.IntegerField())
    figures = MetricFiguresOut()
    series = MetricFiguresOut(many=True)
    groups = MetricGroupOut(many=True)
    definitions = MetricDefinitionOut(many=True)


class MetricAccountOut(serializers.Serializer[Any]):
    """What one account adds to an amount."""

    account = serializers.IntegerField(source="account_id")
    name = serializers.CharField()
    product = serializers.CharField(allow_blank=True)
    start = serializers.DecimalField(max_digits=18, decimal_places=2)
    end = serializers.DecimalField(max_digits=18, decimal_places=2)
    amount = serializers.DecimalField(max_digits=18, decimal_places=2)


class MetricAccountsOut(serializers.Serializer[Any]):
    """The accounts behind an amount; their amounts sum to ``total``, which is the figure exactly."""

    figure = serializers.CharField()
    total = serializers.DecimalField(max_digits=18, decimal_places=2)
    results = MetricAccountOut(many=True)


class MonthCloseIn(serializers.Serializer[Any]):
    """Any day of the month."""

    month = serializers.DateField()


class RestatedFigureOut(serializers.Serializer[Any]):
    """What a figure was when the month was closed, and what it would be now."""

    was = serializers.CharField(allow_null=True)
    # Python has the word for itself.
    vars()["is"] = serializers.CharField(allow_null=True)


class ClosedMonthOut(serializers.Serializer[Any]):
    """A closed month: its frozen figures, what would be different now, and the ids of the ledger's rows that explain it."""

    month = serializers.DateField()
    closed_at = serializers.DateTimeField()
    closed_by = serializers.IntegerField(allow_null=True)
    figures = MetricFiguresOut()
    changed = serializers.DictField(child=RestatedFigureOut())
    movements = serializers.ListField(child=serializers.IntegerField())


class SuccessMetrics(APIView):
    """Revenue retention, churn and growth."""

    required_permissions: ClassVar = {"GET": "customers.view"}
    pagination_class = None

    @extend_schema(
        operation_id="success_metrics",
        parameters=[
            *SCOPE,
            OpenApiParameter("by", str, enum=list(DIMENSIONS), description="Break the figures down."),
        ],
        responses=SuccessMetricsOut,
    )
    def get(self, request: Request) -> Response:
        """Read the figures of twelve months; unknown parameters are refused."""
        by = request.query_params.get("by", "")
        if by and by not in DIMENSIONS:
            raise ValidationError({"by": [f"one of {', '.join(DIMENSIONS)}"]})
        scope = _scope(request, {"by"}, grain="product" if by == "product" else "")
        report = RevenueReport(scope)
        groups = report.groups(by) if by else []
        return Response(
            {
                "end_on": scope.end,
                "base_currency": report.rates.base,
                "rates": {name: str(rate) for name, rate in sorted(report.rates.rates.items())},
                "grain": scope.grain,
                "closed_at": report.close.closed_at if report.close else None,
                "left_out": report.book.left_out,
                "figures": report.figures,
                "series": report.series,
                "groups": [
                    {"group": value, "name": name, "figures": figures} for value, name, figures in groups
                ],
                "definitions": [
                    {
                        "key": one.key,
                        "label": str(one.label),
                        "unit": one.unit,
                        "definition": str(one.definition),
                    }
                    for one in TILES
                ],
            }
        )


class SuccessMetricAccounts(APIView):
    """The accounts behind an amount."""

    required_permissions: ClassVar = {"GET": "customers.view"}
    pagination_class = None

    @extend_schema(
        operation_id="success_metric_accounts",
        parameters=[*SCOPE, OpenApiParameter("figure", str, required=True, enum=list(AMOUNTS))],
        responses=MetricAccountsOut,
    )
    def get(self, request: Request) -> Response:
        """List all accounts that add to an amount, the largest first."""
        figure = request.query_params.get("figure", "")
        rows, total = RevenueReport(_scope(request, {"figure"})).behind(figure)
        return Response(MetricAccountsOut({"figure": figure, "total": total, "results": rows}).data)


class ClosedMonths(APIView):
    """Months that are closed, and what became known about them later."""

    required_permissions: ClassVar = {"GET": "customers.view", "POST": "customers.close_months"}
    pagination_class = None

    @extend_schema(operation_id="closed_months_list", responses=ClosedMonthOut(many=True))
    def get(self, request: Request) -> Response:
        """List the closed months, the newest first."""
        return Response([_told(one) for one in restated_months()])

    @extend_schema(operation_id="closed_months_close", request=MonthCloseIn, responses={201: ClosedMonthOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Close a month; nothing changes its figures afterwards."""
        wanted = MonthCloseIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        closed = close_month(by=viewer_of(request), **wanted.validated_data)
        told = RestatedMonth(closed, closed.figures, closed.figures, [], 0)
        return Response(_told(told), status=status.HTTP_201_CREATED)


def _told(one: RestatedMonth) -> dict[str, Any]:
    return {
        "month": one.close.month,
        "closed_at": one.close.closed_at,
        "closed_by": one.close.closed_by_id,
        "figures": one.was,
        "changed": {name: {"was": was, "is": now} for name, (was, now) in one.changed.items()},
        "movements": [row.pk for row in one.rows],
    }


def _scope(request: Request, more: set[str], grain: str = "") -> RevenueScope:
    known = {"month", "tier", "csm", "grain", "format"} | more
    if unknown := set(request.query_params) - known:
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})
    params = request.query_params.dict()
    return read_scope(viewer_of(request), {**params, **({"grain": grain} if grain else {})})
