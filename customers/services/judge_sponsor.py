"""Write down that somebody who matters may be gone, and what a person made of that."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import SPONSOR_CHANGE_DECIDED, SPONSOR_CHANGE_FOUND
from customers.models import Contact, SponsorChange
from customers.services.save_contact import update_contact
from customers.stakeholders import KEY_ROLES
from people.viewer import Viewer

# What was dismissed is not found again for so long, unless it is of another kind.
QUIET = timedelta(days=90)
_State = SponsorChange.State


@transaction.atomic
def report_sponsor_change(
    *, contact: Contact, kind: str, evidence: Mapping[str, Any], by: Viewer
) -> SponsorChange | None:
    """Write a finding down; None for who has no key role, is known to have left, or is asked about already.

    ``contact`` may be one that was merged: the finding is about who took it over. Needs ``customers.edit``.
    """
    by.require("customers.edit")
    person = Contact.objects.select_for_update().get(pk=contact.person.pk)
    is_new = kind == SponsorChange.Kind.LEFT or person.left_at is None
    if (
        person.role not in KEY_ROLES
        or person.account_id is None
        or person.erased_at is not None
        or not is_new
    ):
        return None
    now = timezone.now()
    before = SponsorChange.objects.filter(contact=person)
    if before.filter(state=_State.OPEN).exists():
        return None
    if before.filter(kind=kind, found_at__gt=now - QUIET).exists():
        return None
    # Who marked somebody as left has decided.
    settled = kind == SponsorChange.Kind.LEFT
    try:
        with transaction.atomic():
            change = SponsorChange.objects.create(
                account_id=person.account_id,
                contact=person,
                role=person.role,
                kind=kind,
                evidence=dict(evidence),
                found_at=now,
                state=_State.CONFIRMED if settled else _State.OPEN,
                decided_at=now if settled else None,
                decided_by_id=by.user_id if settled else None,
            )
    except IntegrityError:
        return None
    SPONSOR_CHANGE_FOUND.record(
        by=by,
        subject_id=person.pk,
        account_id=person.account_id,
        detail={
            "change": change.pk,
            "kind": kind,
            "role": person.role,
            "text": str(evidence.get("text", ""))[:300],
        },
    )
    return change


@transaction.atomic
def decide_sponsor_change(*, change: SponsorChange, has_left: bool, by: Viewer) -> SponsorChange:
    """Confirm a finding, which marks the person as left, or dismiss it. Raises ValidationError for one that is decided."""
    by.require("customers.edit")
    change = SponsorChange.objects.select_for_update().select_related("contact").get(pk=change.pk)
    if change.state != _State.OPEN:
        raise ValidationError({"decision": _("Somebody has decided this already.")})
    change.state = _State.CONFIRMED if has_left else _State.DISMISSED
    change.decided_at, change.decided_by_id = timezone.now(), by.user_id
    change.save(update_fields=["state", "decided_at", "decided_by"])
    if has_left and change.contact.left_at is None:
        update_contact(contact=change.contact, values={"left_at": change.decided_at}, by=by)
    SPONSOR_CHANGE_DECIDED.record(
        by=by,
        subject_id=change.contact_id,
        account_id=change.account_id,
        detail={"change": change.pk, "state": change.state},
    )
    return change
