"""What people say against the model: overrides that count or wait, and the CSM's newest judgement."""

from typing import Any

from django.utils.translation import gettext_lazy

from customers.models import Account
from customers.registry import AccountPanel
from health.models import CsmPulse, HealthOverride
from health.selectors import label_of, latest_snapshot
from people.viewer import Viewer


class Judgement(AccountPanel):
    """The model's score beside the one that counts, each override with who, why and until when."""

    key = "health-judgement"
    label = gettext_lazy("Overrides")
    place = "side"
    order = 25
    permission = "health.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the overrides with what the viewer may do about each."""
        overrides = HealthOverride.objects.visible_to(viewer).open().filter(account=account)
        may_override = viewer.can("health.override")
        rows = [_row(one, viewer) for one in overrides.select_related("created_by")]
        pulse = CsmPulse.objects.filter(account=account).select_related("given_by").first()
        if not rows and pulse is None and not may_override:
            return None
        snapshot = latest_snapshot(account, viewer)
        return {
            "rows": rows,
            "pulse": pulse,
            "may_override": may_override,
            "model_score": snapshot.model_score if snapshot and snapshot.overrides else None,
        }


def _row(override: HealthOverride, viewer: Viewer) -> dict[str, Any]:
    pending = override.state == HealthOverride.State.PENDING
    own = viewer.user_id is not None and override.created_by_id == viewer.user_id
    return {
        "override": override,
        "what": label_of(override.signal) if override.signal else "",
        "pending": pending,
        "may_end": viewer.can("health.override"),
        "may_decide": pending and viewer.can("health.approve") and not own,
    }
