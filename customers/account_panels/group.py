"""The companies around an account: its parent and its own beside the overview, the whole tree on a tab."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.hierarchy import MOST_DRAWN, group_of
from customers.models import Account
from customers.registry import AccountPanel
from people.viewer import Viewer

SHOWN = 6


class GroupPanel(AccountPanel):
    """The parent, the companies below, and the ARR of all of them, of which so much is in red."""

    key = "companies"
    label = gettext_lazy("Companies")
    place = "side"
    order = 20
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the parent and the largest companies directly below; None for an account that stands alone."""
        group = group_of(account, viewer)
        below = [one for level, one in group.members if level == 1]
        if account.parent_id is None and not below:
            return None
        return {
            "parent": Account.objects.visible_to(viewer).filter(children=account.pk).first(),
            "group": group,
            "below": below[:SHOWN],
            "more_text": _("All %(n)d") % {"n": len(group.members) - 1} if len(group.members) > 1 else "",
            "more_url": reverse("account-tab", args=[account.pk, "group"]) if len(group.members) > 1 else "",
        }


class GroupTab(AccountPanel):
    """The tree below the account as a table."""

    key = "group"
    label = gettext_lazy("Companies")
    place = "tab"
    order = 35
    permission = "customers.view"
    lazy = False

    def belongs_to(self, account: Account) -> bool:
        """Say whether there is a tree."""
        return Account.objects.filter(parent=account.pk).exists()

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the whole tree, the sums over it, and how many of it are not drawn."""
        group = group_of(account, viewer)
        return {
            "group": group,
            "members": group.members[:MOST_DRAWN],
            "left_out": max(0, len(group.members) - MOST_DRAWN),
            "may_see_health": viewer.can("health.view"),
        }
