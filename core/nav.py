"""Operations pages inside the settings."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem

OPERATIONS = _("Operations")


class JobsNav(NavItem):
    """Jobs."""

    key = "operations-jobs"
    label = _("Jobs")
    icon = "player-play"
    url_name = "jobs"
    place = "settings"
    group = OPERATIONS
    order = 80
    permission = "operations.view"


class OutboxNav(JobsNav):
    """Outbox."""

    key = "operations-outbox"
    label = _("Outbox")
    icon = "send"
    url_name = "outbox"
    order = 81


class EventsNav(JobsNav):
    """Event log."""

    key = "operations-events"
    label = _("Event log")
    icon = "activity"
    url_name = "events"
    order = 83


class DeadLettersNav(JobsNav):
    """Parked events."""

    key = "operations-dead-letters"
    label = _("Parked events")
    icon = "alert-triangle"
    url_name = "dead-letters"
    order = 84


class SearchIndexNav(JobsNav):
    """The search index."""

    key = "operations-search"
    label = _("Search index")
    icon = "search"
    url_name = "search-index"
    order = 85
