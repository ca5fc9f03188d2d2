"""REST of what work costs."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.api.permissions import viewer_of
from tickets.costs import current_costs
from tickets.services.save_costs import save_costs


class CostsBody(serializers.Serializer[Any]):
    """An hour of logged work, and one answer by the key of its channel."""

    per_hour = serializers.DecimalField(max_digits=10, decimal_places=4, min_value=0)
    currency = serializers.CharField(min_length=3, max_length=3)
    per_message = serializers.DictField(
        child=serializers.DecimalField(max_digits=10, decimal_places=4, min_value=0), default=dict
    )


class CostSettings(APIView):
    """The prices that figures are computed with."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(operation_id="costs_read", responses=CostsBody)
    def get(self, request: Request) -> Response:
        """Read the prices."""
        return Response(CostsBody(current_costs()).data)

    @extend_schema(
        operation_id="costs_save",
        request=CostsBody,
        responses={200: CostsBody, 400: OpenApiResponse(description="A price or channel cannot be used.")},
    )
    def put(self, request: Request) -> Response:
        """Set all prices; past figures are computed with them, too."""
        wanted = CostsBody(data=request.data)
        wanted.is_valid(raise_exception=True)
        save_costs(by=viewer_of(request), **wanted.validated_data)
        return Response(CostsBody(current_costs()).data)
