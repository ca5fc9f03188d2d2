"""What the registry of models records: versions made, promoted and refused."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

VERSION_REGISTERED = EventType(
    "ml.version_registered", subject="model_version", sentence=_("trained a model"), feed=False
)
VERSION_PROMOTED = EventType(
    "ml.version_promoted", subject="model_version", sentence=_("put a model into service"), feed=False
)
