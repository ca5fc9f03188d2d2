"""REST of what belongs to an account besides its own row: the companies below it, its ids in other systems."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from customers.api import serializers
from customers.hierarchy import group_of
from customers.models import Account, AccountMerge, TraitDefinition
from customers.services.merge_accounts import merge_accounts, preview_merge, unmerge_accounts
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


class AccountMergeView(APIView):
    """The merge of a customer into another."""

    required_permissions: ClassVar = {
        "GET": "customers.edit",
        "POST": "customers.edit",
        "DELETE": "customers.edit",
    }

    @extend_schema(
        operation_id="accounts_merge_preview",
        responses=serializers.MovingOut(many=True),
        parameters=[OpenApiParameter("into", int, required=True, description="who would take over")],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read what would move to the customer ``into``."""
        wanted = serializers.MergeIn(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        moving = preview_merge(
            source=account_of(request, pk),
            target=account_of(request, wanted.validated_data["into"]),
            by=viewer_of(request),
        )
        return Response(serializers.MovingOut(moving, many=True).data)

    @extend_schema(
        operation_id="accounts_merge", request=serializers.MergeIn, responses=serializers.AccountOut
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let the customer ``into`` take this one over; answers the taking one. It can be taken back for 30 days."""
        wanted = serializers.MergeIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        target = account_of(request, wanted.validated_data["into"])
        merge_accounts(source=account_of(request, pk), target=target, by=viewer_of(request))
        return Response(_told(request, target.pk))

    @extend_schema(operation_id="accounts_unmerge", responses={200: serializers.AccountOut})
    def delete(self, request: Request, pk: int) -> Response:
        """Take the merge of this customer back; answers it as it was."""
        merge = get_object_or_404(AccountMerge, source=pk, undone_at=None)
        source = unmerge_accounts(merge=merge, by=viewer_of(request))
        return Response(_told(request, source.pk))


def _told(request: Request, pk: int) -> Any:
    return serializers.AccountOut(account_of(request, pk), context={"viewer": viewer_of(request)}).data


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
