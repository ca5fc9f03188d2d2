"""What happened at the account: the latest beside the overview, everything on a tab."""

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from customers.models import Account
from customers.registry import AccountPanel
from customers.timeline import account_timeline
from people.viewer import Viewer

SHOWN = 8
READ = 60


class LatestEvents(AccountPanel):
    """The latest events."""

    key = "latest"
    label = gettext_lazy("Timeline")
    place = "side"
    order = 40
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the newest items, one of each run about the same ticket or person, and where the rest is."""
        items = account_timeline(viewer, account, size=READ).items
        stories = [
            item
            for place, item in enumerate(items)
            if not (place and item.url and item.url == items[place - 1].url)
        ]
        url = reverse("account-tab", args=[account.pk, "timeline"])
        return {"items_list": stories[:SHOWN], "more_text": gettext("Everything"), "more_url": url}


class TimelineTab(AccountPanel):
    """The whole timeline; the page filters it by kind."""

    key = "timeline"
    label = gettext_lazy("Timeline")
    place = "tab"
    order = 90
    permission = "customers.view"
    lazy = False
    live = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return where the rows are; they are loaded with their own filter and paging."""
        return {"rows_url": reverse("timeline-rows", args=[account.pk])}
