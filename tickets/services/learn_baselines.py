"""Learn the trivial forecasts anew from what came of the tickets of the past."""

from datetime import datetime, timedelta

from django.utils import timezone

from core.models import Setting
from tickets.forecasts.baselines import SETTING, MedianByState, RateByState, stored_baselines
from tickets.forecasts.observations import horizon_of, promise_outcomes, remaining_times

DAY = timedelta(hours=24)
# While too little is known it may be enough an hour later.
SOON = timedelta(hours=1)


def learn_baselines(*, now: datetime | None = None) -> None:
    """Read the newest tickets and store what they say; telemetry, no event."""
    moment = now or timezone.now()
    times = MedianByState.learn((one.state.status, one.label) for one in remaining_times(moment))
    rates = RateByState.learn(
        (one.state.status, one.used_share, int(one.label)) for one in promise_outcomes(moment)
    )
    value = {
        "at": moment.isoformat(),
        "horizon_hours": horizon_of(moment).total_seconds() / 3600,
        "remaining_time": None if times is None else times.to_json(),
        "sla_breach": None if rates is None else rates.to_json(),
    }
    Setting.objects.update_or_create(pk=SETTING, defaults={"value": value})


def learn_due_baselines(*, now: datetime | None = None) -> bool:
    """Learn when a day has passed, or an hour while something is still unknown; returns whether it did."""
    moment, known = now or timezone.now(), stored_baselines()
    if known:
        complete = known["remaining_time"] is not None and known["sla_breach"] is not None
        if moment - datetime.fromisoformat(known["at"]) < (DAY if complete else SOON):
            return False
    learn_baselines(now=moment)
    return True
