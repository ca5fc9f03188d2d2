"""The promise that comes due next for a ticket, as it stood at a moment: under the terms of then, by what was known then."""

from dataclasses import dataclass
from datetime import datetime

from core.calendars import CalendarError
from tickets.histories import TicketState
from tickets.models import SLAPolicy, SLAPolicyVersion
from tickets.sla import PROMISES, Promise, PromiseName, run_clock
from tickets.sla_terms import promise_of, with_terms
from tickets.sla_versions import promise_under


@dataclass(frozen=True)
class OpenPromise:
    """What has to be done by when; ``left_seconds`` of ``promised_seconds`` business seconds are left, more than 0."""

    about: PromiseName
    due_at: datetime
    left_seconds: float
    promised_seconds: float

    @property
    def used_share(self) -> float:
        """How much of the promised time is used, 0..1."""
        return (
            min(1.0, max(0.0, 1 - self.left_seconds / self.promised_seconds))
            if self.promised_seconds
            else 1.0
        )


class PromiseTerms:
    """The terms of SLA policies through time, read once: two queries, one more for each calendar of former terms."""

    def __init__(self) -> None:
        self._versions: dict[int, list[SLAPolicyVersion]] = {}
        for row in SLAPolicyVersion.objects.order_by("policy_id", "version"):
            self._versions.setdefault(row.policy_id, []).append(row)
        self._policies = {policy.pk: policy for policy in with_terms(SLAPolicy.objects.all())}
        self._known: dict[tuple[int, int, str], Promise | None] = {}

    def promise(self, policy_id: int, priority: str, at: datetime) -> Promise | None:
        """What a policy promised at a moment; before its first kept version that one counts."""
        versions = self._versions.get(policy_id, [])
        then = [row for row in versions if row.saved_at <= at] or versions[:1]
        number = then[-1].version if then else 0
        key = policy_id, number, priority
        if key not in self._known:
            self._known[key] = self._read(policy_id, then[-1] if then else None, priority)
        return self._known[key]

    def _read(self, policy_id: int, version: SLAPolicyVersion | None, priority: str) -> Promise | None:
        policy = self._policies.get(policy_id)
        try:
            if version is None or (policy is not None and version.version == policy.version):
                return promise_of(policy, priority)
            return promise_under(version.terms, priority)
        except CalendarError:
            return None


def next_promise(state: TicketState, terms: PromiseTerms) -> OpenPromise | None:
    """The nearest deadline after the state's moment that asks for an act of ours; None when there is none."""
    if state.sla_policy_id is None or state.sla_off or state.is_over:
        return None
    promise = terms.promise(state.sla_policy_id, state.priority, state.at)
    if promise is None:
        return None
    try:
        clock = run_clock(
            opened_at=state.opened_at, changes=state.changes, promise=promise, waiting=state.waiting
        )
    except CalendarError:
        return None
    dues = {
        "first_response": clock.first_response_due_at if not state.waiting.answered else None,
        "next_response": clock.next_response_due_at,
        "resolution": clock.resolution_due_at,
    }
    coming = [(due, name) for name in PROMISES if (due := dues[name]) is not None and due > state.at]
    if not coming:
        return None
    due, about = min(coming)
    return OpenPromise(
        about, due, promise.hours.seconds_between(state.at, due), float(promise.seconds(about) or 0)
    )
