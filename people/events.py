"""Events of people."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

USER_CREATED = EventType("people.user_created", subject="user", sentence=_("added a person"))
USER_CHANGED = EventType("people.user_changed", subject="user", sentence=_("changed a person"))
USER_DEACTIVATED = EventType("people.user_deactivated", subject="user", sentence=_("deactivated a person"))
USER_INVITED = EventType("people.user_invited", subject="user", sentence=_("invited a person"))
AVAILABILITY_CHANGED = EventType(
    "people.availability_changed", subject="user", sentence=_("changed availability")
)
ABSENCE_CHANGED = EventType(
    "people.absence_changed", subject="user", sentence=_("planned or changed an absence")
)
SKILL_SAVED = EventType("people.skill_saved", subject="skill", sentence=_("saved a skill"))
LOGGED_IN = EventType("people.logged_in", subject="user", sentence=_("logged in"), feed=False)
LOGIN_REFUSED = EventType(
    "people.login_refused", subject="user", sentence=_("was refused at login"), feed=False
)
LOGGED_OUT = EventType("people.logged_out", subject="user", sentence=_("logged out"), feed=False)
SESSIONS_ENDED = EventType(
    "people.sessions_ended", subject="user", sentence=_("ended all sessions"), feed=False
)
PASSWORD_LINK_REQUESTED = EventType(
    "people.password_link_requested", subject="user", sentence=_("asked for a password link"), feed=False
)
PASSWORD_CHANGED = EventType(
    "people.password_changed", subject="user", sentence=_("changed the password"), feed=False
)
USER_REACTIVATED = EventType("people.user_reactivated", subject="user", sentence=_("reactivated a person"))
PROFILE_CHANGED = EventType("people.profile_changed", subject="user", sentence=_("changed the profile"))
CALENDAR_SAVED = EventType("people.calendar_saved", subject="calendar", sentence=_("saved a calendar"))
CALENDAR_DELETED = EventType("people.calendar_deleted", subject="calendar", sentence=_("deleted a calendar"))
TEAM_SAVED = EventType("people.team_saved", subject="team", sentence=_("saved a team"))
API_KEY_CREATED = EventType("people.api_key_created", subject="api_key", sentence=_("created an API key"))
API_KEY_REVOKED = EventType("people.api_key_revoked", subject="api_key", sentence=_("revoked an API key"))
INSTALLATION_READY = EventType(
    "people.installation_ready", subject="user", sentence=_("set the installation up")
)
