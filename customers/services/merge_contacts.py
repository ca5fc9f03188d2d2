"""Merge two contacts that are one person, and take a merge back."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import CONTACTS_MERGED, CONTACTS_UNMERGED
from customers.models import ConsentEvent, Contact, ContactIdentity, ContactMerge
from customers.services.record_consent import record_consent
from people.viewer import Viewer

UNDO_FOR = timedelta(days=30)


@transaction.atomic
def merge_contacts(*, source: Contact, target: Contact, by: Viewer) -> ContactMerge:
    """Let ``target`` take over ``source``: its addresses move, its rows stay and point to the target.

    Where the source has unsubscribed or complained, so has the target from now on, also when the merge is taken back.
    Both must be unmerged, so that pointers never form a circle. Raises ValidationError.
    """
    by.require("customers.edit")
    rows = {row.pk: row for row in Contact.objects.select_for_update().filter(pk__in=[source.pk, target.pk])}
    if len(rows) != 2:
        raise ValidationError({"target": _("Choose another contact.")})
    source, target = rows[source.pk], rows[target.pk]
    if source.merged_into_id is not None or target.merged_into_id is not None:
        raise ValidationError({"target": _("One of the two was merged before.")})
    if source.erased_at is not None or target.erased_at is not None:
        raise ValidationError({"target": _("One of the two was erased.")})
    moved = list(ContactIdentity.objects.filter(contact=source).values_list("pk", flat=True))
    ContactIdentity.objects.filter(pk__in=moved).update(contact=target)
    source.merged_into = target
    source.save(update_fields=["merged_into"])
    merge = ContactMerge.objects.create(
        source=source, target=target, identity_ids=moved, merged_at=timezone.now()
    )
    _carry_refusals(source, target, by)
    CONTACTS_MERGED.record(
        by=by,
        subject_id=target.pk,
        account_id=target.account_id,
        detail={"source": source.pk, "target": target.pk},
    )
    return merge


def _carry_refusals(source: Contact, target: Contact, by: Viewer) -> None:
    """Repeat the source's last word on the target, channel by channel and topic by topic, where that word is no."""
    last: dict[tuple[str, str], str] = {}
    for event in ConsentEvent.objects.filter(contact=source).order_by("pk"):
        last[event.channel, event.topic] = event.status
    for (channel, topic), status in last.items():
        if status in (ConsentEvent.Status.WITHDRAWN, ConsentEvent.Status.COMPLAINED):
            record_consent(
                contact=target,
                status=status,
                source="merge",
                basis=f"contact:{source.pk}",
                channel=channel,
                topic=topic,
                by=by,
            )


@transaction.atomic
def unmerge_contacts(*, source: Contact, by: Viewer) -> Contact:
    """Take the merge of ``source`` back: the addresses that moved with it return. Raises ValidationError."""
    by.require("customers.edit")
    merge = ContactMerge.objects.select_for_update().filter(source=source, undone_at=None).first()
    if merge is None:
        raise ValidationError({"contact": _("This contact is not merged.")})
    if timezone.now() > merge.merged_at + UNDO_FOR:
        raise ValidationError({"contact": _("A merge can be taken back for %d days only.") % UNDO_FOR.days})
    # The addresses are where the chain of merges ends; what another undone merge has returned stays there.
    holder = merge.target
    while holder.merged_into is not None:
        holder = holder.merged_into
    ContactIdentity.objects.filter(pk__in=merge.identity_ids, contact=holder).update(contact=source)
    Contact.objects.filter(pk=source.pk).update(merged_into=None)
    merge.undone_at = timezone.now()
    merge.save(update_fields=["undone_at"])
    CONTACTS_UNMERGED.record(
        by=by,
        subject_id=source.pk,
        account_id=source.account_id,
        detail={"source": source.pk, "target": merge.target_id},
    )
    source.refresh_from_db()
    return source
