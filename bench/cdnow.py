"""Who buys again? The churn learner on real purchases, forward in time (CDNOW, Fader and Hardie 2001).

    python bench/cdnow.py transactions.csv.gz [--repeats 2] [--json]

Features are known on 1997-09-30, the outcome is a purchase from 1997-10-01 to 1998-06-30; every customer is one row and is
forecast by a model that did not see it (5 folds). Beside it stands the same learner with plain recency, frequency and spend.
Prints AUCs with 95 % intervals over draws of customers. Columns: customer_id, date, number_of_cds, dollar_value.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
CUT, BEGIN = date(1997, 9, 30), date(1997, 1, 1)
PLAIN = ("recency", "frequency", "spend")
DRAWS = 500


def read(path: Path) -> tuple[list[dict[str, float]], list[int]]:
    """Features on the cut and whether somebody bought after it, per customer who had bought by then."""
    bought: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    with gzip.open(path, "rt") as source:
        for row in csv.DictReader(source):
            pair = bought[row["customer_id"]][(date.fromisoformat(row["date"]) - BEGIN).days]
            pair[0] += float(row["number_of_cds"])
            pair[1] += float(row["dollar_value"])
    cut, rows, again = (CUT - BEGIN).days, [], []
    for days in bought.values():
        before = sorted(day for day in days if day <= cut)
        if before:
            rows.append(features(before, [days[day] for day in before], cut))
            again.append(int(any(day > cut for day in days)))
    alive(rows)
    return rows, again


def features(days: list[int], values: list[list[float]], cut: int) -> dict[str, float]:
    """What the purchases by the cut tell."""
    gaps = np.diff(days)
    discs, spend = np.array(values).T
    recency, age = cut - days[-1], cut - days[0]
    usual = float(gaps.mean()) if len(gaps) else np.nan
    return {
        "recency": float(recency), "frequency": float(len(days)), "spend": float(spend.sum()), "age": float(age),
        "rate": len(days) / (age + 30.0), "usual_gap": usual, "last_gap": float(gaps[-1]) if len(gaps) else np.nan,
        "longest_gap": float(gaps.max()) if len(gaps) else np.nan,
        "gap_spread": float(gaps.std()) if len(gaps) > 1 else np.nan,
        "silence_of_usual": recency / (usual + 1.0), "silence_of_age": recency / (age + 1.0),
        "last_30": float(sum(day > cut - 30 for day in days)), "last_90": float(sum(day > cut - 90 for day in days)),
        "discs": float(discs.sum()), "mean_spend": float(spend.mean()), "last_spend": float(spend[-1]),
        "most_spend": float(spend.max()), "price": float(spend.sum() / max(1.0, discs.sum())),
        "first_spend": float(spend[0]), "month": float(days[-1] // 30),
    }  # fmt: skip


def alive(rows: list[dict[str, float]]) -> None:
    """Add the chance to be alive and the purchases to expect by BG/NBD (Fader, Hardie and Lee 2005), fitted without outcomes."""
    from scipy.optimize import minimize
    from scipy.special import betaln, gammaln

    x = np.array([row["frequency"] - 1 for row in rows])
    age = np.array([row["age"] for row in rows]) / 7
    last = age - np.array([row["recency"] for row in rows]) / 7

    def parts(p: Any) -> tuple[Any, Any]:
        r, alpha, a, b = np.exp(p)
        base = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stays = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + last)
        return base + stays, np.where(x > 0, base + left, -np.inf)

    fitted = minimize(
        lambda p: -np.logaddexp(*parts(p)).sum(), np.zeros(4), method="Nelder-Mead", options={"maxiter": 600}
    )
    stays, left = parts(fitted.x)
    r, alpha, *_rest = np.exp(fitted.x)
    chance = 1 / (1 + np.exp(np.clip(left - stays, -700, 700)))
    for row, p, n, weeks in zip(rows, chance.tolist(), x.tolist(), age.tolist(), strict=True):
        row["alive"], row["expected"] = p, p * (r + n) / (alpha + weeks) * 39


def main() -> None:
    """Measure both, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    import django

    django.setup()
    from sklearn.metrics import roc_auc_score

    from ml.tabular import TabularModel

    rows, again = read(options.data)
    outcome, draw = np.array(again), np.random.default_rng(0)
    told = {}
    for name, columns in (("model", list(rows[0])), ("plain", list(PLAIN))):
        told[name] = [
            TabularModel.cross_validate(rows, again, columns, seed=seed)[0] for seed in range(options.repeats)
        ]
    told["alive"] = [np.array([row["expected"] for row in rows])]
    picked = [draw.integers(len(rows), size=len(rows)) for _draw in range(DRAWS)]
    found: dict[str, Any] = {"customers": len(rows), "bought_again": int(outcome.sum())}
    for name, runs in told.items():
        drawn = [roc_auc_score(outcome[one], runs[0][one]) for one in picked]
        low, high = np.percentile(drawn, (2.5, 97.5))
        auc = float(np.mean([roc_auc_score(outcome, run) for run in runs]))
        found[name] = {"roc_auc": auc, "low": float(low), "high": float(high)}
        print(f"{name:<8}AUC {auc:.4f} (95 %: {low:.4f} to {high:.4f})")
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
