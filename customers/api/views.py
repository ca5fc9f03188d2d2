"""REST of customers: accounts and contacts."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, field_names, prefetch, select
from core.api.versions import Versioned, digest_version
from customers.api import serializers
from customers.api.upserting import upserted
from customers.models import Account, Contact
from customers.selectors import accounts_matching
from customers.services.merge_contacts import merge_contacts, unmerge_contacts
from customers.services.record_consent import record_consent
from customers.services.save_account import create_account, update_account
from customers.services.save_contact import add_identity, create_contact, remove_identity, update_contact
from customers.services.set_traits import set_account_traits, set_contact_traits
from customers.services.upsert_accounts import upsert_accounts
from customers.services.upsert_contacts import upsert_contacts
from customers.traits import rows_with_trait
from people.api.permissions import viewer_of

_IDENTITIES = prefetch("identities")
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

    listing = Listing(
        serializers.AccountOut,
        # Those without a lookup are those of ``accounts_matching``.
        filters=[
            Filter("owner", description="mine, none or a user id"),
            Filter("band", choices=tuple(Account.Band.values), description="needs health:read"),
            Filter("tier", choices=tuple(Account.Tier.values)),
            Filter("lifecycle", choices=tuple(Account.Lifecycle.values)),
            Filter("segment", "id", description="id of a segment"),
            Filter("renewal", "number", description="renews within so many days"),
            Filter("search", description="part of the name or domain"),
            Filter("trait", description="value of a trait, as in region:north; region: for those without"),
            Filter("known_as", description="id in another system, as in hubspot:4711"),
            Filter("parent", "id", lookup="parent", none=True),
            Filter("external_id", lookup="external_id"),
            Filter("domain", lookup="domain__iexact"),
            Filter("created_since", "time", lookup="created_at__gte"),
        ],
        orders=("-id", "name", "created_at", "arr"),
        loads={"csm": select("csm"), "external_ids": prefetch("external_ids")},
    )

    @extend_schema(operation_id="accounts_list", responses=serializers.AccountOut(many=True))
    def get(self, request: Request) -> Response:
        """List customers; churned ones only with ``lifecycle=churned``."""
        viewer = viewer_of(request)
        accounts = accounts_matching(viewer, self.listing.asked(request)).select_related(None)
        return self.listing.answer(request, self, accounts, viewer=viewer)

    @extend_schema(request=serializers.AccountIn, responses={201: serializers.AccountOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a customer."""
        wanted = serializers.AccountIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        values, by = dict(wanted.validated_data), viewer_of(request)
        traits = values.pop("traits", {})
        with transaction.atomic():
            account = set_account_traits(account=create_account(values=values, by=by), values=traits, by=by)
        return Response(_out(request, account).data, status=status.HTTP_201_CREATED)


class AccountDetail(Versioned, APIView):
    """One customer."""

    shape = serializers.AccountOut
    changes = serializers.AccountIn
    required_permissions: ClassVar = _EDIT

    @extend_schema(responses=serializers.AccountOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a customer."""
        return self.answer(request, _out(request, _account(request, pk)).data)

    @extend_schema(request=serializers.AccountIn(partial=True), responses=serializers.AccountOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a customer."""
        account = _account(request, pk)
        wanted = serializers.AccountIn(account, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        with transaction.atomic():
            Account.objects.select_for_update().filter(pk=pk).first()
            self.check_version(request, lambda: _out(request, _account(request, pk)).data)
            values, by = dict(wanted.validated_data), viewer_of(request)
            traits = values.pop("traits", {})
            account = update_account(account=account, values=values, by=by)
            account = set_account_traits(account=account, values=traits, by=by)
        return self.answer(request, _out(request, account).data)


class ContactList(APIView):
    """People at customers, newest first."""

    required_permissions: ClassVar = _EDIT
    pagination_class = KeysetPagination

    listing = Listing(
        serializers.ContactOut,
        filters=[
            Filter("account", "id", lookup="account", none=True),
            Filter("email"),
            Filter("trait", description="value of a trait, as in persona:buyer; persona: for those without"),
            Filter("external_id", lookup="external_id"),
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("role", lookup="role", choices=("sponsor", "buyer", "champion", "admin", "user")),
            Filter("created_since", "time", lookup="created_at__gte"),
        ],
        orders=("-id", "name", "created_at"),
        loads={"emails": _IDENTITIES, "identities": _IDENTITIES},
    )

    @extend_schema(operation_id="contacts_list", responses=serializers.ContactOut(many=True))
    def get(self, request: Request) -> Response:
        """List contacts, of one account or with one address."""
        contacts = Contact.objects.visible_to(viewer_of(request))
        if email := self.listing.asked(request).get("email", "").replace("\x00", "").strip().lower():
            contacts = contacts.filter(identities__kind="email", identities__value=email)
        if trait := self.listing.asked(request).get("trait", "").replace("\x00", ""):
            found = rows_with_trait(contacts, "contact", trait)
            return self.listing.answer(request, self, found)
        return self.listing.answer(request, self, contacts)

    @extend_schema(request=serializers.ContactIn, responses={201: serializers.ContactOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a contact."""
        wanted = serializers.ContactIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        email, traits, values = _contact_values(wanted.validated_data)
        by = viewer_of(request)
        with transaction.atomic():
            contact = create_contact(values=values, email=email, by=by)
            contact = set_contact_traits(contact=contact, values=traits, by=by)
        return Response(serializers.ContactOut(contact).data, status=status.HTTP_201_CREATED)


class ContactDetail(Versioned, APIView):
    """One contact."""

    shape = serializers.ContactOut
    changes = serializers.ContactIn
    required_permissions: ClassVar = _EDIT

    @extend_schema(responses=serializers.ContactOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a contact."""
        return self.answer(request, serializers.ContactOut(_contact(request, pk)).data)

    def version_of(self, shown: Mapping[str, Any]) -> str:
        """Return the version; addresses can be added, too."""
        return digest_version(shown, {*field_names(self.changes), "emails"} - {"email"})

    @extend_schema(request=serializers.ContactIn(partial=True), responses=serializers.ContactOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a contact, all of it or nothing; an ``email`` it does not have yet is added."""
        wanted = serializers.ContactIn(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        email, traits, values = _contact_values(wanted.validated_data)
        with transaction.atomic():
            Contact.objects.select_for_update().filter(pk=pk).first()
            self.check_version(request, lambda: serializers.ContactOut(_contact(request, pk)).data)
            contact = update_contact(contact=_contact(request, pk), values=values, by=viewer_of(request))
            set_contact_traits(contact=contact, values=traits, by=viewer_of(request))
            if email:
                add_identity(contact=contact, kind="email", value=email, by=viewer_of(request))
        return self.answer(request, serializers.ContactOut(_contact(request, pk)).data)


class AccountBulk(APIView):
    """Many customers at once."""

    required_permissions: ClassVar = {"POST": "customers.edit"}

    @extend_schema(
        operation_id="accounts_bulk",
        request=serializers.AccountBulkIn,
        responses=serializers.BulkUpsertOut,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create or change customers by their ``external_id``, at most 500; sent again, nothing changes.

        Each row stands for itself: one that is refused says why and holds no other up.
        """
        return upserted(request, serializers.AccountUpsertIn, upsert_accounts)


class ContactBulk(APIView):
    """Many people at once."""

    required_permissions: ClassVar = {"POST": "customers.edit"}

    @extend_schema(
        operation_id="contacts_bulk",
        request=serializers.ContactBulkIn,
        responses=serializers.BulkUpsertOut,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create or change people by their ``external_id``, at most 500; sent again, nothing changes.

        A person who is known by one of ``emails`` and has no external id takes the row's. Each row stands for itself.
        """
        return upserted(request, serializers.ContactUpsertIn, upsert_contacts)


class ContactMergeView(APIView):
    """The merge of a contact into another."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(
        operation_id="contacts_merge", request=serializers.MergeIn, responses=serializers.ContactOut
    )
    @idempotent
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

    @extend_schema(operation_id="contact_identities_list", responses=serializers.IdentityOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """List them with their ids."""
        return Response(serializers.IdentityOut(_contact(request, pk).identities.all(), many=True).data)

    @extend_schema(request=serializers.IdentityIn, responses={201: serializers.ContactOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Add an address or handle; one that the contact has already changes nothing."""
        wanted = serializers.IdentityIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        add_identity(contact=_contact(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(serializers.ContactOut(_contact(request, pk)).data, status=status.HTTP_201_CREATED)


class ContactIdentityDetail(APIView):
    """One address or handle of a contact."""

    required_permissions: ClassVar = _EDIT

    @extend_schema(operation_id="contact_identities_remove", responses={204: None})
    def delete(self, request: Request, pk: int, identity_pk: int) -> Response:
        """Take it away; the last one stays."""
        identity = _contact(request, pk).identities.get(pk=identity_pk)
        remove_identity(identity=identity, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


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
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Record what the contact said; what holds already is answered without a new row."""
        wanted = serializers.ConsentIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = record_consent(contact=_contact(request, pk), by=viewer_of(request), **wanted.validated_data)
        return Response(serializers.ConsentOut(row).data, status=status.HTTP_201_CREATED)


def _account(request: Request, pk: int) -> Account:
    return get_object_or_404(Account.objects.visible_to(viewer_of(request)).select_related("csm"), pk=pk)


def _contact(request: Request, pk: int) -> Contact:
    return get_object_or_404(
        Contact.objects.visible_to(viewer_of(request)).prefetch_related("identities"), pk=pk
    )


def _contact_values(given: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Split address and traits off and give the service ids."""
    values = dict(given)
    email, traits = str(values.pop("email", "")), values.pop("traits", {})
    if "account" in values:
        account = values.pop("account")
        values["account_id"] = account.pk if account else None
    return email, traits, values
