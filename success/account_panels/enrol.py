"""The control that enrols the account in a playbook by hand."""

from django.utils.translation import gettext_lazy as _

from customers.models import Account
from customers.registry import AccountPanel
from people.viewer import Viewer
from success.models import Playbook


class EnrolAction(AccountPanel):
    """A menu of the active playbooks in the header."""

    key = "enrol"
    label = _("Playbook")
    place = "action"
    order = 20
    permission = "success.act"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the active playbooks; None for churned accounts and when there is none."""
        if account.lifecycle == Account.Lifecycle.CHURNED:
            return None
        playbooks = list(Playbook.objects.filter(is_active=True).order_by("name"))
        return {"playbooks": playbooks} if playbooks else None
