"""The tabs of the success pages."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _


def success_tabs(current: str) -> list[dict[str, Any]]:
    """Return the tabs with the one named by its URL name current."""
    tabs = [
        ("success-cockpit", _("Cockpit")),
        ("outreach-list", _("Outreach")),
        ("playbook-list", _("Playbooks")),
    ]
    return [
        {"label": label, "url": reverse(name), "current": name == current, "count": None}
        for name, label in tabs
    ]
