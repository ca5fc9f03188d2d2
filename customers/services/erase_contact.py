"""Erase a person: every app empties what tells about the person, the numbers stay, a certificate says what was done."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import start_job
from customers.events import CONTACT_ERASED, ERASURE_REQUESTED
from customers.models import Contact, ContactErasure
from customers.registry import personal_data_parts
from customers.services.export_contact import person_ids
from people.viewer import Viewer, system_viewer

JOB_KIND = "customers.erase_contact"


@transaction.atomic
def erase_contact(*, contact: Contact, confirmation: str, by: Viewer, reason: str = "") -> ContactErasure:
    """Start erasing a person for good; ``confirmation`` is the contact's name (or address) as typed.

    The job empties names, addresses, messages and files of the contact and of those merged into it. Raises ValidationError
    naming ``confirmation``, and for a contact that is merged or erased.
    """
    by.require("customers.erase")
    contact = Contact.objects.select_for_update().get(pk=contact.pk)
    if contact.merged_into_id is not None:
        raise ValidationError(_("This contact was merged into another one: erase that one."))
    if contact.erased_at is not None:
        raise ValidationError(_("This person is erased already."))
    running = ContactErasure.objects.filter(contact=contact, finished_at=None).first()
    if running is not None:
        return running
    if " ".join(confirmation.split()).casefold() != str(contact).casefold() or not confirmation.strip():
        raise ValidationError({"confirmation": _("Type the name exactly as it is shown.")})
    erasure = ContactErasure.objects.create(
        contact=contact,
        actor_kind=by.actor_kind,
        actor_id=by.actor_id,
        reason=reason.strip()[:200],
        requested_at=timezone.now(),
    )
    ERASURE_REQUESTED.record(
        by=by, subject_id=contact.pk, account_id=contact.account_id, detail={"erasure": erasure.pk}
    )
    start_job(
        kind=JOB_KIND, key=str(erasure.pk), by=by, params={"erasure": erasure.pk}, requested_by_id=by.user_id
    )
    return erasure


@transaction.atomic
def erase_part(*, erasure_id: int, part_key: str) -> None:
    """Let one app erase its part and note on the certificate what it did."""
    erasure = ContactErasure.objects.select_for_update().select_related("contact").get(pk=erasure_id)
    part = next(part for part in personal_data_parts() if part.key == part_key)
    counts = dict(part.erase(person_ids(erasure.contact)))
    before = erasure.counts.get(part_key, {})
    erasure.counts[part_key] = {name: before.get(name, 0) + count for name, count in counts.items()}
    erasure.save(update_fields=["counts"])


@transaction.atomic
def finish_erasure(*, erasure_id: int) -> ContactErasure:
    """Complete the certificate and record it, once."""
    erasure = ContactErasure.objects.select_for_update().select_related("contact").get(pk=erasure_id)
    if erasure.finished_at is None:
        erasure.finished_at = timezone.now()
        erasure.save(update_fields=["finished_at"])
        CONTACT_ERASED.record(
            by=system_viewer("task"),
            subject_id=erasure.contact_id,
            account_id=erasure.contact.account_id,
            detail={"erasure": erasure.pk, "counts": erasure.counts},
        )
    return erasure
