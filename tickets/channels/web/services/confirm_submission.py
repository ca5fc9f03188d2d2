"""Go on with a submission: its address was confirmed, or a colleague decided."""

from django.db import transaction
from django.utils import timezone

from core import nudge
from people.viewer import Viewer, system_viewer
from tickets.channels.web.form import SOURCE
from tickets.channels.web.form_tokens import submission_of
from tickets.channels.web.services.mail_confirmation import require_decision
from tickets.channels.web.services.submit_form import KEPT_REFUSED, TASK
from tickets.events import FORM_CONFIRMED, SUBMISSION_ACCEPTED, SUBMISSION_REFUSED
from tickets.models import FormSubmission

State = FormSubmission.State
Proof = FormSubmission.Proof
# What a person may still decide about.
OPEN = (State.WAITING, State.SPAM, State.FAILED)


@transaction.atomic
def confirm_submission(*, token: str) -> FormSubmission | None:
    """Confirm the address of the link with this token, once; the submission as it is then, None for no link of ours.

    One that has expired, or that a colleague has refused, stays as it is.
    """
    known = submission_of(token)
    if known is None:
        return None
    row = FormSubmission.objects.select_for_update(of=("self",)).get(pk=known.pk)
    if row.state == State.WAITING and row.expires_at > timezone.now():
        _go_on(row, Proof.LINK)
        FORM_CONFIRMED.record(by=system_viewer(SOURCE), subject_id=row.pk, detail={"inbox": row.inbox_id})
    return row


@transaction.atomic
def accept_submission(*, submission: FormSubmission, by: Viewer) -> bool:
    """Let a submission in without confirmation, out of the spam, or once more after a failure; whether that was possible."""
    require_decision(by)
    row = FormSubmission.objects.select_for_update(of=("self",)).get(pk=submission.pk)
    if row.state not in OPEN or not row.values:
        return False
    _go_on(row, Proof(row.proof) if row.state == State.FAILED else Proof.STAFF)
    SUBMISSION_ACCEPTED.record(by=by, subject_id=row.pk, detail={"inbox": row.inbox_id})
    return True


@transaction.atomic
def refuse_submission(*, submission: FormSubmission, by: Viewer) -> bool:
    """Let a submission never become a ticket; what was written is erased after 30 days. Whether that was possible."""
    require_decision(by)
    row = FormSubmission.objects.select_for_update(of=("self",)).get(pk=submission.pk)
    if row.state not in OPEN:
        return False
    now = timezone.now()
    row.state, row.ended_at, row.expires_at = State.REFUSED, now, now + KEPT_REFUSED
    row.save(update_fields=["state", "ended_at", "expires_at"])
    SUBMISSION_REFUSED.record(by=by, subject_id=row.pk, detail={"inbox": row.inbox_id})
    return True


def _go_on(row: FormSubmission, proof: Proof) -> None:
    now = timezone.now()
    row.state, row.proof, row.confirmed_at = State.CONFIRMED, proof, now
    row.error, row.attempts, row.next_try_at = "", 0, now
    row.save(update_fields=["state", "proof", "confirmed_at", "error", "attempts", "next_try_at"])
    nudge.task_after_commit(TASK, queue="channels")
