"""Plan a meeting with people of an account, or write down what came of one."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import MEETING_SAVED
from customers.models import Account, Contact, Meeting
from customers.services.save_account import update_account
from people.models import User
from people.viewer import Viewer

MOST_PEOPLE = 50


@transaction.atomic
def save_meeting(
    *,
    account: Account,
    title: str,
    starts_at: datetime,
    by: Viewer,
    contacts: Collection[Contact] = (),
    staff: Collection[User] = (),
    outcome: str = "",
    next_step: str = "",
    meeting: Meeting | None = None,
) -> Meeting:
    """Save a meeting; without ``meeting`` a new one. Past ones move the account's last touch, and their next step becomes its.

    Raises ValidationError naming the field.
    """
    by.require("customers.edit")
    now = timezone.now()
    row = (
        Meeting(account=account, created_by_id=by.user_id, created_at=now)
        if meeting is None
        else Meeting.objects.select_for_update().get(pk=meeting.pk)
    )
    # What a meeting that was over before has told already.
    told_step = row.next_step if row.pk and row.starts_at <= now else ""
    row.title, row.starts_at, row.outcome, row.next_step = (
        title.strip(),
        starts_at,
        outcome.strip(),
        next_step.strip(),
    )
    _check(row, contacts, staff)
    row.full_clean(exclude=["account", "created_by"])
    row.save()
    row.contacts.set(contacts)
    row.staff.set(staff)
    if starts_at <= now:
        older = Q(last_touch_at=None) | Q(last_touch_at__lt=starts_at)
        Account.objects.filter(older, pk=row.account_id).update(last_touch_at=starts_at)
        if row.next_step and row.next_step != told_step:
            update_account(account=account, values={"next_step": row.next_step}, by=by)
    MEETING_SAVED.record(
        by=by,
        subject_id=row.pk,
        account_id=row.account_id,
        occurred_at=min(starts_at, now),
        detail={"title": row.title},
    )
    return row


def _check(row: Meeting, contacts: Collection[Contact], staff: Collection[User]) -> None:
    if len(contacts) > MOST_PEOPLE or len(staff) > MOST_PEOPLE:
        raise ValidationError({"contacts": _("At most %d people.") % MOST_PEOPLE})
    if any(one.account_id != row.account_id for one in contacts):
        raise ValidationError({"contacts": _("Choose people of this customer.")})
    if not row.title:
        raise ValidationError({"title": _("Give the meeting a title.")})
