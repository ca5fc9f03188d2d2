"""Events of health."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

BAND_CHANGED = EventType("health.band_changed", subject="account", sentence=_("moved to another health band"))
SCORE_CHANGED = EventType("health.score_changed", subject="account", sentence=_("changed in health"))
