"""Gives a new installation its first playbook."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from people.events import INSTALLATION_READY
from people.viewer import system_viewer
from success.services.add_default_playbook import add_default_playbook


class FirstPlaybook(Subscriber):
    """Adds "Health fell to red" once the installation has been set up; one that exists is left as it is."""

    key = "success.first_playbook"
    label = _("First playbook")
    verbs = frozenset({INSTALLATION_READY.verb})

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Add it."""
        add_default_playbook(by=system_viewer("subscriber"))
