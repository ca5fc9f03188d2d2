"""What people can be told about models."""

from django.utils.translation import gettext_lazy as _

from core.notifications import NotificationKind
from ml.events import ARTEFACT_DAMAGED, CLASS_STEPPED_DOWN


class ArtefactDamaged(NotificationKind):
    """The files of a model are not what was registered."""

    key = "ml.artefact_damaged"
    label = _("The files of a model are damaged")
    group = _("Everything else")
    order = 320
    verbs = frozenset({ARTEFACT_DAMAGED.verb})


class ClassSteppedDown(NotificationKind):
    """Live answers with one label are less often right than asked."""

    key = "ml.class_stepped_down"
    label = _("A model does less by itself")
    group = _("Everything else")
    order = 330
    verbs = frozenset({CLASS_STEPPED_DOWN.verb})
