"""REST of adoption: an account's features, the features of all accounts, retention."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.adoption import account_adoption, feature_counts
from customers.models import Account, UsageFeature
from customers.retention import retention
from people.api.permissions import viewer_of


class AdoptedFeatureOut(serializers.Serializer[Any]):
    """One feature of an account in 28 days."""

    feature = serializers.CharField()
    state = serializers.CharField(help_text="habitual, tried, lapsed, unused or not_entitled")
    days = serializers.IntegerField()
    user_days = serializers.IntegerField()
    events = serializers.IntegerField()
    peak_users = serializers.IntegerField(help_text="Users of the busiest day.")
    habit_weeks = serializers.IntegerField(help_text="0 to 4; three make a habit.")
    last_used_on = serializers.DateField(allow_null=True)


class AccountAdoptionOut(serializers.Serializer[Any]):
    """How an account has adopted the product in the 28 days before ``until``. Shares are 0..1."""

    until = serializers.DateField()
    breadth = serializers.FloatField(allow_null=True, help_text="Entitled features that were used.")
    depth = serializers.FloatField(allow_null=True, help_text="Used features that are habitual.")
    active_days = serializers.IntegerField(help_text="Days of 28 with any use (L28).")
    stickiness = serializers.FloatField(allow_null=True, help_text="Mean daily users over the busiest day's.")
    features = AdoptedFeatureOut(many=True)


class FeatureCountsOut(serializers.Serializer[Any]):
    """How many customers have adopted a feature."""

    feature = serializers.CharField()
    description = serializers.CharField()
    entitled = serializers.IntegerField()
    habitual = serializers.IntegerField()
    tried = serializers.IntegerField()
    lapsed = serializers.IntegerField()
    unused = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True, help_text="Used in 28 days, of the entitled, 0..1.")


class CohortOut(serializers.Serializer[Any]):
    """Accounts that began in a month; ``active`` after 0, 1, … months."""

    month = serializers.DateField()
    size = serializers.IntegerField()
    active = serializers.ListField(child=serializers.IntegerField())
    shares = serializers.ListField(child=serializers.FloatField(allow_null=True))


class RetentionOut(serializers.Serializer[Any]):
    """Cohorts, oldest first, and the share still active by age over all of them."""

    feature = serializers.CharField()
    cohorts = CohortOut(many=True)
    curve = serializers.ListField(child=serializers.FloatField(allow_null=True))


class AccountAdoptionView(APIView):
    """Adoption of a customer."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(operation_id="account_adoption", responses=AccountAdoptionOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read the state of each known feature, habitual ones first."""
        account = get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)
        return Response(AccountAdoptionOut(account_adoption(account, until=timezone.now().date())).data)


class FeatureAdoptionList(APIView):
    """Adoption of the product."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(operation_id="usage_adoption", responses=FeatureCountsOut(many=True))
    def get(self, request: Request) -> Response:
        """Count the customers that have not churned by state of each feature, the most used first."""
        return Response(FeatureCountsOut(feature_counts(viewer_of(request)), many=True).data)


class RetentionView(APIView):
    """Retention of customers."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(
        operation_id="usage_retention",
        responses=RetentionOut,
        parameters=[
            OpenApiParameter("feature", str, description="cohorts by first use of it; else by start")
        ],
    )
    def get(self, request: Request) -> Response:
        """Read the cohorts of the last twelve whole months."""
        feature = request.query_params.get("feature", "")
        if feature and ("\0" in feature or not UsageFeature.objects.filter(name=feature[:120]).exists()):
            raise ValidationError({"feature": [_("There is no such feature.")]})
        found = retention(viewer_of(request), today=timezone.now().date(), feature=feature)
        return Response(RetentionOut(found).data)
