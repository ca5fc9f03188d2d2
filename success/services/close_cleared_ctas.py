"""Close the calls to action of a playbook when the cause that started it has cleared."""

from django.utils.translation import gettext as _

from people.viewer import Viewer
from success.models import CTA
from success.registry import playbook_triggers
from success.services.close_cta import close_cta


def close_cleared_ctas(*, by: Viewer, account_id: int | None = None) -> int:
    """Close open CTAs of triggered enrolments whose trigger says that its cause is gone; returns how many."""
    ctas = CTA.objects.open().exclude(enrolment=None).select_related("account", "enrolment__playbook")
    if account_id is not None:
        ctas = ctas.filter(account_id=account_id)
    closed = 0
    for cta in ctas.order_by("pk")[:500]:
        enrolment = cta.enrolment
        key = enrolment.evidence.get("trigger", "") if enrolment else ""
        if enrolment is None or key not in playbook_triggers:
            continue
        if playbook_triggers.get(key).has_cleared(
            cta.account, enrolment.playbook.trigger_config, cta.evidence
        ):
            note = _("The cause cleared by itself.")
            closed += close_cta(cta=cta, outcome=CTA.Outcome.CLEARED, note=note, by=by)
    return closed
