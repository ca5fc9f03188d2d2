"""What people can be told about customer success."""

from django.utils.translation import gettext_lazy as _

from core.notifications import NotificationKind
from success.events import CTA_OPENED


class TaskOpened(NotificationKind):
    """A task was opened for a customer of the person."""

    key = "success.task_opened"
    label = _("A task is opened for my customer")
    group = _("Customer success")
    order = 200
    permission = "success.view"
    verbs = frozenset({CTA_OPENED.verb})
