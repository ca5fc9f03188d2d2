"""Indexes the tickets of a person or customer again when the name or an address has changed."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.actors import SYSTEM
from core.models import Event
from core.subscription import Subscriber
from customers.events import (
    ACCOUNT_CHANGED,
    CONTACT_CHANGED,
    CONTACT_ERASED,
    CONTACTS_MERGED,
    CONTACTS_UNMERGED,
    IDENTITY_ADDED,
)
from tickets.services.index_names import Named, index_names


class SearchNames(Subscriber):
    """Index again rather than patch: a replay does no harm."""

    key = "tickets.search_names"
    label = _("Names in the search index")
    verbs = frozenset(
        event_type.verb
        for event_type in (
            ACCOUNT_CHANGED,
            CONTACT_CHANGED,
            CONTACT_ERASED,
            CONTACTS_MERGED,
            CONTACTS_UNMERGED,
            IDENTITY_ADDED,
        )
    )

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Index the tickets of each subject once, the erased ones before the contact itself is erased."""
        last: dict[tuple[Named, int], int] = {}
        for event in events:
            if event.verb == CONTACT_ERASED.verb:
                last[("erased", event.subject_id)] = event.pk
            elif _renames(event):
                of: Named = "account" if event.verb == ACCOUNT_CHANGED.verb else "contact"
                last[(of, event.subject_id)] = event.pk
        for (of, number), event_id in last.items():
            # The event names the job: a rename while an earlier one is still being indexed gets a job of its own.
            index_names(of=of, number=number, because=str(event_id), by=SYSTEM)


def _renames(event: Event) -> bool:
    """Whether the event changes what the documents of tickets say about people."""
    if event.verb not in {ACCOUNT_CHANGED.verb, CONTACT_CHANGED.verb}:
        return True
    return bool({"name", "account"} & set((event.detail.data or {}).get("changed", ())))
