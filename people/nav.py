"""Settings in the rail, and people's pages inside the settings."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem

ACCESS = _("People and access")


class SettingsNav(NavItem):
    """The door to every settings and operations page."""

    key = "settings"
    label = _("Settings")
    icon = "settings"
    url_name = "settings"
    order = 900
    at_end = True

    def visible_to(self, viewer: Any) -> bool:
        """Whoever may open at least one page inside."""
        return bool(viewer.can("settings.manage") or viewer.can("operations.view"))


class PeopleNav(NavItem):
    """People."""

    key = "settings-people"
    label = _("People")
    icon = "users"
    url_name = "settings-people"
    place = "settings"
    group = ACCESS
    order = 10
    permission = "settings.manage"


class TeamsNav(PeopleNav):
    """Teams."""

    key = "settings-teams"
    label = _("Teams")
    icon = "users-group"
    url_name = "settings-teams"
    order = 11


class RolesNav(PeopleNav):
    """Roles."""

    key = "settings-roles"
    label = _("Roles")
    icon = "shield-lock"
    url_name = "settings-roles"
    order = 12


class ApiKeysNav(PeopleNav):
    """API keys."""

    key = "settings-api-keys"
    label = _("API keys")
    icon = "key"
    url_name = "settings-api-keys"
    order = 13


class CalendarsNav(PeopleNav):
    """Calendars."""

    key = "settings-calendars"
    label = _("Calendars")
    icon = "calendar"
    url_name = "settings-calendars"
    order = 14


class NotificationPreferencesNav(NavItem):
    """How one wants to be told."""

    key = "notification-preferences"
    label = _("What I am told")
    icon = "bell-cog"
    url_name = "notification-preferences"
    place = "user"
    order = 10


class SkillsNav(PeopleNav):
    """Skills."""

    key = "settings-skills"
    label = _("Skills")
    icon = "certificate"
    url_name = "settings-skills"
    order = 12
    permission = "people.schedule"


class AbsencesNav(NavItem):
    """Absences, for everybody in the user menu."""

    key = "absences"
    label = _("Absences")
    icon = "calendar"
    url_name = "absences"
    place = "user"
    order = 20
