"""When an enrolment must stop: asked before every step and again when its mail is about to leave."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from customers.models import Account
from success.models import CTA, Enrolment
from success.registry import playbook_triggers

MAX_AGE = timedelta(days=60)
# Who closes a task of the playbook like this has settled the matter: no mail may come after.
SETTLED = (CTA.Outcome.SAVED, CTA.Outcome.NOT_REAL, CTA.Outcome.UNSAVABLE)


def exit_reason(enrolment: Enrolment, now: datetime) -> str:
    """Return why the enrolment must not go on, or "" while it may. Needs ``playbook`` and ``account`` loaded."""
    playbook, account = enrolment.playbook, enrolment.account
    if account.lifecycle == Account.Lifecycle.CHURNED or account.churned_on is not None:
        return _("The account is no longer a customer.")
    if enrolment.state == Enrolment.State.EXITED:
        return enrolment.exit_reason or _("The account has left the playbook.")
    if enrolment.state == Enrolment.State.CONTROL:
        return _("The account is in the control group.")
    if not playbook.is_active:
        return _("The playbook is switched off.")
    if now - enrolment.entered_at > MAX_AGE:
        return _("The account entered more than 60 days ago.")
    trigger = enrolment.evidence.get("trigger", "")
    if trigger in playbook_triggers and playbook_triggers.get(trigger).has_cleared(
        account, playbook.trigger_config, [enrolment.evidence]
    ):
        return _("The cause has cleared.")
    decided = enrolment.ctas.filter(outcome__in=SETTLED).first()
    if decided is not None:
        return _("The task was closed: %(outcome)s.") % {"outcome": decided.get_outcome_display()}
    return ""
