"""What is noted about an account besides its figures: its traits, and under which ids other systems know it."""

from django.utils import timezone
from django.utils.translation import gettext_lazy

from customers.models import Account, AccountExternalId, AccountMerge
from customers.registry import AccountPanel
from customers.traits import shown_traits
from people.viewer import Viewer


class DetailsTab(AccountPanel):
    """Traits, and ids of other systems with a form to add one."""

    key = "details"
    label = gettext_lazy("Details")
    place = "tab"
    order = 80
    permission = "customers.view"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the ids and whether they may be changed."""
        from customers.pages.forms import ExternalIdForm

        return {
            "external_ids": AccountExternalId.objects.filter(account=account),
            "id_form": ExternalIdForm(),
            "traits": shown_traits("account", account.traits),
            "merges": AccountMerge.objects.filter(
                target=account, undone_at=None, undo_until__gt=timezone.now()
            ).select_related("source"),
            "may_edit": viewer.can("customers.edit"),
        }
