"""REST of customers: accounts, contacts, product usage."""

from collections import Counter
from typing import Any, ClassVar

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from customers.api import serializers
from customers.models import Account, Contact
from customers.selectors import accounts_matching
from customers.services.ingest_usage import ingest_usage
from customers.services.merge_contacts import merge_contacts, unmerge_contacts
from customers.services.record_consent import record_consent
from customers.services.record_revenue import record_revenue_movement, save_subscription
from customers.services.save_account import create_account, update_account
from customers.services.save_contact import add_identity, create_contact, update_contact
from people.api.permissions import viewer_of

_EDIT = {
    "GET": "customers.view",
    "POST": "customers.edit",
    "PATCH": "customers.edit",
    "DELETE": "customers.edit",
}


def _out(request: Request, accounts: Any, *, many: bool = False) -> Any:
    """Accounts as the viewer may read them."""
    return serializers.AccountOut(accounts, many=many, context={"viewer": viewer_of(request)})


class AccountList(APIView):
    """All customers, newest first."""

    required_permissions: ClassVar = _EDIT
    pagination_class = KeysetPagination

    @extend_schema(
        operation_id="accounts_list",
        responses=serializers.AccountOut(many=True),
        parameters=[
            OpenApiParameter("owner", str, description="mine, none or a user id"),
            OpenApiParameter("band", str, enum=Account.Band.values, description="needs health:read"),
            OpenApiParameter("tier", str, enum=Account.Tier.values),
            OpenApiParameter("lifecycle", str, enum=Account.Lifecycle.values),
            OpenApiParameter("renewal", int, description="renews within so many days"),
            OpenApiParameter("search", str, description="part of the name or domain"),
            OpenApiParameter("external_id", str),
        ],
    )
    def get(self, request: Request) -> Response:
        """List customers; churned ones only with ``lifecycle=churned``."""
        accounts = accounts_matching(viewer_of(request), request.query_params.dict())
        if "external_id" in request.query_params:
            accounts = accounts.filter(external_id=request.query_params["external_id"])
        pages = KeysetPagination()
        rows = pages.paginate_queryset(accounts, request, view=self)
        return pages.get_paginated_response(_out(request, rows, many=True).data)

    @extend_schema(request=serializers.AccountIn, responses={201: serializers.AccountOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a customer."""
        wanted = serializers.AccountIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        account = create_account(values=wanted.validated_data, by=viewer_of(request))
        return Response(_out(request, account).data, status=status.HTTP_201_CREATED)


class AccountDetail(APIView):
    """One customer."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(responses=serializers.AccountOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a customer."""
        return Response(_out(request, _account(request, pk)).data)

    @extend_schema(request=serializers.AccountIn(partial=True), responses=serializers.AccountOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a customer."""
        account = _account(request, pk)
        wanted = serializers.AccountIn(account, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        account = update_account(account=account, values=wanted.validated_data, by=viewer_of(request))
        return Response(_out(request, account).data)


class ContactList(APIView):
    """People at customers, newest first."""

    required_permissions: ClassVar = _EDIT
    pagination_class = KeysetPagination

    @extend_schema(
        operation_id="contacts_list",
        responses=serializers.ContactOut(many=True),
        parameters=[OpenApiParameter("account", int), OpenApiParameter("email", str)],
    )
    def get(self, request: Request) -> Response:
        """List contacts, of one account or with one address."""
        contacts = Contact.objects.visible_to(viewer_of(request)).prefetch_related("identities")
        account = request.query_params.get("account", "")
        if account:
            contacts = contacts.filter(
                account_id=int(account) if account.isdecimal() and len(account) < 19 else 0
            )
        if request.query_params.get("email"):
            contacts = contacts.filter(
                identities__kind="email",
                identities__value=request.query_params["email"].replace("\x00", "").strip().lower(),
            )
        pages = KeysetPagination()
        rows = pages.paginate_queryset(contacts, request, view=self)
        return pages.get_paginated_response(serializers.ContactOut(rows, many=True).data)

    @extend_schema(request=serializers.ContactIn, responses={201: serializers.ContactOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a contact."""
        wanted = serializers.ContactIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        email, values = _contact_values(wanted.validated_data)
        contact = create_contact(values=values, email=email, by=viewer_of(request))
        return Response(serializers.ContactOut(contact).data, status=status.HTTP_201_CREATED)


class ContactDetail(APIView):
    """One contact."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(responses=serializers.ContactOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a contact."""
        return Response(serializers.ContactOut(_contact(request, pk)).data)

    @extend_schema(request=serializers.ContactIn(partial=True), responses=serializers.ContactOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a contact, all of it or nothing; an ``email`` it does not have yet is added."""
        wanted = serializers.ContactIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        email, values = _contact_values(wanted.validated_data)
        with transaction.atomic():
            contact = update_contact(contact=_contact(request, pk), values=values, by=viewer_of(request))
            if email:
                add_identity(contact=contact, kind="email", value=email, by=viewer_of(request))
        return Response(serializers.ContactOut(_contact(request, pk)).data)


class ContactMergeView(APIView):
    """The merge of a contact into another."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(
        operation_id="contacts_merge", request=serializers.MergeIn, responses=serializers.ContactOut
    )
    def post(self, request: Request, pk: int) -> Response:
        """Let the contact ``into`` take this one over; answers the taking one."""
        wanted = serializers.MergeIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        target = _contact(request, wanted.validated_data["into"])
        merge_contacts(source=_contact(request, pk), target=target, by=viewer_of(request))
        return Response(serializers.ContactOut(_contact(request, target.pk)).data)

    @extend_schema(operation_id="contacts_unmerge", responses={200: serializers.ContactOut})
    def delete(self, request: Request, pk: int) -> Response:
        """Take the merge back; answers the contact with its addresses."""
        unmerge_contacts(source=_contact(request, pk), by=viewer_of(request))
        return Response(serializers.ContactOut(_contact(request, pk)).data)


class ContactIdentities(APIView):
    """Addresses and handles of a contact."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(request=serializers.IdentityIn, responses={201: serializers.ContactOut})
    def post(self, request: Request, pk: int) -> Response:
        """Add an address or handle; one that the contact has already changes nothing."""
        wanted = serializers.IdentityIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        add_identity(contact=_contact(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(serializers.ContactOut(_contact(request, pk)).data, status=status.HTTP_201_CREATED)


class ContactConsent(APIView):
    """The consent ledger of a contact."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="contacts_consent_list", responses=serializers.ConsentOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List the ledger, newest first."""
        rows = _contact(request, pk).consent_events.order_by("-pk")
        return Response(serializers.ConsentOut(rows, many=True).data)

    @extend_schema(
        operation_id="contacts_consent_record",
        request=serializers.ConsentIn,
        responses={201: serializers.ConsentOut},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Record what the contact said; what holds already is answered without a new row."""
        wanted = serializers.ConsentIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = record_consent(contact=_contact(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(serializers.ConsentOut(row).data, status=status.HTTP_201_CREATED)


class AccountSubscriptions(APIView):
    """What a customer has bought."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(
        operation_id="account_subscriptions_list", responses=serializers.SubscriptionBody(many=True)
    )
    def get(self, request: Request, pk: int) -> Response:
        """List subscriptions, ended ones too."""
        rows = _account(request, pk).subscriptions.order_by("pk")
        return Response(serializers.SubscriptionBody(rows, many=True).data)

    @extend_schema(
        operation_id="account_subscriptions_save",
        request=serializers.SubscriptionBody,
        responses={201: serializers.SubscriptionBody},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Create a subscription, or change the customer's one with the same ``external_id``."""
        wanted = serializers.SubscriptionBody(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = save_subscription(
            account=_account(request, pk), values=wanted.validated_data, by=viewer_of(request)
        )
        return Response(serializers.SubscriptionBody(row).data, status=status.HTTP_201_CREATED)


class AccountRevenue(APIView):
    """The revenue ledger of a customer."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="account_revenue_list", responses=serializers.RevenueBody(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List movements in order of effect."""
        rows = _account(request, pk).revenue_movements.order_by("effective_on", "pk")
        return Response(serializers.RevenueBody(rows, many=True).data)

    @extend_schema(
        operation_id="account_revenue_record",
        request=serializers.RevenueBody,
        responses={201: serializers.RevenueBody},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Record a movement; the customer's ARR moves by it. A mistake is put right by another movement."""
        wanted = serializers.RevenueBody(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = record_revenue_movement(
            account=_account(request, pk), by=viewer_of(request), **wanted.validated_data
        )
        return Response(serializers.RevenueBody(row).data, status=status.HTTP_201_CREATED)


class UsageBatch(APIView):
    """Product usage in batches."""

    required_permissions: ClassVar = {"POST": "usage.write"}
    # An item that cannot be stored is refused by itself.
    parser_classes = (JSONParser,)

    @extend_schema(
        operation_id="usage_batch",
        request=serializers.UsageBatchSchema,
        responses=serializers.UsageBatchOut,
        description=(
            "Segment-shaped items, at most 2500 of at most 32 KB. Sending an item twice is harmless: it is a "
            "duplicate by its messageId. An item's account is the one whose external_id is groupId, else that of the "
            "contact with this userId or e-mail, else that of the address's domain. Reasons of a rejection: "
            "not_an_object, bad_message_id, unknown_type, bad_text, too_large, no_event, no_identity, bad_properties, "
            "bad_timestamp, too_old (89 days), unknown_account (not stored: send it again when the account exists)."
        ),
    )
    def post(self, request: Request) -> Response:
        """Take a batch; the answer has a verdict per item."""
        wanted = serializers.UsageBatchIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        verdicts = ingest_usage(
            items=wanted.validated_data["batch"],
            sent_at=wanted.validated_data.get("sentAt"),
            by=viewer_of(request),
        )
        counts = Counter(verdict.status for verdict in verdicts)
        answer = {name: counts[name] for name in ("accepted", "duplicate", "rejected")} | {"items": verdicts}
        return Response(serializers.UsageBatchOut(answer).data)


def _account(request: Request, pk: int) -> Account:
    return get_object_or_404(Account.objects.visible_to(viewer_of(request)).select_related("csm"), pk=pk)


def _contact(request: Request, pk: int) -> Contact:
    return get_object_or_404(
        Contact.objects.visible_to(viewer_of(request)).prefetch_related("identities"), pk=pk
    )


def _contact_values(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split the address off and give the service ids."""
    values = dict(given)
    email = str(values.pop("email", ""))
    if "account" in values:
        account = values.pop("account")
        values["account_id"] = account.pk if account else None
    return email, values
