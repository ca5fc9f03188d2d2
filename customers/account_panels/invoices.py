"""Invoices of the account, those that are late first."""

from django.utils import timezone
from django.utils.translation import gettext_lazy

from customers.invoices import LONG_OVERDUE_DAYS, overdue_invoices
from customers.models import Account, Invoice
from customers.registry import AccountPanel
from people.viewer import Viewer

SHOWN = 60


class InvoicesTab(AccountPanel):
    """What was invoiced, and what is not paid."""

    key = "invoices"
    label = gettext_lazy("Invoices")
    place = "tab"
    order = 45
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the newest invoices, how many days each is late, and sums of what is late. Two queries."""
        late = {
            one.invoice_id: one
            for one in overdue_invoices([account.pk], timezone.localdate()).get(account.pk, [])
        }
        sums: dict[str, object] = {}
        for currency in sorted({one.currency for one in late.values()}):
            sums[currency] = sum(one.amount for one in late.values() if one.currency == currency)
        rows = (
            Invoice.objects.visible_to(viewer).filter(account=account).order_by("-issued_on", "-pk")[:SHOWN]
        )
        return {
            "rows": [{"invoice": row, "days": late[row.pk].days if row.pk in late else 0} for row in rows],
            "late": len(late),
            "long_late": sum(one.days > LONG_OVERDUE_DAYS for one in late.values()),
            "sums": list(sums.items()),
            "limit": LONG_OVERDUE_DAYS,
        }
