"""Health's pages inside the settings."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem

HEALTH = _("Health")


class OverridesNav(NavItem):
    """Overrides and who was right."""

    key = "settings-health-overrides"
    label = _("Overrides")
    icon = "pencil"
    url_name = "override-list"
    place = "settings"
    group = HEALTH
    order = 42
    # Who may read scores may open it; in the menu of settings it is for those who work on them.
    permission = "health.override"


class CardsNav(OverridesNav):
    """Health cards."""

    key = "settings-health-cards"
    label = _("Health cards")
    icon = "heartbeat"
    url_name = "settings-health-cards"
    order = 40
    permission = "health.manage"


class DebtNav(OverridesNav):
    """Missing sources."""

    key = "settings-health-debt"
    label = _("Missing data")
    icon = "database-off"
    url_name = "data-debt"
    order = 41


class ProofNav(OverridesNav):
    """What scores were worth."""

    key = "settings-health-proof"
    label = _("Proof of scores")
    icon = "target"
    url_name = "health-proof"
    order = 43
