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
CARD_REPLAYED = EventType(
    "health.card_replayed", subject="health_card", sentence=_("played a health card over the past")
)
OVERRIDE_SET = EventType(
    "health.override_set", subject="health_override", sentence=_("overrode the health score")
)
OVERRIDE_ASKED = EventType(
    "health.override_asked", subject="health_override", sentence=_("asked to override the health score")
)
OVERRIDE_DECIDED = EventType(
    "health.override_decided",
    subject="health_override",
    sentence=_("decided about an override of the health score"),
)
OVERRIDE_ENDED = EventType(
    "health.override_ended", subject="health_override", sentence=_("ended an override of the health score")
)
OVERRIDE_EXPIRED = EventType(
    "health.override_expired",
    subject="health_override",
    sentence=_("let an override of the health score run out"),
)
PULSE_GIVEN = EventType("health.pulse_given", subject="health_pulse", sentence=_("judged the health"))
SURPRISE_OPENED = EventType(
    "health.surprise_opened", subject="account", sentence=_("left though no score had announced it")
)
SURPRISE_CLOSED = EventType(
    "health.surprise_closed", subject="account", sentence=_("had the churn reviewed that no score announced")
)
