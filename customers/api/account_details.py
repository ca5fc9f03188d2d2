"""REST of what belongs to an account besides its own row: the companies below it, its ids in other systems."""

from typing import ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.api import serializers
from customers.hierarchy import group_of
from customers.models import Account, TraitDefinition
from customers.services.name_account import add_external_id, remove_external_id
from people.api.permissions import viewer_of

EDIT = {
    "GET": "customers.view",
    "POST": "customers.edit",
    "PATCH": "customers.edit",
    "DELETE": "customers.edit",
}


class AccountGroup(APIView):
    """The companies below a customer."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(operation_id="account_group", responses=serializers.AccountGroupOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read the tree from a customer downwards, and how much of its ARR is in red."""
        account, viewer = account_of(request, pk), viewer_of(request)
        group = group_of(account, viewer)
        may_see_health = viewer.can("health.view")
        members = [
            {
                "id": one.pk,
                "name": one.name,
                "parent": one.parent_id,
                "level": level,
                "lifecycle": one.lifecycle,
                "band": one.health_band if may_see_health else None,
                "arr": one.arr,
                "currency": one.currency,
            }
            for level, one in group.members
        ]
        answer = {
            "account": account.pk,
            "parent": account.parent_id,
            "accounts": group.accounts,
            "money": group.money,
            "members": members,
        }
        return Response(serializers.AccountGroupOut(answer).data)


class AccountExternalIds(APIView):
    """Ids of a customer in other systems."""

    required_permissions: ClassVar = EDIT

    @extend_schema(operation_id="account_external_ids_list", responses=serializers.ExternalIdOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List them; find a customer by one with ``/accounts/?known_as=system:id``."""
        return Response(serializers.ExternalIdOut(account_of(request, pk).external_ids.all(), many=True).data)

    @extend_schema(
        operation_id="account_external_ids_add",
        request=serializers.ExternalIdIn,
        responses={201: serializers.ExternalIdOut},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Note one; one that the customer has already keeps its row."""
        wanted = serializers.ExternalIdIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = add_external_id(account=account_of(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(serializers.ExternalIdOut(row).data, status=status.HTTP_201_CREATED)


class AccountExternalIdDetail(APIView):
    """One id of a customer in another system."""

    required_permissions: ClassVar = EDIT

    @extend_schema(operation_id="account_external_ids_remove", responses={204: None})
    def delete(self, request: Request, pk: int, row_id: int) -> Response:
        """Forget it."""
        row = get_object_or_404(account_of(request, pk).external_ids, pk=row_id)
        remove_external_id(row=row, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Traits(APIView):
    """Traits of customers and contacts."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(operation_id="traits_list", responses=serializers.TraitOut(many=True))
    def get(self, request: Request) -> Response:
        """List the definitions; values are in ``traits`` of accounts and contacts."""
        return Response(serializers.TraitOut(TraitDefinition.objects.all(), many=True).data)


def account_of(request: Request, pk: int) -> Account:
    """Return the account that an address names; 404 for one that the key may not see."""
    return get_object_or_404(Account.objects.visible_to(viewer_of(request)), pk=pk)
