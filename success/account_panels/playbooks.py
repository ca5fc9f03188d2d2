"""Open tasks and the account's way through playbooks, with why each mail left or did not."""

from django.utils.translation import gettext_lazy as _

from customers.models import Account
from customers.registry import AccountPanel
from people.viewer import Viewer
from success.models import CTA
from success.selectors import enrolments_of

SHOWN = 5


class PlaybooksPanel(AccountPanel):
    """Tasks and playbooks in the side column."""

    key = "playbooks"
    label = _("Tasks and playbooks")
    place = "side"
    order = 30
    permission = "success.view"

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return open tasks and the newest enrolments; None when there is neither."""
        ctas = list(CTA.objects.visible_to(viewer).open().filter(account=account).order_by("due_on", "pk"))
        enrolments = list(enrolments_of(viewer, account=account)[:SHOWN])
        return {"ctas": ctas, "enrolments": enrolments} if ctas or enrolments else None
