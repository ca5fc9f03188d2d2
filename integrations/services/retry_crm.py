"""Have records of a CRM tried again, and accept gaps that are meant to be."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.events import CRM_GAPS_ACCEPTED, CRM_RETRIED
from integrations.models import CrmConnection, CrmGap, CrmLink, CrmRecord
from integrations.services.sync_crm import start_crm_sync
from people.viewer import Viewer

_AGAIN = (CrmRecord.State.FAILED, CrmRecord.State.UNMATCHED, CrmRecord.State.LEFT)


@transaction.atomic
def retry_crm_records(
    *, connection: CrmConnection, by: Viewer, ids: Collection[int] | None = None, state: str = ""
) -> int:
    """Let records that were not applied wait again, and what was refused there be sent again; then start a pass.

    ``ids`` are those of records; without them all that failed, or all in ``state``. Returns how many.
    """
    by.require("crm.manage")
    rows = CrmRecord.objects.filter(connection=connection, state__in=_AGAIN)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    else:
        rows = rows.filter(state=state or CrmRecord.State.FAILED)
    count = rows.update(state=CrmRecord.State.WAITING, error="")
    if ids is None and not state:
        count += (
            CrmLink.objects.filter(connection=connection)
            .exclude(push_error="")
            .update(push_version=F("push_version") + 1, push_error="")
        )
    if count:
        CRM_RETRIED.record(
            by=by, subject_id=connection.pk, detail={"name": connection.name, "records": count}
        )
    start_crm_sync(connection=connection, by=by)
    return count


@transaction.atomic
def accept_crm_gaps(
    *, connection: CrmConnection, because: str, by: Viewer, ids: Collection[int] | None = None, kind: str = ""
) -> int:
    """Accept gaps, so that they spoil no proof any more: those with ``ids``, or all of a kind. Returns how many.

    A gap whose fields differ otherwise later is open again. Raises ValidationError without a reason.
    """
    by.require("crm.manage")
    if not because.strip():
        raise ValidationError({"because": _("Say why this is right as it is.")})
    rows = CrmGap.objects.filter(connection=connection, accepted_at=None)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    elif kind in CrmGap.Kind.values:
        rows = rows.filter(kind=kind)
    else:
        raise ValidationError({"kind": _("Choose which gaps.")})
    now = timezone.now()
    count = rows.update(accepted_at=now, accepted_by_id=by.user_id, accepted_because=because.strip()[:200])
    is_left = CrmGap.objects.filter(connection=connection, accepted_at=None).exists()
    if count:
        CRM_GAPS_ACCEPTED.record(
            by=by,
            subject_id=connection.pk,
            detail={"name": connection.name, "gaps": count, "kind": kind, "because": because.strip()[:200]},
        )
    if not is_left and connection.last_check_at is not None:
        CrmConnection.objects.filter(pk=connection.pk, proven_at=None).update(
            proven_at=connection.last_check_at
        )
    return count
