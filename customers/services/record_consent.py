"""Record what a contact said yes or no to."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import CONSENT_RECORDED
from customers.models import ConsentEvent, Contact
from people.viewer import Viewer


@transaction.atomic
def record_consent(
    *,
    contact: Contact,
    status: str,
    source: str,
    by: Viewer,
    channel: str = "email",
    topic: str = "success",
    basis: str = "",
) -> ConsentEvent:
    """Append one row to the consent ledger; repeating what holds already appends nothing.

    Staff need ``customers.edit``; a contact may speak for itself; the system records bounces and complaints.
    """
    if not (by.can("customers.edit") or by.contact_id == contact.pk):
        raise PermissionDenied(_("You may not record consent for this contact."))
    held = ConsentEvent.objects.filter(contact=contact, channel=channel, topic=topic).order_by("-pk").first()
    if held is not None and held.status == status:
        return held
    row = ConsentEvent(
        contact=contact,
        channel=channel,
        topic=topic,
        status=status,
        basis=basis,
        source=source,
        at=timezone.now(),
    )
    row.full_clean()
    row.save()
    CONSENT_RECORDED.record(
        by=by,
        subject_id=contact.pk,
        account_id=contact.account_id,
        detail={"channel": channel, "topic": topic, "status": status, "source": source},
    )
    return row
