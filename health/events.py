"""Events of health."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

BAND_CHANGED = EventType("health.band_changed", subject="account", sentence=_("moved to another health band"))
SCORE_CHANGED = EventType("health.score_changed", subject="account", sentence=_("changed in health"))
CARD_SAVED = EventType("health.card_saved", subject="health_card", sentence=_("changed a health card"))
CARD_PUBLISHED = EventType(
    "health.card_published", subject="health_card", sentence=_("published a version of a health card")
)
CARD_ROLLED_BACK = EventType(
    "health.card_rolled_back",
    subject="health_card",
    sentence=_("went back to a former version of a health card"),
)
CARD_RETIRED = EventType(
    "health.card_retired", subject="health_card", sentence=_("took a health card out of use")
)
