"""Drill: is a change in what customers write about noticed, and is nothing noticed when nothing changes?

    PYTHONPATH=. python bench/drills/ml_drift.py --tickets 20000 --seeds 5 --json
    PYTHONPATH=. python bench/drills/ml_drift.py --data train.csv test.csv --json

A classifier answers a pool of texts; streams are drawn from the pool and stored as the routing subscriber stores them. The
stationary stream has known topics only, all the way: at most one alarm is allowed. The other one has, after 3,000 tickets,
a tenth of topics that the classifier never saw: it must be flagged within 500 tickets.
``--data`` takes two CSV files with the columns text and label (training and pool) and the product's own encoder; every
sixth label is then left out of the training. Without it texts are invented and words hashed.
"""

import argparse
import csv
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.drills._ml_stream import HashedWords, installation, messages, put_into_service, store_version

CHANNELS = (("email", 0.6), ("chat", 0.3), ("web_form", 0.1))
CALM = 3_000
STEP = 250


def invented() -> tuple[Any, list[Any], list[Any]]:
    """A classifier of invented topics with its answers about known and unknown texts."""
    from ml.classifiers import TextClassifier

    chance = random.Random(5)
    taught = messages(1_500, chance)
    model = TextClassifier(HashedWords()).fit([text for text, _ in taught], [topic for _, topic in taught])
    return answered(
        model,
        [text for text, _ in messages(2_500, chance)],
        [text for text, _ in messages(800, chance, unseen=1.0)],
    )


def measured(train: Path, pool: Path) -> tuple[Any, list[Any], list[Any]]:
    """The same from files, with the product's encoder."""
    from ml.classifiers import TextClassifier
    from ml.encoders import sentence_encoder

    taught, asked = (list(csv.DictReader(path.open(newline="", encoding="utf-8"))) for path in (train, pool))
    labels = sorted({row["label"] for row in taught})
    hidden = set(labels[::6])
    known = [row for row in taught if row["label"] not in hidden]
    model = TextClassifier(sentence_encoder()).fit(
        [row["text"] for row in known], [row["label"] for row in known]
    )
    return answered(
        model,
        [row["text"] for row in asked if row["label"] in set(labels) - hidden],
        [row["text"] for row in asked if row["label"] in hidden],
    )


def answered(model: Any, known: Sequence[str], unknown: Sequence[str]) -> tuple[Any, list[Any], list[Any]]:
    """The model, and (text, prediction) pairs."""
    return (
        model,
        list(zip(known, model.predict(known), strict=True)),
        list(zip(unknown, model.predict(unknown), strict=True)),
    )


def play(
    pools: tuple[Any, list[Any], list[Any]],
    *,
    tickets: int,
    seed: int,
    unseen: float = 0.0,
    stop: bool = False,
) -> dict[str, Any]:
    """Store one stream in the current database, judge it as it grows, and tell the alarms by ticket number."""
    from core.models import Event
    from ml.models import Prediction
    from ml.services.record_predictions import SubjectPrediction, record_predictions
    from ml.services.watch_drift import watch_drift
    from ml.serving.answers import Served
    from people.viewer import system_viewer
    from tickets.models_ml.routing import RoutingTask
    from tickets.services.route_ticket import input_facts

    written: dict[int, str] = {}
    # The drill stores no tickets: their texts are read from here.
    RoutingTask.inputs = lambda _task, ids: {pk: written[pk] for pk in ids if pk in written}  # type: ignore[assignment, method-assign]
    model, known, unknown = pools
    chance = random.Random(seed)
    version = store_version(model, 0.9)
    put_into_service(version)
    served = Served(version.label, version, "champion", 1.0)
    by = system_viewer("task")
    offset = (
        Prediction.objects.order_by("-subject_id").values_list("subject_id", flat=True).first() or 0
    ) + 1
    alarms: list[int] = []
    told = 0
    for start in range(0, tickets, STEP):
        rows = []
        for number in range(start, min(start + STEP, tickets)):
            strange = number >= CALM and chance.random() < unseen
            text, said = chance.choice(unknown if strange else known)
            channel = chance.choices([name for name, _ in CHANNELS], [share for _, share in CHANNELS])[0]
            written[offset + number] = text
            rows.append(
                SubjectPrediction(
                    subject_id=offset + number,
                    label=said.label,
                    probability=said.probability,
                    abstained=said.abstained,
                    facts=input_facts(said, text, channel),
                )
            )
        record_predictions(task="routing", subject_kind="ticket", predictions=rows, served=served)
        watch_drift(by=by, task="routing")
        seen = Event.objects.filter(verb="ml.drift_seen", subject_id=version.pk).count()
        alarms += [start + len(rows)] * (seen - told)
        told = seen
        if stop and alarms and alarms[-1] > CALM:
            break
    return {"alarms": alarms}


def run(
    pools: tuple[Any, list[Any], list[Any]], *, tickets: int, seeds: int, unseen: float = 0.1
) -> dict[str, Any]:
    """Both streams for every seed."""
    calm = [len(play(pools, tickets=tickets, seed=seed)["alarms"]) for seed in range(seeds)]
    delays: list[int | None] = []
    for seed in range(seeds):
        alarms = play(pools, tickets=CALM + 2_000, seed=1_000 + seed, unseen=unseen, stop=True)["alarms"]
        delays.append(next((alarm - CALM for alarm in alarms if alarm > CALM), None))
    found = [delay for delay in delays if delay is not None]
    return {
        "stationary_tickets": tickets,
        "stationary_alarms": calm,
        "median_alarms": statistics.median(calm),
        "unseen_share": unseen,
        "flagged_after": delays,
        "median_flagged_after": statistics.median(found) if found else None,
        "ok": statistics.median(calm) <= 1 and len(found) == seeds and statistics.median(found) <= 500,
    }


def main() -> None:
    """Run the drill in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--unseen", type=float, default=0.1)
    parser.add_argument("--data", nargs=2, type=Path, metavar=("TRAIN", "POOL"))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with installation():
        started = time.perf_counter()
        pools = measured(*wanted.data) if wanted.data else invented()
        seen = run(pools, tickets=wanted.tickets, seeds=wanted.seeds, unseen=wanted.unseen)
        seen["seconds"] = round(time.perf_counter() - started, 1)
    print(json.dumps(seen) if wanted.json else "\n".join(f"{name}: {value}" for name, value in seen.items()))
    raise SystemExit(0 if seen["ok"] else 1)


if __name__ == "__main__":
    main()
