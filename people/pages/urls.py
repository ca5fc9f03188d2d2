"""Page addresses of people."""

from django.urls import URLPattern, path, re_path

from people.pages import absences, login, notification_preferences, profile
from people.pages import settings_api_keys as api_keys
from people.pages import settings_calendars as calendars
from people.pages import settings_people as people
from people.pages import settings_skills as skills
from people.pages import settings_teams as teams

urlpatterns: list[URLPattern] = [
    path("login/", login.login_page, name="login"),
    path("logout/", login.logout_page, name="logout"),
    path("password/", login.forgot_password, name="forgot-password"),
    re_path(
        r"^password/(?P<purpose>invite|reset)/(?P<token>[\w:.-]+)/$",
        login.set_password_page,
        name="set-password",
    ),
    path("profile/", profile.profile, name="profile"),
    path(
        "profile/notifications/",
        notification_preferences.notification_preferences,
        name="notification-preferences",
    ),
    path("profile/password/", profile.change_own_password, name="change-password"),
    path("profile/sign-out-elsewhere/", profile.end_own_sessions, name="end-own-sessions"),
    path("absences/", absences.absences, name="absences"),
    path("absences/<int:absence_id>/", absences.absence, name="absence"),
    path("absences/<int:absence_id>/cancel/", absences.absence_cancel, name="absence-cancel"),
    path("availability/", profile.availability, name="availability"),
    path("settings/", people.settings_index, name="settings"),
    path("settings/people/", people.people, name="settings-people"),
    path("settings/people/new/", people.person_new, name="settings-person-new"),
    path("settings/people/<int:user_id>/", people.person, name="settings-person"),
    re_path(
        r"^settings/people/(?P<user_id>\d+)/(?P<action>deactivate|reactivate|invite|sign-out)/$",
        people.person_action,
        name="settings-person-action",
    ),
    path("settings/teams/", teams.teams, name="settings-teams"),
    path("settings/teams/new/", teams.team_form, name="settings-team-new"),
    path("settings/teams/<int:team_id>/", teams.team_form, name="settings-team"),
    path("settings/skills/", skills.skills, name="settings-skills"),
    path("settings/skills/new/", skills.skill_form, name="settings-skill-new"),
    path("settings/skills/<int:skill_id>/", skills.skill_form, name="settings-skill"),
    path("settings/roles/", people.roles, name="settings-roles"),
    path("settings/calendars/", calendars.calendars, name="settings-calendars"),
    path("settings/calendars/new/", calendars.calendar_form, name="settings-calendar-new"),
    path("settings/calendars/regions/", calendars.calendar_regions, name="settings-calendar-regions"),
    path("settings/calendars/preview/", calendars.calendar_preview, name="settings-calendar-preview"),
    path("settings/calendars/<int:calendar_id>/", calendars.calendar_form, name="settings-calendar"),
    path(
        "settings/calendars/<int:calendar_id>/delete/",
        calendars.calendar_delete,
        name="settings-calendar-delete",
    ),
    path("settings/api-keys/", api_keys.api_keys, name="settings-api-keys"),
    path("settings/api-keys/new/", api_keys.api_key_new, name="settings-api-key-new"),
    path("settings/api-keys/<int:key_id>/revoke/", api_keys.api_key_revoke, name="settings-api-key-revoke"),
]
