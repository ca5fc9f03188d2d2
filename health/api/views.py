"""REST of health."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.models import Account
from health.api.serializers import AccountHealthOut
from health.churn.estimate import are_mixed
from health.churn.observations import HORIZON
from health.models import HealthSnapshot
from health.selectors import driver_lines, label_of, latest_lenses, latest_snapshot, part_lines, score_history
from people.api.permissions import viewer_of

MAX_DAYS = 1100


class AccountHealth(APIView):
    """Score, parts, what changed, churn and history of one customer."""

    required_permissions: ClassVar = {"GET": "health.view"}

    @extend_schema(
        operation_id="account_health",
        responses=AccountHealthOut,
        parameters=[OpenApiParameter("days", int, description="Length of the history, 90 by default.")],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read the newest score; an account that was never scored has band unknown and nulls."""
        viewer = viewer_of(request)
        account = get_object_or_404(Account.objects.visible_to(viewer), pk=pk)
        days = request.query_params.get("days", "90")
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= MAX_DAYS):
            raise ValidationError({"days": [f"1 to {MAX_DAYS}"]})
        snapshot = latest_snapshot(account, viewer)
        history = [
            {"as_of": day, "score": score, "band": band}
            for day, score, band in score_history(account, viewer, days=int(days))
        ]
        answer = _nothing(account) if snapshot is None else _answer(account, snapshot)
        return Response(
            AccountHealthOut(answer | {"history": history, "lenses": latest_lenses(account, viewer)}).data
        )


def _nothing(account: Account) -> dict[str, Any]:
    return {
        "account": account.pk, "as_of": None, "computed_at": None, "score": None, "raw_score": None,
        "band": Account.Band.UNKNOWN, "coverage": None, "confidence": "none", "delta_30": None, "parts": [], "changes": [],
        "knock_outs": [], "churn": None, "card_version": "", "inputs_hash": "",
        "model_score": None, "overrides": [], "trend": "",
    }  # fmt: skip


def _answer(account: Account, snapshot: HealthSnapshot) -> dict[str, Any]:
    churn = None
    if snapshot.churn_probability is not None:
        churn = {
            "probability": snapshot.churn_probability,
            "probability_30": snapshot.churn_probability_30,
            "probability_60": snapshot.churn_probability_60,
            "low": snapshot.churn_low,
            "high": snapshot.churn_high,
            "horizon_days": HORIZON.days,
            "model": snapshot.churn_model,
            "mixed_reasons": are_mixed(snapshot.drivers),
            "drivers": driver_lines(snapshot),
        }
    return {
        "account": account.pk,
        "as_of": snapshot.as_of,
        "computed_at": snapshot.computed_at,
        "score": snapshot.score,
        "raw_score": snapshot.raw_score,
        "band": snapshot.band,
        "coverage": snapshot.coverage,
        "confidence": snapshot.confidence,
        "delta_30": snapshot.delta_30,
        "parts": part_lines(snapshot),
        "changes": [change | {"label": label_of(change["key"])} for change in snapshot.changes],
        "knock_outs": [cap | {"label": label_of(cap["key"])} for cap in snapshot.knock_outs],
        "churn": churn,
        "card_version": snapshot.card_version,
        "inputs_hash": snapshot.inputs_hash,
        "model_score": snapshot.score if snapshot.model_score is None else snapshot.model_score,
        "overrides": [one | {"label": label_of(one["key"])} for one in snapshot.overrides],
        "trend": snapshot.trend,
    }
