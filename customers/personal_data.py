"""What customers keep about a person: the contact, its addresses, its consent, its meetings, its use of the product."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from core.models import Event
from core.services.erase_details import erase_details
from customers.models import (
    ConsentEvent,
    Contact,
    ContactExport,
    ContactIdentity,
    Meeting,
    SponsorChange,
    UsageDeadLetter,
    UsageEvent,
)
from customers.registry import PersonalData
from customers.services.keep_dead_letters import DROPPED, forget_letters

_KNOWN = (
    "pk", "external_id", "name", "title", "role", "influence", "stance", "timezone", "language", "traits", "is_verified",
    "created_at", "last_seen_at",
)  # fmt: skip


class ContactData(PersonalData):
    """The contact itself; erased after all that is found by its addresses."""

    key = "contact"
    order = 1000

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return contacts, addresses, consents and product usage events."""
        usage = UsageEvent.objects.filter(contact__in=contact_ids).order_by("pk")
        return {
            "contacts": list(Contact.objects.filter(pk__in=contact_ids).values(*_KNOWN, "account__name")),
            "addresses": list(
                ContactIdentity.objects.filter(contact__in=contact_ids).values("kind", "value", "created_at")
            ),
            "consents": list(
                ConsentEvent.objects.filter(contact__in=contact_ids)
                .order_by("pk")
                .values("channel", "topic", "status", "basis", "source", "at")
            ),
            "findings": list(
                SponsorChange.objects.filter(contact__in=contact_ids)
                .order_by("pk")
                .values("kind", "evidence", "state", "found_at")
            ),
            "meetings": list(
                Meeting.objects.filter(contacts__in=contact_ids)
                .order_by("pk")
                .distinct()
                .values("title", "starts_at")
            ),
            "usage": list(usage.values("kind", "name", "user_key", "occurred_at", "payload")),
            "rejected_usage": list(_letters(contact_ids).values("reason", "item", "received_at")),
        }

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty the contact, delete its addresses, make its usage nobody's, delete what was exported of it."""
        from customers.services.export_contact import delete_files

        letters = list(_letters(contact_ids).values_list("source", "pk", "received_at"))
        for source in {row[0] for row in letters}:
            mine = [(pk, at) for one, pk, at in letters if one == source]
            forget_letters(source=source, letters=mine, outcome=DROPPED)
        addresses, _rows = ContactIdentity.objects.filter(contact__in=contact_ids).delete()
        # One invented user per contact, so that distinct users can still be counted.
        nobody = Concat(Value("erased-"), Cast("contact_id", CharField()))
        usage = UsageEvent.objects.filter(contact__in=contact_ids).exclude(user_key__startswith="erased-")
        used = usage.update(user_key=nobody, payload={})
        ConsentEvent.objects.filter(contact__in=contact_ids).update(basis="")
        SponsorChange.objects.filter(contact__in=contact_ids).update(evidence={})
        attended, _rows = Meeting.contacts.through.objects.filter(contact__in=contact_ids).delete()
        files = delete_files(
            list(ContactExport.objects.filter(contact__in=contact_ids).exclude(storage_key=""))
        )
        contacts = Contact.objects.filter(pk__in=contact_ids, erased_at=None).update(
            external_id=None,
            name="",
            title="",
            role="",
            timezone="",
            language="",
            influence=None,
            stance="unknown",
            traits={},
            last_seen_at=None,
            erased_at=timezone.now(),
        )
        details = erase_details(
            events=Event.objects.filter(subject_kind="contact", subject_id__in=contact_ids, verb__in=_TELLING)
        )
        return {
            "contacts": contacts,
            "addresses": addresses,
            "meetings": attended,
            "usage_events": used,
            "rejected_usage": len(letters),
            "exports": files,
            "event_details": details,
        }


def _letters(contact_ids: Collection[int]) -> QuerySet[UsageDeadLetter]:
    """Rejected usage that names one of the person's user ids or addresses."""
    names = ContactIdentity.objects.filter(contact__in=contact_ids, kind__in=["user", "email"]).values(
        "value"
    )
    return UsageDeadLetter.objects.filter(Q(user_key__in=names) | Q(email__in=names)).order_by("pk")


# Events whose details hold names and addresses.
_TELLING = (
    "customers.contact_created",
    "customers.contact_changed",
    "customers.identity_added",
    "customers.identity_removed",
    "customers.sponsor_change_found",
)
