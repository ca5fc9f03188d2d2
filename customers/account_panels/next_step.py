"""What comes next with the account, and when somebody was last in touch."""

from django.utils.translation import gettext_lazy as _

from customers.models import Account
from customers.registry import AccountPanel
from people.viewer import Viewer


class NextStep(AccountPanel):
    """The planned step; a link to plan one."""

    key = "next-step"
    label = _("Next step")
    place = "side"
    order = 10
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Everything is on the account's row."""
        return {"may_edit": viewer.can("customers.edit")}
