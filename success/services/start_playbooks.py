"""Start every active playbook whose trigger answers to an event."""

from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Event
from customers.models import Account
from people.viewer import Viewer
from success.events import ENROLMENT_SKIPPED
from success.models import CTA, Enrolment, Playbook
from success.registry import Occasion, PlaybookTrigger, playbook_triggers
from success.services.enrol_account import EnrolmentRefused, enrol_account
from success.services.open_cta import open_cta


@transaction.atomic
def start_playbooks(*, event: Event, account: Account, by: Viewer) -> list[Enrolment]:
    """Enrol the event's account in each playbook that wants it; record why for each that wanted it and could not.

    A refused occasion still adds its evidence to the playbook's open CTA, so that no signal is lost.
    """
    keys = [trigger.key for trigger in playbook_triggers if event.verb in trigger.verbs]
    started = []
    for playbook in Playbook.objects.filter(trigger__in=keys, is_active=True).order_by("pk"):
        trigger = playbook_triggers.get(playbook.trigger)
        occasion = trigger.occasion(event, playbook.trigger_config)
        if occasion is None:
            continue
        try:
            started.append(_enrol(playbook, trigger, account, occasion, event, by))
        except EnrolmentRefused as refused:
            ENROLMENT_SKIPPED.record(
                by=by,
                subject_id=playbook.pk,
                account_id=account.pk,
                detail={"playbook": playbook.name, "reason": str(refused), "occasion": occasion.reason},
                cause=event,
            )
            _add_evidence(playbook, account, occasion, event, by)
    return started


def _enrol(
    playbook: Playbook,
    trigger: PlaybookTrigger,
    account: Account,
    occasion: Occasion,
    event: Event,
    by: Viewer,
) -> Enrolment:
    last = playbook.enrolments.filter(account=account).order_by("-entered_at").first()
    if last is not None and not trigger.is_rearmed(account, last.entered_at, playbook.trigger_config):
        raise EnrolmentRefused(_("The account has not recovered since it entered the last time."))
    return enrol_account(
        playbook=playbook,
        account=account,
        by=by,
        reason=occasion.reason,
        evidence={**occasion.evidence, "trigger": trigger.key},
        cause=event,
    )


def _add_evidence(playbook: Playbook, account: Account, occasion: Occasion, event: Event, by: Viewer) -> None:
    reason_key = f"playbook:{playbook.key}"
    for cta in CTA.objects.open().filter(account=account, reason_key=reason_key):
        open_cta(
            account=account,
            by=by,
            title=cta.title,
            kind=cta.kind,
            reason=occasion.reason,
            reason_key=reason_key,
            evidence=occasion.evidence,
            cause=event,
        )
