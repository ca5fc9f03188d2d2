"""Ask, by mail, whether who wrote has the address."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.outbox import enqueue_outbound
from people.viewer import Viewer
from tickets.events import SUBMISSION_MAILED
from tickets.models import FormSubmission

SENDER = "tickets.form_confirmation"
MOST_MAILS = 5


def mail_confirmation(submission: FormSubmission) -> None:
    """Put the mail into the outbox, in the caller's transaction; each call is one mail more."""
    FormSubmission.objects.filter(pk=submission.pk).update(mails=F("mails") + 1)
    submission.refresh_from_db(fields=["mails"])
    enqueue_outbound(
        kind=SENDER,
        idempotency_key=f"form-confirmation:{submission.pk}:{submission.mails}",
        payload={"submission": submission.pk},
    )


@transaction.atomic
def mail_again(*, submission: FormSubmission, by: Viewer) -> bool:
    """Send the mail once more, on a person's word; returns whether the submission waits for it and may have another."""
    require_decision(by)
    row = FormSubmission.objects.select_for_update(of=("self",)).get(pk=submission.pk)
    over = row.state != FormSubmission.State.WAITING or row.expires_at <= timezone.now()
    if over or row.mails >= MOST_MAILS:
        return False
    mail_confirmation(row)
    SUBMISSION_MAILED.record(by=by, subject_id=row.pk, detail={"inbox": row.inbox_id})
    return True


def require_decision(by: Viewer) -> None:
    """Raise PermissionDenied unless the viewer may decide about submissions: who retries what failed, and who sets forms up, when
    they may read what customers write."""
    by.require("tickets.view")
    if not by.can("tickets.configure"):
        by.require("operations.retry")
