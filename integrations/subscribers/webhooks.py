"""Turns events into deliveries of webhooks."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from integrations.catalogue import VERBS
from integrations.services.plan_deliveries import plan_deliveries


class Webhooks(Subscriber):
    """One delivery per event and endpoint that wants and may see it.

    Its position begins at the head of the log (the app's first migration). Not replayable: what was delivered is replayed from
    the log of its endpoint.
    """

    key = "integrations.webhooks"
    label = _("Webhooks")
    verbs = VERBS
    batch_size = 100
    replayable = False

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Plan the deliveries."""
        plan_deliveries(events=events)
