"""The churn model on the demo world whose true hazard is known: how near it comes to the best that can be known.

    VAR_DIR=/tmp/world python bench/churn_world.py [--accounts 20000] [--seed 7] [--bands 3] [--json]

Uses the world in the database of VAR_DIR (or DATABASE_URL), and seeds one first where there is none. Then, forward in time: every
moment is forecast for all accounts by a model that learned from what had passed by then (of at most 60,000 observations). Prints
the ranking beside two ceilings from the truth - of who knows the truth of the moment, and of a prophet who knows the weeks to
come, too -, the calibration line, shares by horizon, and the observed churn by health band and by band of the probability.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

STARTED = time.perf_counter()
BATCH = 1_000


def say(text: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"{time.perf_counter() - STARTED:7.1f} s  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Seed where needed, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--bands", type=int, default=3, help="moments at which health bands are computed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    import django

    django.setup()
    from django.core.management import call_command

    from customers.models import Account

    seeded = 0.0
    call_command("migrate", verbosity=0)
    if not Account.objects.exists():
        before = time.perf_counter()
        arguments = ["--accounts", str(options.accounts), "--seed", str(options.seed), "--light"]
        call_command("seed_demo", *arguments, stdout=sys.stderr, stderr=sys.stderr)
        seeded = time.perf_counter() - before
    found = measure(options.bands) | {"seed_seconds": round(seeded, 1)}
    found["peak_megabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    show(found)
    if options.json:
        print(json.dumps(found))


def measure(band_moments: int) -> dict[str, Any]:
    """Every figure."""
    import numpy as np
    from django.conf import settings
    from django.utils import timezone

    from cs_ops.demo.ceiling import Truth, best_probabilities
    from customers.models import Account
    from health.churn.observations import GAP, HORIZON, join, observe
    from ml.evaluation.calibration import calibration_line
    from ml.metrics import ranking_figures

    truth = Truth.of(json.loads((settings.VAR_DIR / "demo-truth.json").read_text()))
    before = time.perf_counter()
    table = join([part for part in observe(until=timezone.now().date(), batch=BATCH) if len(part)])
    observed_seconds = time.perf_counter() - before
    say(
        f"{len(table)} observations of {Account.objects.count()} accounts, {table.churned.sum()} before a churn"
    )
    forecasts, train_seconds = forecast(table)
    chosen = np.isin(table.days, sorted(forecasts))
    held = table.take(chosen)
    told, best, prophet = (np.empty(len(held)) for _name in range(3))
    by_period = np.empty((len(held), 3))
    for day, by_day in forecasts.items():
        rows = held.days == day
        by_period[rows], told[rows] = by_day, by_day[:, -1]
        best[rows], prophet[rows] = best_probabilities(
            truth, held.account_ids[rows], day, gap=GAP.days, horizon=HORIZON.days
        )
    outcome = held.churned
    slope, offset = calibration_line(outcome, told)
    true_slope, _offset = calibration_line(outcome, best)
    auc = {
        name: by_moment(held.days, outcome, p)
        for name, p in (("model", told), ("best", best), ("prophet", prophet))
    }
    low, high = slope_interval(held.account_ids, outcome, told)
    return {
        "accounts": Account.objects.count(),
        "observations": len(table),
        "moments": len(forecasts),
        "forecasts": len(held),
        "churn_rate": float(outcome.mean()),
        "auc": auc,
        "auc_gap": auc["best"] - auc["model"],
        "calibration_slope": slope,
        "calibration_slope_95": [low, high],
        "calibration_offset": offset,
        "calibration_slope_of_truth": true_slope,
        "figures": ranking_figures(outcome, told),
        "figures_of_best": ranking_figures(outcome, best),
        "by_horizon": [
            {
                "days": 30 * (number + 1),
                "told": float(by_period[:, number].mean()),
                "seen": float(((held.period > 0) & (held.period <= number + 1)).mean()),
                **ranking_figures(
                    ((held.period > 0) & (held.period <= number + 1)).astype(int), by_period[:, number]
                ),
            }
            for number in range(3)
        ],
        "probability_bands": probability_bands(held.days, outcome, told),
        "health_bands": health_bands(held, sorted(forecasts)[-band_moments:]) if band_moments else {},
        "observe_seconds": round(observed_seconds, 1),
        "train_seconds_each": round(train_seconds, 1),
    }


def forecast(table: Any) -> tuple[dict[int, Any], float]:
    """Probabilities by moment of every account there, and the mean seconds of a training."""
    import numpy as np

    from health.churn.backtest import FOLDS
    from health.churn.features import CLOCKS, names
    from health.churn.observations import PERIODS
    from health.churn.sampling import MOST_OBSERVATIONS
    from ml.tabular import NotEnoughData
    from ml.tabular.hazard import HazardModel

    found: dict[int, Any] = {}
    seconds = []
    for day in sorted(set(table.days.tolist())):
        seen = np.clip((day - table.days - PERIODS.gap) // PERIODS.days, 0, PERIODS.count)
        past = np.flatnonzero(seen > 0)
        if not (seen == PERIODS.count).any():
            continue
        if len(past) > MOST_OBSERVATIONS:
            accounts = np.unique(table.account_ids)[:: -(-len(past) // MOST_OBSERVATIONS)]
            past = past[np.isin(table.account_ids[past], accounts)]
        before, rows = time.perf_counter(), table.take(past)
        try:
            model = HazardModel.train(
                rows.columns, rows.period, seen[past], names(), periods=PERIODS, clocks=CLOCKS,
                groups=rows.account_ids, folds=FOLDS, refits=0,
            )  # fmt: skip
        except NotEnoughData:
            continue
        seconds.append(time.perf_counter() - before)
        present = table.take(table.days == day)
        found[day] = model.by_period(present.columns)
        say(f"{date.fromordinal(day)}: learned {len(past)} rows ({model.learner}), forecast {len(present)}")
    return found, float(np.mean(seconds)) if seconds else 0.0


def by_moment(days: Any, outcome: Any, told: Any) -> float:
    """The mean AUC over the moments by their sizes."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    moments = [day for day in np.unique(days) if 0 < outcome[days == day].sum() < (days == day).sum()]
    areas = [roc_auc_score(outcome[days == day], told[days == day]) for day in moments]
    return float(np.average(areas, weights=[(days == day).sum() for day in moments]))


def slope_interval(accounts: Any, outcome: Any, told: Any, draws: int = 100) -> tuple[float, float]:
    """The slope's 95 % interval over draws of accounts."""
    import numpy as np

    from ml.evaluation.calibration import calibration_line

    unique, owner = np.unique(accounts, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(unique) + 1))
    draw, slopes = np.random.default_rng(0), []
    for _draw in range(draws):
        picked = draw.integers(len(unique), size=len(unique))
        rows = np.concatenate([order[ends[one] : ends[one + 1]] for one in picked])
        slopes.append(calibration_line(outcome[rows], told[rows])[0])
    low, high = np.percentile(slopes, (2.5, 97.5))
    return float(low), float(high)


def probability_bands(days: Any, outcome: Any, told: Any) -> list[dict[str, Any]]:
    """Churn seen by told probability: over three times the mean, under half of it, between."""
    base = float(outcome.mean())
    limits = (
        ("low", told <= 0.5 * base),
        ("middle", (told > 0.5 * base) & (told < 3 * base)),
        ("high", told >= 3 * base),
    )
    return [band(name, outcome[rows]) for name, rows in limits if rows.any()]


def health_bands(held: Any, days: list[int]) -> list[dict[str, Any]]:
    """Churn seen by the band of the health score at the newest moments."""
    import numpy as np

    from health.card_book import CardBook
    from health.cohort import measure_cohort, sample_ids
    from health.facts import Facts, moment_of
    from health.scoring import scores_at

    bands: dict[str, list[int]] = {}
    for day in days:
        at = date.fromordinal(day)
        before, sample = moment_of(at - timedelta(days=1)), sample_ids(at)
        cohort = measure_cohort(
            Facts(sample, first=before, last=before), sample, before, CardBook.load().ranked
        )
        rows = np.flatnonzero(held.days == day)
        left = dict(zip(held.account_ids[rows].tolist(), held.churned[rows].tolist(), strict=True))
        ids = sorted(left)
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            facts = Facts(part, first=moment_of(at), last=moment_of(at))
            for pk, score in scores_at(facts, part, moment_of(at), cohort).items():
                bands.setdefault(score.band, []).append(left[pk])
        say(f"{at}: health bands of {len(ids)} accounts")
    order = ("at_risk", "watch", "steady", "healthy", "unknown")
    return [band(name, np.array(bands[name])) for name in order if name in bands]


def band(name: str, left: Any) -> dict[str, Any]:
    """The share that left, with its 95 % interval."""
    from ml.evaluation.calibration import NINETY_FIVE_PERCENT
    from ml.monitoring.estimates import wilson

    share = float(left.mean())
    low, high = wilson(share, len(left), NINETY_FIVE_PERCENT)
    return {
        "band": name,
        "rows": len(left),
        "left": int(left.sum()),
        "share": share,
        "low": low,
        "high": high,
    }


def show(found: dict[str, Any]) -> None:
    """A table for people."""
    auc = found["auc"]
    print(f"accounts {found['accounts']}, observations {found['observations']}, forecasts {found['forecasts']} "
          f"at {found['moments']} moments, {found['churn_rate']:.2%} left")  # fmt: skip
    print(f"AUC model {auc['model']:.4f}, best that can be known {auc['best']:.4f} (gap {found['auc_gap']:.4f}), "
          f"prophet {auc['prophet']:.4f}")  # fmt: skip
    low, high = found["calibration_slope_95"]
    print(f"calibration slope {found['calibration_slope']:.3f} (95 %: {low:.3f} to {high:.3f}), offset "
          f"{found['calibration_offset']:+.3f}; of the truth {found['calibration_slope_of_truth']:.3f}")  # fmt: skip
    ours, best = found["figures"], found["figures_of_best"]
    print(f"Brier {ours['brier']:.4f} (best {best['brier']:.4f}), ECE {ours['ece']:.4f}, lift@10 % {ours['lift_at_10']:.2f} "
          f"(best {best['lift_at_10']:.2f})")  # fmt: skip
    for one in found["by_horizon"]:
        print(
            f"  {one['days']} days: told {one['told']:.2%}, seen {one['seen']:.2%}, AUC {one['roc_auc']:.4f}"
        )
    for name in ("health_bands", "probability_bands"):
        for one in found[name]:
            print(f"  {name.split('_')[0]:<12}{one['band']:<9}{one['rows']:>7} rows  {one['share']:.2%} left "
                  f"({one['low']:.2%} to {one['high']:.2%})")  # fmt: skip
    print(f"seeding {found['seed_seconds']} s, observing {found['observe_seconds']} s, each training "
          f"{found['train_seconds_each']} s, memory {found['peak_megabytes']} MB")  # fmt: skip


if __name__ == "__main__":
    main()
