"""Starts playbooks when their trigger's events arrive."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.models import Account
from people.viewer import system_viewer
from success.registry import playbook_triggers
from success.services.close_cleared_ctas import close_cleared_ctas
from success.services.start_playbooks import start_playbooks


class PlaybookTriggers(Subscriber):
    """Enrols accounts, adds evidence to their open CTAs, closes CTAs whose cause has cleared.

    Not replayable: an old fall must not start a playbook today.
    """

    key = "success.playbook_triggers"
    label = _("Start playbooks")
    replayable = False

    @property
    def verbs(self) -> frozenset[str]:  # type: ignore[override]
        """The verbs of all triggers; read when asked, since triggers are discovered after subscribers."""
        return frozenset().union(*(trigger.verbs for trigger in playbook_triggers))

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Handle each event for its account."""
        by = system_viewer("subscriber")
        concerned = {event.pk: _accounts_of(event) for event in events}
        accounts = Account.objects.in_bulk({pk for found in concerned.values() for pk in found})
        for event in events:
            for pk in sorted(concerned[event.pk]):
                account = accounts.get(pk)
                if account is not None:
                    start_playbooks(event=event, account=account, by=by)
                    close_cleared_ctas(by=by, account_id=account.pk)


def _accounts_of(event: Event) -> set[int]:
    """Every account that a trigger of the event's kind sees in it."""
    asked = (trigger for trigger in playbook_triggers if event.verb in trigger.verbs)
    return {pk for trigger in asked for pk in trigger.accounts_of(event)}
