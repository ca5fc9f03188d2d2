"""The features of tickets now: the same join that training uses."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from ml.features.join import features_as_of
from ml.features.views import Value
from tickets.forecasts.observations import USED, ask_of
from tickets.histories import TicketState, read_histories


def states_at(ticket_ids: Sequence[int], now: datetime) -> dict[int, TicketState]:
    """The states of those tickets that are there and not over."""
    states = {pk: history.at(now) for pk, history in read_histories(ticket_ids).items()}
    return {pk: state for pk, state in states.items() if state is not None and not state.is_over}


def features_of(states: Mapping[int, TicketState]) -> dict[int, Mapping[str, Value]]:
    """The features of tickets in these states."""
    ids = sorted(states)
    rows = features_as_of(USED, [ask_of(states[pk]) for pk in ids])
    return {pk: row.values for pk, row in zip(ids, rows, strict=True)}


def features_now(ticket_ids: Sequence[int]) -> dict[int, Mapping[str, Value]]:
    """The features of open tickets at this moment."""
    return features_of(states_at(ticket_ids, timezone.now()))
