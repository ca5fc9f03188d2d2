"""What drives the churn estimate."""

from django.utils.translation import gettext_lazy

from customers.models import Account
from customers.registry import AccountPanel
from health.selectors import driver_lines, latest_snapshot
from ml.models import ModelAlias
from people.viewer import Viewer


class ChurnOverview(AccountPanel):
    """The probability with its interval and the drivers in percentage points; nothing while no model is in service."""

    key = "churn-drivers"
    label = gettext_lazy("Churn")
    place = "overview"
    order = 20
    permission = "health.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the estimate and how the model did when it was measured."""
        snapshot = latest_snapshot(account, viewer)
        if snapshot is None or snapshot.churn_probability is None:
            return None
        alias = ModelAlias.objects.select_related("version").filter(task="churn").first()
        metrics = alias.version.metrics if alias and alias.version.label == snapshot.churn_model else {}
        return {
            "snapshot": snapshot,
            "drivers": [(line.label, line.seen, line.points) for line in driver_lines(snapshot)],
            "metrics": metrics,
        }
