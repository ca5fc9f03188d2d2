"""Plan when a person is out of the office, change the plan, and call it off."""

from datetime import datetime
from typing import TypedDict, Unpack

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from people.events import ABSENCE_CHANGED
from people.models import Absence, User
from people.viewer import Viewer

MOST_PLANNED = 50


class AbsenceChange(TypedDict, total=False):
    """What of an absence changes; both moments carry a zone."""

    starts_at: datetime
    ends_at: datetime
    deputy: User | None
    note: str


@transaction.atomic
def plan_absence(
    *,
    user: User,
    starts_at: datetime,
    ends_at: datetime,
    by: Viewer,
    deputy: User | None = None,
    note: str = "",
) -> Absence:
    """Plan an absence of one's own, or anybody's with ``people.schedule``; both moments carry a zone.

    Raises PermissionDenied, and ValidationError naming the field: the end before the start or over, one's own deputy, an
    absence at the same time.
    """
    _require(user, by)
    row = User.objects.select_for_update().get(pk=user.pk)
    planned = Absence.objects.filter(user=row, cancelled_at=None, ends_at__gt=timezone.now())
    if planned.count() >= MOST_PLANNED:
        raise ValidationError({"starts_at": _("At most %d absences can be planned.") % MOST_PLANNED})
    absence = Absence(user=row, created_by_id=by.user_id)
    _set(absence, starts_at=starts_at, ends_at=ends_at, deputy=deputy, note=note)
    _record(absence, by, "planned")
    mark_absent_people(user_id=row.pk)
    return absence


@transaction.atomic
def change_absence(*, absence: Absence, by: Viewer, **changes: Unpack[AbsenceChange]) -> Absence:
    """Change what is named of a planned absence; one that has begun keeps its start, and what was handed over stays where it is.

    Raises PermissionDenied, and ValidationError as ``plan_absence`` does, and for one that is over or was called off.
    """
    _require(absence.user, by)
    User.objects.select_for_update().get(pk=absence.user_id)
    planned = Absence.objects.select_for_update(of=("self",)).select_related("user", "deputy")
    row = planned.get(pk=absence.pk)
    now = timezone.now()
    if row.cancelled_at is not None or row.ends_at <= now:
        raise ValidationError(_("This absence is over or was called off. Plan another one."))
    before = (row.starts_at, row.ends_at, row.deputy_id, row.note)
    starts_at = changes.get("starts_at", row.starts_at)
    if row.starts_at <= now and starts_at != row.starts_at:
        raise ValidationError({"starts_at": _("It has begun: its start cannot be moved any more.")})
    _set(
        row,
        starts_at=starts_at,
        ends_at=changes.get("ends_at", row.ends_at),
        deputy=changes.get("deputy", row.deputy),
        note=changes.get("note", row.note),
    )
    if before != (row.starts_at, row.ends_at, row.deputy_id, row.note):
        _record(row, by, "changed")
        mark_absent_people(user_id=row.user_id)
    return row


def _set(row: Absence, *, starts_at: datetime, ends_at: datetime, deputy: User | None, note: str) -> None:
    """Write a plan that makes sense; the person of the row is locked. Raises ValidationError naming the field."""
    now = timezone.now()
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": _("The end must be after the start.")})
    if ends_at <= now:
        raise ValidationError({"ends_at": _("This is over already.")})
    if deputy is not None and (deputy.pk == row.user_id or not deputy.is_active):
        raise ValidationError({"deputy": _("Choose a colleague.")})
    others = Absence.objects.filter(user=row.user_id, cancelled_at=None).exclude(pk=row.pk)
    if others.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
        raise ValidationError({"starts_at": _("Another absence is planned at this time.")})
    row.starts_at, row.ends_at, row.deputy = starts_at, ends_at, deputy
    row.note = note.strip().replace("\x00", "")
    row.full_clean(exclude=["created_by", "handed_over_at", "cancelled_at"])
    row.save()


@transaction.atomic
def cancel_absence(*, absence: Absence, by: Viewer) -> Absence:
    """Call an absence off, or end it now; what was handed over stays where it is. Raises PermissionDenied."""
    _require(absence.user, by)
    row = Absence.objects.select_for_update().select_related("user").get(pk=absence.pk)
    if row.cancelled_at is not None or row.ends_at <= timezone.now():
        return row
    row.cancelled_at = timezone.now()
    row.save(update_fields=["cancelled_at"])
    _record(row, by, "cancelled")
    mark_absent_people(user_id=row.user_id)
    return row


def mark_absent_people(*, user_id: int | None = None) -> int:
    """Bring ``User.absent_until`` up to date, of everybody or one person; returns how many people changed."""
    now = timezone.now()
    current = Absence.objects.at(now).order_by()
    marked = User.objects.exclude(absent_until=None)
    if user_id is not None:
        current, marked = current.filter(user_id=user_id), marked.filter(pk=user_id)
    until = dict(current.values("user_id").annotate(until=Max("ends_at")).values_list("user_id", "until"))
    present = dict(marked.values_list("pk", "absent_until"))
    changed = [pk for pk in {*until, *present} if until.get(pk) != present.get(pk)]
    for pk in changed:
        User.objects.filter(pk=pk).update(absent_until=until.get(pk))
    return len(changed)


def _require(user: User, by: Viewer) -> None:
    if by.user_id != user.pk and not by.can("people.schedule"):
        raise PermissionDenied(_("You may only plan your own absences."))


def _record(absence: Absence, by: Viewer, what: str) -> None:
    ABSENCE_CHANGED.record(
        by=by,
        subject_id=absence.user_id,
        detail={
            "what": what,
            "absence": absence.pk,
            "starts_at": absence.starts_at.isoformat(),
            "ends_at": absence.ends_at.isoformat(),
            "deputy": absence.deputy_id,
        },
    )
