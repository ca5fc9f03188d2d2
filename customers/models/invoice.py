"""Invoices of accounts, mirrored from the system that writes them, with what was known about each when."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from people.viewer import Viewer


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Reads of invoices."""

    def visible_to(self, viewer: Viewer) -> "InvoiceQuerySet":
        """Return the invoices of accounts the viewer may see."""
        return self if viewer.can("customers.view") else self.none()


class InvoiceState(models.Model):
    """What is said of an invoice; the columns that another system sends."""

    class Status(models.TextChoices):
        """Where an invoice stands."""

        OPEN = "open", _("Open")
        PAID = "paid", _("Paid")
        VOID = "void", _("Cancelled")
        WRITTEN_OFF = "written_off", _("Written off")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    issued_on = models.DateField(_("issued"))
    due_on = models.DateField(_("due"))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.OPEN)
    paid_on = models.DateField(_("paid"), null=True, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        abstract = True


class Invoice(InvoiceState):
    """An invoice as it is known now."""

    external_id = models.CharField(_("external id"), max_length=120, unique=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="invoices")

    objects: ClassVar[models.Manager["Invoice"]] = models.Manager.from_queryset(InvoiceQuerySet)()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-issued_on"], name="invoice_account_day")]


class InvoiceRevision(InvoiceState):
    """An invoice as it was known from ``recorded_at`` until its next revision. Append-only."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="revisions")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "recorded_at"], name="invoice_revision_known"),
            models.Index(fields=["invoice", "recorded_at"], name="invoice_revision_of"),
        ]
