"""Ask the send gate about one outreach mail and write its verdict down."""

from datetime import datetime

from django.db import transaction

from customers.models import Account
from success.gate import Decision, Verdict, decide
from success.gate_facts import gate_facts
from success.models import Outreach, SendDecision


def pass_gate(*, outreach_id: int, now: datetime) -> Decision:
    """Return the gate's verdict; it is stored in the same transaction.

    The account's row is locked meanwhile and a stored SEND counts against the caps at once, so two workers cannot both
    pass for the last free place. Asking again after a SEND that has not left yet adds no second row.
    """
    with transaction.atomic():
        account_id = Outreach.objects.values_list("account_id", flat=True).get(pk=outreach_id)
        Account.objects.select_for_update().get(pk=account_id)
        outreach = Outreach.objects.select_related(
            "contact", "account__csm", "enrolment__playbook", "enrolment__account"
        ).get(pk=outreach_id)
        decision = decide(gate_facts(outreach, now))
        latest = outreach.decisions.order_by("-pk").first()
        if decision.verdict is not Verdict.SEND or latest is None or latest.verdict != Verdict.SEND:
            SendDecision.objects.create(
                outreach=outreach,
                verdict=decision.verdict.value,
                gate=decision.gate.value,
                detail=decision.detail[:300],
                until=decision.until,
                decided_at=now,
            )
    return decision
