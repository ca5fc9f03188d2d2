"""Imports' pages inside the settings."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem

DATA = _("Data")


class ImportsNav(NavItem):
    """Imports from other systems."""

    key = "settings-imports"
    label = _("Imports")
    icon = "file-import"
    url_name = "settings-imports"
    place = "settings"
    group = DATA
    order = 70
    permission = "imports.manage"


class ArchivesNav(ImportsNav):
    """Archives of everything."""

    key = "settings-archives"
    label = _("Export everything")
    icon = "archive"
    url_name = "settings-archives"
    order = 71
    permission = "settings.manage"
