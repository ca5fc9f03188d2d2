"""Forecast open tickets: computed outside transactions, written in a short one. Queue ml; web processes only read."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, log
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from ml.models import Prediction
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.serving.answers import Answer, Item
from ml.serving.door import predict
from ml.tabular import TabularPrediction
from tickets.forecasts.baselines import stored_baselines
from tickets.forecasts.features import features_of, states_at
from tickets.histories import TicketState
from tickets.models import Ticket, TicketForecast
from tickets.open_promise import OpenPromise, PromiseTerms, next_promise
from tickets.ticket_facts import SUBJECT_KIND

REMAINING_TIME, SLA_BREACH = "remaining_time", "sla_breach"
BATCH = 100
# A forecast is made again after so long although nothing happened: time itself says something.
STALE = timedelta(minutes=15)
REASONS = 3
LEAST_POINTS = 0.02
# Smaller moves of the probability do not write the ticket's row anew.
STEP = 0.02
HOUR = 3600
_WRITTEN = [field.name for field in TicketForecast._meta.concrete_fields if not field.primary_key]


def forecast_tickets(*, ticket_ids: Sequence[int], now: datetime | None = None) -> int:
    """Make and store the forecasts of these tickets (at most a few hundred); those that are over lose theirs. Returns how many
    were made. Telemetry: no event."""
    moment = now or timezone.now()
    states = states_at(ticket_ids, moment)
    features = features_of(states)
    terms = PromiseTerms()
    promises = {
        pk: promise for pk, state in states.items() if (promise := next_promise(state, terms)) is not None
    }
    ids = sorted(states)
    times = dict(zip(ids, predict(REMAINING_TIME, [Item(features[pk], pk) for pk in ids]), strict=True))
    risky = sorted(promises)
    risks = dict(zip(risky, predict(SLA_BREACH, [Item(features[pk], pk) for pk in risky]), strict=True))
    longest = int(float(stored_baselines().get("horizon_hours", 0)) * HOUR)
    rows = [_row(states[pk], times[pk], risks.get(pk), promises.get(pk), longest, moment) for pk in ids]
    _store(rows, [pk for pk in ticket_ids if pk not in states])
    _record(risks, features)
    return len(rows)


def forecast_stale_tickets(*, until: datetime, now: datetime | None = None) -> int:
    """Forecast open tickets without a forecast or with an old one, the oldest first, until the time is up."""
    made = 0
    while timezone.now() < until:
        moment = now or timezone.now()
        ids = list(
            Ticket.objects.active()
            .filter(Q(forecast=None) | Q(forecast__made_at__lt=moment - STALE))
            .order_by(F("forecast__made_at").asc(nulls_first=True), "pk")
            .values_list("pk", flat=True)[:BATCH]
        )
        if not ids or not forecast_tickets(ticket_ids=ids, now=moment):
            break
        made += len(ids)
    return made


def _row(
    state: TicketState,
    time: Answer,
    risk: Answer | None,
    promise: OpenPromise | None,
    longest: int,
    now: datetime,
) -> TicketForecast:
    row = TicketForecast(ticket_id=state.ticket_id, longest_seconds=longest, made_at=now)
    if time.value is not None:
        row.median_seconds = int(time.value.median_hours * HOUR)
        row.likely_seconds = int(time.value.likely_hours * HOUR)
        row.time_source = time.served.source[:64]
    if risk is not None and promise is not None and risk.value is not None:
        row.breach_probability = round(risk.value.probability, 4)
        row.breach_about = promise.about
        row.breach_due_at = promise.due_at
        row.breach_source = risk.served.source[:64]
        row.breach_reasons = _reasons(risk.value)
    return row


def _reasons(said: TabularPrediction) -> list[list[Any]]:
    """The features that raise the probability most: what it loses when they are set back to the average."""
    whole = log(max(said.probability, 1e-9) / max(1 - said.probability, 1e-9))
    moved = [
        (part.feature, part.value, said.probability - 1 / (1 + exp(-(whole - part.log_odds))))
        for part in said.contributions
    ]
    raised = sorted((one for one in moved if one[2] >= LEAST_POINTS), key=lambda one: -one[2])
    return [[feature, value, round(points, 4)] for feature, value, points in raised[:REASONS]]


@transaction.atomic
def _store(rows: Sequence[TicketForecast], over: Sequence[int]) -> None:
    TicketForecast.objects.filter(ticket_id__in=over).delete()
    Ticket.objects.filter(pk__in=over, breach_probability__gt=0).update(breach_probability=0.0)
    # Whoever has gone since the features were read has no forecast.
    there = set(Ticket.objects.filter(pk__in=[row.ticket_id for row in rows]).values_list("pk", flat=True))
    kept = [row for row in rows if row.ticket_id in there]
    TicketForecast.objects.bulk_create(
        kept, update_conflicts=True, unique_fields=["ticket"], update_fields=_WRITTEN
    )
    shown = dict(Ticket.objects.filter(pk__in=there).values_list("pk", "breach_probability"))
    for row in kept:
        risk = row.breach_probability or 0.0
        if abs(shown[row.ticket_id] - risk) >= STEP or (risk == 0) != (shown[row.ticket_id] == 0):
            Ticket.objects.filter(pk=row.ticket_id).update(breach_probability=risk)


def _record(risks: Mapping[int, Answer], features: Mapping[int, Mapping[str, Any]]) -> None:
    """Store the first forecast of each ticket as a prediction: drift is watched by its features, at the same stage of each."""
    known = set(
        Prediction.objects.filter(
            task=SLA_BREACH, subject_kind=SUBJECT_KIND, subject_id__in=list(risks)
        ).values_list("subject_id", flat=True)
    )
    for pk, answer in sorted(risks.items()):
        if pk in known or answer.value is None:
            continue
        probability = float(answer.value.probability)
        record_predictions(
            task=SLA_BREACH,
            subject_kind=SUBJECT_KIND,
            served=answer.served,
            predictions=[
                SubjectPrediction(
                    pk,
                    "1" if probability >= 0.5 else "0",
                    max(probability, 1 - probability),
                    facts={name: value for name, value in features[pk].items() if value is not None},
                )
            ],
        )
