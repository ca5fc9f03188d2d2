"""Navigation of success."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem
from success.models import CTA


class SuccessNav(NavItem):
    """The cockpit; the badge counts one's own tasks that are due."""

    key = "success"
    label = _("Success")
    icon = "target"
    url_name = "success-cockpit"
    permission = "success.view"
    order = 30
    goto = "s"
    on_phone = True

    def badge(self, viewer: Any) -> int:
        """Return how many of one's own tasks are due today or overdue."""
        today = timezone.localdate()
        return (
            CTA.objects.visible_to(viewer).open().filter(owner_id=viewer.user_id, due_on__lte=today).count()
        )
