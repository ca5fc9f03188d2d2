"""What people can be told about the product itself."""

from django.utils.translation import gettext_lazy as _

from core.events import JOB_ENDED
from core.notifications import NotificationKind


class JobEnded(NotificationKind):
    """Long work that the person has asked for is over."""

    key = "core.job_ended"
    label = _("Long work that I started is done, or has failed")
    group = _("Everything else")
    order = 300
    verbs = frozenset({JOB_ENDED.verb})
