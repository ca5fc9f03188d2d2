"""Why accounts need somebody today: their open tasks."""

from collections.abc import Collection, Mapping

from customers.models import Account
from customers.registry import AccountReason
from people.viewer import Viewer
from success.models import CTA


class OpenTask(AccountReason):
    """The reason of the task that is due first."""

    key = "open_task"
    order = 20

    def reasons(self, viewer: Viewer, accounts: Collection[Account]) -> Mapping[int, str]:
        """Return each account's first due task's reason, else its title; one query."""
        ctas = CTA.objects.visible_to(viewer).open().filter(account__in=[account.pk for account in accounts])
        known: dict[int, str] = {}
        for cta in ctas.order_by("due_on", "pk"):
            known.setdefault(cta.account_id, cta.reason or cta.title)
        return known
