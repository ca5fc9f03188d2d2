"""What the account has bought, and every change of its revenue."""

from django.utils.translation import gettext_lazy

from customers.models import Account, RevenueMovement, Subscription
from customers.registry import AccountPanel
from people.viewer import Viewer


class SubscriptionTab(AccountPanel):
    """Subscriptions and the revenue ledger."""

    key = "subscription"
    label = gettext_lazy("Subscription")
    place = "tab"
    order = 40
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return subscriptions, running ones first, and movements, newest first."""
        subscriptions = Subscription.objects.filter(account=account)
        movements = RevenueMovement.objects.filter(account=account).select_related("voided_by")
        return {
            "subscriptions": sorted(
                subscriptions, key=lambda row: (row.ended_on is not None, row.renews_on is None, row.pk)
            ),
            "movements": movements.order_by("-effective_on", "-pk")[:200],
            "may_edit": viewer.can("customers.edit"),
        }
