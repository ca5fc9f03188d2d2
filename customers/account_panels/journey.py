"""The stages that the account has been through."""

from django.utils import timezone
from django.utils.translation import gettext_lazy

from customers.journeys import stays_of
from customers.models import Account, Stage
from customers.registry import AccountPanel
from people.viewer import Viewer


class JourneyTab(AccountPanel):
    """A tab with every stay, why it began and how long it took, and the move by hand."""

    key = "journey"
    label = gettext_lazy("Journey")
    place = "tab"
    order = 60
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the stays, the latest first, and the stages to move to. Two queries."""
        now = timezone.now()
        stays = [
            (stay, ((stay.left_at or now) - stay.entered_at).days) for stay in reversed(stays_of(account))
        ]
        return {
            "stays": stays,
            "may_edit": viewer.can("customers.edit"),
            "stages": [stage for stage in Stage.objects.filter(is_active=True) if not stage.is_end],
        }
