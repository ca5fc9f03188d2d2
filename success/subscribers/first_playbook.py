"""Gives a new installation its first playbooks."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.events import INSTALLATION_READY
from people.viewer import system_viewer
from success.services.add_default_playbooks import add_default_playbooks


class FirstPlaybook(Subscriber):
    """Adds "Health fell to red" and "Says they leave" once the installation has been set up; what exists is left as it is."""

    key = "success.first_playbook"
    label = _("First playbooks")
    verbs = frozenset({INSTALLATION_READY.verb})

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Add them."""
        add_default_playbooks(by=system_viewer("subscriber"))
