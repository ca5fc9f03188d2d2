"""Try a mail again that was set aside, on a person's word."""

from django.db import transaction

from people.viewer import Viewer
from tickets.channels.email.events import MAIL_RETRIED
from tickets.channels.email.services.process_mail import process_mail
from tickets.models import MailLedger

RETRYABLE = (
    MailLedger.State.QUARANTINED,
    MailLedger.State.SPAM,
    MailLedger.State.AUTO_REPLY,
    MailLedger.State.BOUNCE,
)


def retry_mail(*, ledger: MailLedger, by: Viewer) -> MailLedger:
    """Process a mail again and return its row in its new final state.

    A quarantined mail is parsed and judged afresh. Spam, an automatic reply or a bounce is taken for a person's mail:
    somebody has looked and disagrees. A mail in any other state is left as it is. Raises PermissionDenied, and
    MailLedger.DoesNotExist for a mail that the viewer does not see.
    """
    by.require("tickets.edit")
    with transaction.atomic():
        row = MailLedger.objects.visible_to(by).select_for_update(of=("self",)).get(pk=ledger.pk)
        if row.state not in RETRYABLE:
            return row
        accept = row.state != MailLedger.State.QUARANTINED
        MailLedger.objects.filter(pk=row.pk).update(
            state=MailLedger.State.RECEIVED,
            attempts=0,
            database_failures=0,
            database_failed_at=None,
            leased_until=None,
            processed_at=None,
        )
        MAIL_RETRIED.record(by=by, subject_id=row.pk, detail={"from_state": row.state, "error": row.error})
    return process_mail(ledger_id=row.pk, accept=accept)
