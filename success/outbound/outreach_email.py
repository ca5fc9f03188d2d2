"""Sends outreach mail: asks the gate at the moment of sending, then hands the mail over as answers are."""

from typing import Any, ClassVar

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
from tickets.channels.email.services.send_mail import ReadyMail, hand_over, has_arrived, make_ready

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

    def prepare(self, outbound: Outbound) -> ReadyMail:
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
            mail = build_outreach_mail(outreach, now)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=None)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server in the same way as an agent's answer."""
        return hand_over(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Whether the mail is in the file outbox, where it has gone there."""
        outreach = _outreach(outbound)
        return None if outreach is None else has_arrived(outreach.message_id, inbox=None)

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
