"""Statuses: add, rename, take out of use, delete. Their category is fixed, because rows of tickets carry a copy of it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.job_runner import start_job
from people.viewer import Viewer
from tickets.events import STATUS_DELETED, STATUS_SAVED
from tickets.models import Status, Ticket
from tickets.stored_conditions import refuse_while_asked_for

# Services give these by their key, so they stay.
BUILT_IN = frozenset({"new", "open", "waiting", "on_hold", "resolved", "closed"})
REPLACE_KIND = "tickets.replace_status"


@transaction.atomic
def save_status(
    *,
    name: str,
    customer_label: str,
    by: Viewer,
    category: str = "",
    pauses_sla: bool = False,
    is_active: bool = True,
    replacement: Status | None = None,
    status: Status | None = None,
) -> Status:
    """Save a status; without ``status`` a new one in ``category``, the last in the order.

    Taking a status out of use that tickets have needs a ``replacement`` of the same category: a job gives it to them. Raises
    ValidationError naming the field.
    """
    by.require("tickets.configure")
    row = (
        _new_status(name, category)
        if status is None
        else Status.objects.select_for_update().get(pk=status.pk)
    )
    is_leaving = status is not None and row.is_active and not is_active
    if is_leaving:
        _refuse_leaving(row, replacement)
    if Status.objects.filter(name__iexact=name.strip(), is_active=True).exclude(pk=row.pk).exists():
        raise ValidationError({"name": _("Another status is called so.")})
    changes = apply_changes(
        row,
        name=name.strip(),
        customer_label=customer_label.strip(),
        pauses_sla=pauses_sla,
        is_active=is_active,
    )
    row.full_clean(exclude=["key"])
    row.save(force_insert=status is None)
    if changes or status is None:
        STATUS_SAVED.record(by=by, subject_id=0, detail={"key": row.pk, **changes})
    if is_leaving and replacement is not None:
        start_job(
            kind=REPLACE_KIND,
            key=row.pk,
            by=by,
            params={"from": row.pk, "to": replacement.pk},
            requested_by_id=by.user_id,
        )
    return row


def _new_status(name: str, category: str) -> Status:
    if category not in Status.Category.values or category == Status.Category.NEW:
        raise ValidationError({"category": _("Choose what the status means.")})
    base = slugify(name).replace("-", "_")[:20] or "status"
    taken = set(Status.objects.values_list("pk", flat=True))
    key = next(one for one in (base, *(f"{base}_{number}" for number in range(2, 999))) if one not in taken)
    last = Status.objects.aggregate(last=Max("position"))["last"]
    return Status(key=key, category=category, position=0 if last is None else last + 1)


def _refuse_leaving(status: Status, replacement: Status | None) -> None:
    """A status that the product or a ticket needs stays."""
    if status.pk in BUILT_IN:
        raise ValidationError({"is_active": _("This status is built in: rename it instead.")})
    if replacement is not None and (
        replacement.pk == status.pk or replacement.category != status.category or not replacement.is_active
    ):
        raise ValidationError({"replacement": _("Choose another status that means the same.")})
    if replacement is None and Ticket.objects.filter(status=status).exists():
        raise ValidationError(
            {"replacement": _("Tickets have this status. Choose which one they get instead.")}
        )


@transaction.atomic
def delete_status(*, status: Status, by: Viewer) -> None:
    """Delete a status that no ticket has; raises ValidationError for the built-in ones and for one in use."""
    by.require("tickets.configure")
    row = Status.objects.select_for_update().get(pk=status.pk)
    if row.pk in BUILT_IN:
        raise ValidationError(_("This status is built in: rename it instead."))
    if Ticket.objects.filter(status=row).exists():
        raise ValidationError(_("Tickets have this status. Take it out of use instead."))
    refuse_while_asked_for("status", row.pk, by=by)
    STATUS_DELETED.record(by=by, subject_id=0, detail={"key": row.pk, "name": row.name})
    row.delete()
