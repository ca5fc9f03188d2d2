"""Plan an outreach mail: the row, and the outbound row that will ask the gate when it is time to leave."""

from datetime import datetime

from django.db import transaction

from core.models import Event
from core.outbox import enqueue_outbound
from customers.models import Contact
from people.viewer import Viewer
from success.events import OUTREACH_PLANNED
from success.models import Enrolment, Outreach
from success.outreach_mail import message_id_for, sender_mailbox
from success.variables import fill, values_for

KIND = "success.outreach_email"


@transaction.atomic
def plan_outreach(
    *,
    enrolment: Enrolment,
    contact: Contact,
    step_key: str,
    topic: str,
    subject: str,
    body: str,
    expires_at: datetime,
    now: datetime,
    by: Viewer,
    cause: Event | None = None,
) -> Outreach:
    """Write the mail with its variables filled in, once per (enrolment, step, contact). Needs ``success.act``."""
    by.require("success.act")
    values = values_for(contact, enrolment.account)
    outreach, created = Outreach.objects.get_or_create(
        enrolment=enrolment,
        step_key=step_key,
        contact=contact,
        defaults={
            "account": enrolment.account,
            "topic": topic,
            "subject": fill(subject, values)[:200],
            "body": fill(body, values),
            "created_at": now,
            "expires_at": expires_at,
        },
    )
    if not created:
        return outreach
    outreach.message_id = message_id_for(outreach, sender_mailbox(outreach).address.rpartition("@")[2])
    outreach.save(update_fields=["message_id"])
    enqueue_outbound(
        kind=KIND,
        idempotency_key=f"{KIND}:{outreach.pk}",
        payload={"outreach": outreach.pk},
        account_id=outreach.account_id,
    )
    OUTREACH_PLANNED.record(
        by=by,
        subject_id=outreach.pk,
        account_id=outreach.account_id,
        detail={"subject": outreach.subject, "to": contact.name},
        cause=cause,
    )
    return outreach
