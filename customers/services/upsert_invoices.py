"""Take invoices from the system that writes them, many at once, by the ids it gave them; each change is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import INVOICES_RECORDED
from customers.models import Account, Invoice, InvoiceRevision
from customers.upserts import MOST_ROWS, Upserted, refuse_repeated
from people.viewer import Viewer

FIELDS = ("account_id", "issued_on", "due_on", "amount", "currency", "status", "paid_on")
_REQUIRED = ("account_id", "issued_on", "due_on", "amount")


@transaction.atomic
def upsert_invoices(*, rows: Sequence[Mapping[str, Any]], by: Viewer) -> list[Upserted]:
    """Write each row (``external_id``, an account by ``account_id`` or ``account_external_id``, FIELDS), say what became of it.

    A row whose id nobody has makes an invoice, others change what they name; a row that is refused holds no other up. The
    number of queries does not grow with the rows. Raises ValidationError for more than MOST_ROWS.
    """
    by.require("customers.edit")
    if len(rows) > MOST_ROWS:
        raise ValidationError({"items": _("At most %d at a time.") % MOST_ROWS})
    refused, now = refuse_repeated(rows), timezone.now()
    ids = {str(row["external_id"]) for row in rows}
    known = {
        one.external_id: one
        for one in Invoice.objects.select_for_update().filter(external_id__in=ids).order_by("pk")
    }
    accounts = _Accounts(rows)
    found: list[tuple[int, Invoice, dict[str, Any] | None]] = []
    for index, row in enumerate(rows):
        if index in refused:
            continue
        try:
            found.append((index, *_prepared(row, known.get(str(row["external_id"])), accounts)))
        except ValidationError as error:
            refused[index] = error.message_dict
    written = [invoice for _index, invoice, changed in found if changed is None or changed]
    for invoice in written:
        invoice.recorded_at = now
    Invoice.objects.bulk_create([one for _index, one, changed in found if changed is None])
    Invoice.objects.bulk_update(
        [one for _index, one, changed in found if changed], [*_columns(), "recorded_at"], batch_size=100
    )
    InvoiceRevision.objects.bulk_create(
        InvoiceRevision(invoice=one, recorded_at=now, **{name: getattr(one, name) for name in FIELDS})
        for one in written
    )
    touched: dict[int, list[str]] = {}
    for invoice in written:
        touched.setdefault(invoice.account_id, []).append(invoice.external_id)
    INVOICES_RECORDED.record_many(
        by=by,
        rows=[
            {"subject_id": pk, "account_id": pk, "detail": {"invoices": mine[:20], "count": len(mine)}}
            for pk, mine in sorted(touched.items())
        ],
    )
    done = {index: Upserted.of(index, one.external_id, one.pk, changed) for index, one, changed in found}
    for index, errors in refused.items():
        done[index] = Upserted.refusal(index, str(rows[index]["external_id"]), errors)
    return [done[index] for index in range(len(rows))]


class _Accounts:
    """The accounts that rows name, by id and by external id; two queries."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        ids = {row["account_id"] for row in rows if row.get("account_id")}
        named = {row["account_external_id"] for row in rows if row.get("account_external_id")}
        values = ("pk", "external_id", "currency")
        found = [*Account.objects.filter(pk__in=ids).values_list(*values),
                 *Account.objects.filter(external_id__in=named).values_list(*values)]  # fmt: skip
        self.currency = {pk: currency for pk, _named, currency in found}
        self._by_name = {external_id: pk for pk, external_id, _currency in found if external_id}

    def of(self, row: Mapping[str, Any]) -> int | None:
        """Return the id of the account a row names, None when it names none; raises ValidationError."""
        if row.get("account_external_id"):
            pk = self._by_name.get(row["account_external_id"])
            named = "account_external_id"
        else:
            pk, named = row.get("account_id"), "account"
            if not pk:
                return None
        if pk is None or pk not in self.currency:
            raise ValidationError({named: [_("There is no such customer.")]})
        return int(pk)


def _prepared(
    row: Mapping[str, Any], known: Invoice | None, accounts: _Accounts
) -> tuple[Invoice, dict[str, Any] | None]:
    """The invoice as the row wants it, and what changes on it (None: it is new). Raises ValidationError naming the field."""
    account_id = accounts.of(row)
    values = {name: row[name] for name in FIELDS if name in row and name != "account_id"}
    if account_id is not None:
        values["account_id"] = account_id
    if known is None:
        lacking = [name for name in _REQUIRED if values.get(name) is None]
        if lacking:
            raise ValidationError(
                {name.removesuffix("_id"): [_("This field is required.")] for name in lacking}
            )
        values.setdefault("currency", accounts.currency[values["account_id"]])
    invoice = known or Invoice(external_id=str(row["external_id"]))
    before = {name: getattr(invoice, name) for name in FIELDS} if known else {}
    for name, value in values.items():
        setattr(invoice, name, value.upper() if name == "currency" else value)
    try:
        _check(invoice)
    except ValidationError:
        for name, value in before.items():
            setattr(invoice, name, value)
        raise
    if known is None:
        return invoice, None
    return invoice, {name: old for name, old in before.items() if getattr(invoice, name) != old}


def _check(invoice: Invoice) -> None:
    invoice.clean_fields(exclude=["account", "recorded_at", "id"])
    refused = {}
    currency = invoice.currency
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        refused["currency"] = _("Give the three letters of a currency, such as EUR.")
    if invoice.due_on < invoice.issued_on:
        refused["due_on"] = _("It is due before it is issued.")
    if invoice.status == Invoice.Status.PAID and invoice.paid_on is None:
        refused["paid_on"] = _("Say when it was paid.")
    if invoice.status != Invoice.Status.PAID and invoice.paid_on is not None:
        refused["paid_on"] = _("Only paid invoices have a day of payment.")
    if refused:
        raise ValidationError(refused)


def _columns() -> list[str]:
    return [name.removesuffix("_id") for name in FIELDS]
