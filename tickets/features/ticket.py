"""What is known about a ticket at a moment: its state, its conversation, and the promise that comes due next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ml.features.views import FeatureView, Point, Value, feature
from tickets.histories import TicketState, read_histories
from tickets.models import Ticket
from tickets.open_promise import OpenPromise, PromiseTerms, next_promise

HOUR = 3600.0


@dataclass(frozen=True)
class Seen:
    """A ticket with the promise that comes due next."""

    state: TicketState
    promise: OpenPromise | None

    @property
    def available_at(self) -> datetime:
        """When the newest event behind it was recorded."""
        return self.state.available_at


class TicketFeatures(FeatureView):
    """Computed from the event log as of any moment; nothing is kept."""

    key = "ticket"
    entity = "ticket"
    owner = "tickets"
    sources = ("core.Event", "tickets.SLAPolicyVersion")

    def example(self) -> int | None:
        """The newest ticket."""
        return Ticket.objects.order_by("-pk").values_list("pk", flat=True).first()

    def states(self, points: Sequence[Point]) -> Sequence[Seen | None]:
        """Read each history once, however many moments are asked about."""
        histories = read_histories({point.id for point in points})
        terms = PromiseTerms() if points else None
        found: list[Seen | None] = []
        for point in points:
            history = histories.get(point.id)
            state = history.at(point.at) if history is not None else None
            found.append(Seen(state, next_promise(state, terms)) if state is not None and terms else None)
        return found

    @feature(dtype="word", description=_("Kind of status"))
    def status(self, seen: Seen) -> Value:
        """new, open, waiting, on_hold, resolved, closed."""
        return seen.state.status

    @feature(dtype="number", description=_("Hours since it was opened"))
    def age_hours(self, seen: Seen) -> Value:
        """By the calendar."""
        return _hours(seen.state.opened_at, seen.state.at)

    @feature(dtype="number", description=_("Hours in this status"))
    def status_hours(self, seen: Seen) -> Value:
        """By the calendar."""
        return _hours(seen.state.status_since, seen.state.at)

    @feature(dtype="word", description=_("Priority"))
    def priority(self, seen: Seen) -> Value:
        """low, normal, high, urgent."""
        return seen.state.priority

    @feature(dtype="word", description=_("Category, by its id"))
    def category(self, seen: Seen) -> Value:
        """The id says nothing by size."""
        return None if seen.state.category_id is None else f"c{seen.state.category_id}"

    @feature(dtype="word", description=_("Team, by its id"))
    def team(self, seen: Seen) -> Value:
        """The id says nothing by size."""
        return None if seen.state.team_id is None else f"t{seen.state.team_id}"

    @feature(dtype="word", description=_("Channel it was opened through"))
    def channel(self, seen: Seen) -> Value:
        """The key of the channel."""
        return seen.state.channel

    @feature(dtype="number", description=_("Messages of the customer"))
    def inbound(self, seen: Seen) -> Value:
        """Without automatic ones."""
        return seen.state.inbound

    @feature(dtype="number", description=_("Answers of ours"))
    def outbound(self, seen: Seen) -> Value:
        """Without automatic ones and those that were taken back."""
        return seen.state.outbound

    @feature(dtype="number", description=_("How often it was assigned"))
    def assignments(self, seen: Seen) -> Value:
        """The first one counts."""
        return seen.state.assignments

    @feature(dtype="number", description=_("How often it was reopened"))
    def reopens(self, seen: Seen) -> Value:
        """After a solution."""
        return seen.state.reopens

    @feature(dtype="flag", description=_("Has an assignee"))
    def assigned(self, seen: Seen) -> Value:
        """At the moment."""
        return seen.state.assignee_id is not None

    @feature(dtype="number", description=_("Hours that the customer has waited for an answer"))
    def waiting_hours(self, seen: Seen) -> Value:
        """0 when it is the customer's turn."""
        since = seen.state.waiting.since
        return 0.0 if since is None else _hours(since, seen.state.at)

    @feature(dtype="number", description=_("Hours since the last message"))
    def quiet_hours(self, seen: Seen) -> Value:
        """Of either side; None without one."""
        last = seen.state.last_message_at
        return None if last is None else _hours(last, seen.state.at)

    @feature(dtype="number", description=_("Hour of the day"))
    def hour(self, seen: Seen) -> Value:
        """In the time zone of the installation."""
        return timezone.localtime(seen.state.at, timezone.get_default_timezone()).hour

    @feature(dtype="number", description=_("Day of the week, Monday is 0"))
    def weekday(self, seen: Seen) -> Value:
        """In the time zone of the installation."""
        return timezone.localtime(seen.state.at, timezone.get_default_timezone()).weekday()

    @feature(dtype="word", description=_("What the next deadline is about"))
    def promise(self, seen: Seen) -> Value:
        """first_response, next_response, resolution."""
        return seen.promise.about if seen.promise else None

    @feature(dtype="number", description=_("Business hours left until the next deadline"))
    def promise_hours_left(self, seen: Seen) -> Value:
        """None when nothing is due."""
        return None if seen.promise is None else round(seen.promise.left_seconds / HOUR, 4)

    @feature(dtype="number", description=_("Share of the promised time that is used"))
    def promise_used(self, seen: Seen) -> Value:
        """0..1."""
        return None if seen.promise is None else round(seen.promise.used_share, 4)


def _hours(start: datetime, end: datetime) -> float:
    return round(max(0.0, (end - start).total_seconds()) / HOUR, 4)
