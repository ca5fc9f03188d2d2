"""The segments that the account is in."""

from django.utils.translation import gettext_lazy

from customers.models import Account, SegmentMembership
from customers.registry import AccountPanel
from customers.segments import readable
from people.viewer import Viewer


class SegmentsOfAccount(AccountPanel):
    """Beside the overview; nothing is shown when the account is in none."""

    key = "segments"
    label = gettext_lazy("Segments")
    place = "side"
    order = 60
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the open memberships in segments that the viewer may see. Two queries."""
        seen = {one.pk: one for one in readable(viewer)}
        rows = SegmentMembership.objects.filter(account=account, left_at=None, segment__in=seen)
        found = [(seen[row.segment_id], row.entered_at) for row in rows.order_by("-entered_at")]
        return {"memberships": found} if found else None
