"""Keeps the history of stages when the lifecycle of an account is changed: by hand, by a contract, by an import."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.events import ACCOUNT_CHANGED, ACCOUNT_CREATED, REVENUE_MOVED
from customers.models import StageStay
from customers.services.move_stage import follow_lifecycle
from people.viewer import system_viewer


class StagesOfAccounts(Subscriber):
    """Compares the history with the account as it is now, so that a replay or a lost event heals itself."""

    key = "customers.stages"
    label = _("Stages of accounts")
    verbs = frozenset({ACCOUNT_CREATED.verb, ACCOUNT_CHANGED.verb, REVENUE_MOVED.verb})

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Look at the accounts of the events; who changed one is a person unless nobody was there."""
        causes = {
            event.account_id: StageStay.Cause.PERSON if event.actor_kind == "staff" else StageStay.Cause.DATA
            for event in events
            if event.account_id is not None
        }
        if causes:
            follow_lifecycle(by=system_viewer("subscriber"), account_ids=set(causes), causes=causes)
