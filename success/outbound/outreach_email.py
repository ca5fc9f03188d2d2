"""Sends outreach mail: asks the gate at the moment of sending, then hands the mail over as answers are."""

from typing import Any, ClassVar

from django.core.mail import EmailMessage, get_connection
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.models import Outbound
from core.outbox import PermanentFailure, Postponed, Sender, Withheld
from people.viewer import system_viewer
from success.events import OUTREACH_FAILED, OUTREACH_SENT, OUTREACH_WITHHELD
from success.gate import Verdict
from success.models import Outreach
from success.outreach_mail import build_outreach_mail
from success.services.pass_gate import pass_gate
from tickets.channels.email.backends import FileOutboxBackend
from tickets.outbound.email_answer import EmailAnswerSender

_OUTCOMES = {
    Outbound.State.SENT: (Outreach.State.SENT, OUTREACH_SENT),
    Outbound.State.CANCELLED: (Outreach.State.WITHHELD, OUTREACH_WITHHELD),
    Outbound.State.UNCERTAIN: (Outreach.State.UNCERTAIN, OUTREACH_FAILED),
    Outbound.State.FAILED: (Outreach.State.FAILED, OUTREACH_FAILED),
}


class OutreachEmailSender(Sender):
    """Delivers the outreach ``payload["outreach"]``."""

    key = "success.outreach_email"
    label: ClassVar[str | Promise] = _("Outreach e-mail")

    def prepare(self, outbound: Outbound) -> EmailMessage:
        """Ask the gate; build the mail when it may leave now."""
        now = timezone.now()
        outreach = _outreach(outbound)
        if outreach is None or outreach.state != Outreach.State.PLANNED:
            raise Withheld("the outreach is no longer planned")
        decision = pass_gate(outreach_id=outreach.pk, now=now)
        if decision.verdict is Verdict.WITHHOLD:
            raise Withheld(decision.detail)
        if decision.verdict is Verdict.DEFER and decision.until is not None:
            raise Postponed(decision.until, decision.detail)
        try:
            return build_outreach_mail(outreach, now)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server in the same way as an agent's answer."""
        return EmailAnswerSender().send(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """The file outbox can be looked into; of a mail server nobody can tell."""
        connection = get_connection()
        outreach = _outreach(outbound)
        if not isinstance(connection, FileOutboxBackend) or outreach is None:
            return None
        return connection.path_of(outreach.message_id).exists()

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the outreach and record it."""
        outreach = _outreach(outbound)
        if outreach is None:
            return
        state, event_type = _OUTCOMES[Outbound.State(outbound.state)]
        may_have_left = state in (Outreach.State.SENT, Outreach.State.UNCERTAIN)
        outreach.state = state
        outreach.sent_at = timezone.now() if may_have_left else None
        outreach.save(update_fields=["state", "sent_at"])
        event_type.record(
            by=system_viewer("outbox"),
            subject_id=outreach.pk,
            account_id=outreach.account_id,
            detail={"subject": outreach.subject, "to": outreach.contact.name, "reason": outbound.last_error},
        )


def _outreach(outbound: Outbound) -> Outreach | None:
    rows = Outreach.objects.select_related("contact", "account__csm", "enrolment__playbook")
    return rows.filter(pk=outbound.payload["outreach"]).first()
