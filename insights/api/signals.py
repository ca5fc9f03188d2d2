"""REST of what customers say: the same counts as the page and the CSV file, and who says it by value."""

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from insights.api.views import SCOPE, scope_of
from insights.signals import BREAKDOWNS, KINDS, accounts_that_say, signal_report


class WeekCountOut(serializers.Serializer[Any]):
    """A week by its Monday."""

    week = serializers.DateField()
    count = serializers.IntegerField()


class GroupCountOut(serializers.Serializer[Any]):
    """One value of the breakdown; "none" where there is none."""

    group = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class SignalCountOut(serializers.Serializer[Any]):
    """One kind. ``count`` are valid, ``read`` found by a model, of these ``dismissed`` by people; ``added`` by people.

    ``corrected`` is the share (0..1) of what was read or added that people dismissed or added, null of nothing.
    """

    kind = serializers.ChoiceField(choices=[kind.value for kind in KINDS])
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()
    read = serializers.IntegerField()
    dismissed = serializers.IntegerField()
    added = serializers.IntegerField()
    corrected = serializers.FloatField(allow_null=True)
    weeks = WeekCountOut(many=True)
    groups = GroupCountOut(many=True)


class SignalReportOut(serializers.Serializer[Any]):
    """Every kind in the period."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    timezone = serializers.CharField()
    by = serializers.CharField()
    kinds = SignalCountOut(many=True)


class SaidTicketOut(serializers.Serializer[Any]):
    """A ticket in which it was said."""

    id = serializers.IntegerField(source="ticket.pk")
    number = serializers.IntegerField(source="ticket.number")
    subject = serializers.CharField(source="ticket.subject")
    said_at = serializers.DateTimeField()
    is_confirmed = serializers.BooleanField()


class AccountSaidOut(serializers.Serializer[Any]):
    """One company; ``account`` is null for tickets of no company, and for keys that may not read accounts."""

    account = serializers.IntegerField(source="account.pk", default=None, allow_null=True)
    name = serializers.CharField(source="account.name", default="")
    arr = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)
    currency = serializers.CharField(source="account.currency", default="")
    tickets = serializers.IntegerField()
    last_at = serializers.DateTimeField()
    newest = SaidTicketOut(many=True)


class SignalCounts(APIView):
    """What customers say, counted."""

    required_permissions: ClassVar = {"GET": "insights.view"}
    pagination_class = None

    @extend_schema(
        operation_id="insights_signals",
        parameters=[
            *SCOPE,
            OpenApiParameter("by", str, enum=list(BREAKDOWNS), description="channel without."),
        ],
        responses=SignalReportOut,
    )
    def get(self, request: Request) -> Response:
        """Count the signals of a period by kind and week, and by a breakdown."""
        scope = scope_of(request, {"by"})
        by = request.query_params.get("by", "") or "channel"
        if by not in BREAKDOWNS:
            raise ValidationError({"by": [f"one of {', '.join(BREAKDOWNS)}"]})
        report = signal_report(scope, by)
        kinds = [
            {
                "kind": one.kind,
                "label": one.label,
                "count": one.count,
                "read": one.read,
                "dismissed": one.dismissed,
                "added": one.added,
                "corrected": one.corrected,
                "weeks": [
                    {"week": week, "count": count}
                    for week, count in zip(report.weeks, one.weeks, strict=True)
                ],
                "groups": [
                    {"group": value, "name": name, "count": one.groups.get(value, 0)}
                    for value, name in report.groups
                ],
            }
            for one in report.kinds
        ]
        told = {
            "first_day": scope.period.first,
            "last_day": scope.period.last,
            "timezone": str(scope.period.zone),
            "by": by,
            "kinds": kinds,
        }
        return Response(SignalReportOut(told).data)


class SignalAccounts(APIView):
    """Who says it, the most valuable first."""

    required_permissions: ClassVar = {"GET": "insights.view"}
    pagination_class = None

    @extend_schema(
        operation_id="insights_signal_accounts",
        parameters=SCOPE,
        responses=inline_serializer(
            "SignalAccountsOut",
            {
                "more": serializers.BooleanField(
                    help_text="There are more than the hundred accounts listed."
                ),
                "results": AccountSaidOut(many=True),
            },
        ),
    )
    def get(self, request: Request, kind: str) -> Response:
        """List the accounts whose tickets say it, with five of the newest tickets each; needs to read tickets too."""
        scope = scope_of(request, set())
        if kind not in {one.value for one in KINDS}:
            raise Http404
        rows, more = accounts_that_say(kind, scope)
        return Response({"more": more, "results": [AccountSaidOut(one).data for one in rows]})
