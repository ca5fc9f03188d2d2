"""Open tasks that bring accounts into the Today queue."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Account
from customers.registry import TodaySignal, TodaySource
from people.viewer import Viewer
from success.models import CTA

MINUTES = 20


class OpenTasks(TodaySource):
    """Tasks about accounts, due today or overdue."""

    key = "open_tasks"
    order = 20
    permission = "success.view"

    def concerns(self, viewer: Viewer, now: datetime) -> Q:
        """Return accounts with a due task."""
        due = CTA.objects.visible_to(viewer).open().filter(due_on__lte=timezone.localdate(now))
        return Q(pk__in=due.values("account"))

    def signals(
        self, viewer: Viewer, accounts: Collection[Account], now: datetime
    ) -> Mapping[int, Sequence[TodaySignal]]:
        """Return each account's open tasks, the first due first; one query."""
        ctas = CTA.objects.visible_to(viewer).open().filter(account__in=[one.pk for one in accounts])
        found: dict[int, list[TodaySignal]] = {}
        for cta in ctas.order_by("due_on", "pk"):
            text = _("Task: %s") % (cta.title if not cta.reason else f"{cta.title} – {cta.reason}")
            url = f"{reverse('success-cockpit')}#cta-{cta.pk}"
            found.setdefault(cta.account_id, []).append(TodaySignal("task", text, url, MINUTES))
        return found
