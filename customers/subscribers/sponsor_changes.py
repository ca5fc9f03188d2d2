"""Somebody with a key role is marked as left: a finding, so that what follows from findings follows."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from core.subscription import Subscriber
from customers.events import CONTACT_CHANGED
from customers.models import Contact, SponsorChange
from customers.services.judge_sponsor import report_sponsor_change
from people.viewer import system_viewer


class LeftContacts(Subscriber):
    """Looks at changes of ``left_at``."""

    key = "customers.left_contacts"
    label = gettext_lazy("Key people who left")
    verbs = frozenset({CONTACT_CHANGED.verb})

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write findings for those who left."""
        for event in events:
            pair = ((event.detail.data or {}).get("changed") or {}).get("left_at")
            if not isinstance(pair, list) or pair[0] is not None or not pair[1]:
                continue
            contact = Contact.objects.filter(pk=event.subject_id).exclude(left_at=None).first()
            # What a confirmation marked as left is a finding already.
            if contact is None or contact.sponsor_changes.filter(decided_at=contact.left_at).exists():
                continue
            report_sponsor_change(
                contact=contact,
                kind=SponsorChange.Kind.LEFT,
                evidence={"text": _("A colleague marked this person as left.")},
                by=system_viewer("subscriber"),
            )
