"""REST of insights: the same figures as the page and the CSV file, and the tickets behind them."""

from dataclasses import asdict
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from insights.api import serializers
from insights.behind import page_of, read_behind
from insights.figures import Figure, Scope, check_dimension, read_scope
from insights.registry import kpis
from insights.report import Result, all_results, table_by
from insights.sources import DIMENSIONS
from people.api.permissions import viewer_of

SCOPE = [
    OpenApiParameter("period", int, description="Days back from today, 1 to 400; 30 by default."),
    OpenApiParameter("from", str, description="First day, ISO 8601, in place of period."),
    OpenApiParameter("to", str, description="Last day; today by default."),
    OpenApiParameter("timezone", str, description="Whose days are meant, for example Europe/Oslo."),
    *(OpenApiParameter(name, str, description="An id, a key, or none.") for name in DIMENSIONS),
]
_KNOWN = frozenset({"period", "from", "to", "timezone", "format", *DIMENSIONS})


class KpiList(APIView):
    """Every figure of a period."""

    required_permissions: ClassVar = {"GET": "insights.view"}
    pagination_class = None

    @extend_schema(
        operation_id="insights_kpis",
        parameters=[
            *SCOPE,
            OpenApiParameter("kpi", str, description="Keys with commas between; all without."),
            OpenApiParameter("by", str, enum=list(DIMENSIONS), description="Break the figures down."),
        ],
        responses=serializers.KpiReportOut,
    )
    def get(self, request: Request) -> Response:
        """Read figures; unknown parameters are refused."""
        scope = scope_of(request, {"kpi", "by"})
        keys = [key for key in request.query_params.get("kpi", "").split(",") if key]
        unknown = [key for key in keys if key not in kpis]
        dimension = request.query_params.get("by", "")
        if unknown:
            raise ValidationError({"kpi": [f"unknown: {', '.join(unknown)[:200]}"]})
        if dimension and dimension not in DIMENSIONS:
            raise ValidationError({"by": [f"one of {', '.join(DIMENSIONS)}"]})
        check_dimension(dimension, scope.viewer, named="by")
        results = all_results(scope, keys)
        groups = table_by(scope, dimension, [result.kpi for result in results]) if dimension else []
        answer = {
            "first_day": scope.period.first,
            "last_day": scope.period.last,
            "timezone": str(scope.period.zone),
            "kpis": [
                {
                    **_kpi(result),
                    "groups": [
                        {**asdict(group.figures[result.kpi.key]), "group": group.value, "name": group.name}
                        for group in groups
                    ],
                }
                for result in results
            ],
        }
        return Response(serializers.KpiReportOut(answer).data)


class KpiTickets(APIView):
    """The tickets behind a figure, for who may read tickets too."""

    required_permissions: ClassVar = {"GET": "insights.view"}
    pagination_class = None

    @extend_schema(
        operation_id="insights_tickets",
        parameters=[
            *SCOPE,
            OpenApiParameter("kpi", str, required=True),
            OpenApiParameter("part", str, enum=["all", "hit", "miss"], description="Of a share."),
            OpenApiParameter(
                "age", int, enum=[0, 1, 3, 7, 14, 30], description="Of the backlog: group of ages."
            ),
            OpenApiParameter("page", int, description="50 rows each, from 1."),
        ],
        responses=serializers.KpiTicketsOut,
    )
    def get(self, request: Request) -> Response:
        """List exactly the rows that the figure counts, a page at a time."""
        scope = scope_of(request, {"kpi", "part", "age", "page"})
        behind = read_behind(request.query_params.dict())
        page = request.query_params.get("page", "1")
        if not (page.isascii() and page.isdigit() and 0 < int(page) <= 2000):
            raise ValidationError({"page": ["1 to 2000"]})
        lines, count = page_of(behind, scope, int(page))
        return Response(serializers.KpiTicketsOut({"count": count, "results": lines}).data)


def scope_of(request: Request, more: set[str]) -> Scope:
    """Read the scope; raises ValidationError for parameters that are none of it and not in ``more``."""
    unknown = set(request.query_params) - _KNOWN - more
    if unknown:
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})
    name = request.query_params.get("timezone", "")
    try:
        zone = ZoneInfo(name) if name else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError({"timezone": ["unknown time zone"]}) from None
    return read_scope(viewer_of(request), request.query_params.dict(), zone=zone)


def _kpi(result: Result) -> dict[str, Any]:
    kpi = result.kpi
    before: Figure = result.before
    return {
        **asdict(result.now),
        "key": kpi.key,
        "label": str(kpi.label),
        "definition": str(kpi.definition),
        "unit": kpi.unit,
        "currency": kpi.currency(),
        "clock": kpi.clock,
        "cohort": kpi.cohort,
        "good": kpi.good,
        "target": kpi.target(),
        "before": asdict(before),
        "tickets_url": result.url() if result.scope.viewer.can("tickets.view") else "",
    }
