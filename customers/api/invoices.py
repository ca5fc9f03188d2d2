"""REST of invoices, a mirror of another system."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.api.serializers import BulkUpsertOut
from customers.api.upserting import upserted
from customers.models import Invoice
from customers.services.upsert_invoices import upsert_invoices
from customers.upserts import MOST_ROWS
from people.api.permissions import viewer_of


class InvoiceOut(serializers.ModelSerializer[Invoice]):
    """An invoice as it is known now."""

    class Meta:
        model = Invoice
        fields = [
            "id", "external_id", "account", "issued_on", "due_on", "amount", "currency", "status", "paid_on", "recorded_at",
        ]  # fmt: skip


class InvoiceUpsertIn(serializers.Serializer[Any]):
    """An invoice by the id that another system gave it. Only what is sent changes; the currency is the account's without one."""

    external_id = serializers.CharField(max_length=120)
    account = serializers.IntegerField(source="account_id", required=False, min_value=1, max_value=2**53)
    account_external_id = serializers.CharField(max_length=120, required=False)
    issued_on = serializers.DateField(required=False)
    due_on = serializers.DateField(required=False)
    amount = serializers.DecimalField(max_digits=14, decimal_places=2, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    status = serializers.ChoiceField(choices=Invoice.Status.choices, required=False)
    paid_on = serializers.DateField(required=False, allow_null=True)


class InvoiceBulkIn(serializers.Serializer[Any]):
    """A batch of invoices."""

    items = serializers.ListField(child=InvoiceUpsertIn(), min_length=1, max_length=MOST_ROWS)


class InvoiceList(APIView):
    """All invoices, the newest recorded first."""

    required_permissions: ClassVar = {"GET": "customers.view"}
    pagination_class = KeysetPagination

    listing = Listing(
        InvoiceOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("status", lookup="status", choices=tuple(Invoice.Status.values)),
            Filter("external_id", lookup="external_id"),
            Filter("due_before", "day", lookup="due_on__lt"),
        ],
        orders=("-id", "due_on", "issued_on"),
    )

    @extend_schema(operation_id="invoices_list", responses=InvoiceOut(many=True))
    def get(self, request: Request) -> Response:
        """List invoices."""
        return self.listing.answer(request, self, Invoice.objects.visible_to(viewer_of(request)))


class InvoiceBulk(APIView):
    """Many invoices at once."""

    required_permissions: ClassVar = {"POST": "customers.edit"}

    @extend_schema(operation_id="invoices_bulk", request=InvoiceBulkIn, responses=BulkUpsertOut)
    @idempotent
    def post(self, request: Request) -> Response:
        """Create or change invoices by their ``external_id``, at most 500; sent again, nothing changes.

        Each row stands for itself: one that is refused says why and holds no other up. What was known before is kept.
        """
        return upserted(request, InvoiceUpsertIn, upsert_invoices)
