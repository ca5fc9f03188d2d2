"""Calls the webhook of an SLA step: JSON, signed as Standard Webhooks has it, only to public addresses."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from core import guarded_http
from core.models import Outbound
from core.outbox import PermanentFailure, Sender, TemporaryFailure, Withheld
from core.webhook_signatures import signed_headers
from tickets.models import SLAStepRun
from tickets.webhook_keys import signing_key

# What a receiver may answer when it only wants the same thing later.
_LATER = frozenset({408, 425, 429})


class SLAWebhookSender(Sender):
    """Posts the run of a step; the ``webhook-id`` stays the same when it is sent again."""

    key = "tickets.sla_webhook"
    label: ClassVar[str] = gettext_noop("Webhook of an SLA policy")

    def prepare(self, outbound: Outbound) -> Any:
        """Return (address, body, headers)."""
        run = (
            SLAStepRun.objects.filter(pk=outbound.payload["run"])
            .select_related("step__policy", "ticket")
            .first()
        )
        if run is None:
            raise Withheld("the step or the ticket does not exist any more")
        body = json.dumps(_body(run), separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "CS-Ops-Webhook/1",
            **signed_headers(
                key=signing_key(run.step.signing_token),
                message_id=f"sla_{run.pk}",
                at=timezone.now(),
                body=body,
            ),
        }
        return run.step.url, body, headers

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Post it; any 2xx is success, a redirect is a failure."""
        url, body, headers = prepared
        try:
            answer = guarded_http.call(url, body=body, headers=headers)
        except guarded_http.RefusedAddress as error:
            raise PermanentFailure(str(error)) from error
        except guarded_http.CallFailed as error:
            raise TemporaryFailure(str(error)) from error
        if 200 <= answer.status < 300:
            return str(headers["webhook-id"])
        text = f"the receiver answered {answer.status}"
        if answer.status >= 500 or answer.status in _LATER:
            raise TemporaryFailure(text)
        raise PermanentFailure(text)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Sent again rather than asked about: the receiver knows a repetition by its id."""
        return False

    def settled(self, outbound: Outbound) -> None:
        """Write on the run what came of it."""
        outcome = "sent" if outbound.state == Outbound.State.SENT else outbound.last_error
        SLAStepRun.objects.filter(pk=outbound.payload["run"]).update(outcome=outcome[:120])


def _body(run: SLAStepRun) -> dict[str, Any]:
    ticket = run.ticket
    return {
        "type": "ticket.sla_step",
        "timestamp": run.ran_at.isoformat(),
        "data": {
            "ticket": {
                "id": ticket.pk,
                "number": ticket.number,
                "subject": ticket.subject,
                "priority": ticket.priority,
                "status": ticket.status_id,
                "account": ticket.account_id,
                "assignee": ticket.assignee_id,
                "team": ticket.team_id,
                "url": f"{settings.SITE_URL}/inbox/{ticket.pk}/",
            },
            "policy": run.step.policy.name,
            "promise": run.promise,
            "due_at": run.due_at.isoformat(),
        },
    }
