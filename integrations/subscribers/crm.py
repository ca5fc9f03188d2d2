"""Notes that a linked record was changed here, so that the next pass decides its fields again."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.events import (
    ACCOUNT_CHANGED,
    CONTACT_CHANGED,
    REVENUE_MOVED,
    SUBSCRIPTION_SAVED,
    TOUCH_LOGGED,
)
from health.events import BAND_CHANGED, SCORE_CHANGED
from integrations.crm.contract import ACCOUNT, CONTACT, SUBSCRIPTION
from integrations.services.note_local_changes import note_local_changes

_OBJECT_OF = {
    ACCOUNT_CHANGED.verb: ACCOUNT,
    CONTACT_CHANGED.verb: CONTACT,
    REVENUE_MOVED.verb: ACCOUNT,
    SUBSCRIPTION_SAVED.verb: SUBSCRIPTION,
    TOUCH_LOGGED.verb: ACCOUNT,
    BAND_CHANGED.verb: ACCOUNT,
    SCORE_CHANGED.verb: ACCOUNT,
}


class CrmChanges(Subscriber):
    """Marks linked records. What a connection wrote itself is no news to it, but to the others.

    Its position begins at the head of the log (the app's migration): what happened before there were connections is compared by
    their first pass.
    """

    key = "integrations.crm"
    label = _("Connections with CRMs")
    verbs = frozenset(_OBJECT_OF)
    batch_size = 200

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Mark what the events are about."""
        changed: dict[tuple[str, str], set[int]] = {}
        for event in events:
            kind = _OBJECT_OF[event.verb]
            pk = event.subject_id
            if kind == SUBSCRIPTION:
                pk = (event.detail.data or {}).get("subscription") or 0
                # A saved subscription moves dates and sums of its account.
                changed.setdefault((ACCOUNT, event.source), set()).add(event.subject_id)
            changed.setdefault((kind, event.source), set()).add(int(pk))
        for (kind, source), ids in changed.items():
            note_local_changes(kind=kind, ids=ids, source=source)
