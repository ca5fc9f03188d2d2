"""Drill: a sabotaged model is promoted on a stream of tickets of which people audit some; it must be rolled back by itself.

    PYTHONPATH=. python bench/drills/ml_rollback.py --tickets 20000 --json

Every ticket comes in by mail's service and is routed by the subscriber, as in the product. After a fifth of them a second
version takes over in which a third of the topics are exchanged for each other. At the end of each day people label the
day's audit; the watch looks after every twenty labels. Printed: how many labels and tickets it took, and that every ticket
has one prediction, one state and one event. Exit status 1 when something is missing, doubled or not rolled back.
"""

import argparse
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from bench.drills._ml_stream import (
    WORDS,
    HashedWords,
    installation,
    messages,
    put_into_service,
    store_version,
)

DAY = 400
WATCHED_EVERY = 20


def run(
    *, tickets: int, seed: int = 0, audited: float = 0.15, exchanged: int = 4, day_size: int = DAY
) -> dict[str, Any]:
    """Play the stream in the current database and return what was seen."""
    from ml.classifiers import TextClassifier
    from ml.models import AuditItem, ModelAlias, Prediction, RollbackEvent
    from ml.services.answer_audit import answer_audit
    from ml.services.draw_audit_sample import draw_audit_sample
    from ml.services.watch_service import watch_service
    from people.models import Team
    from people.viewer import system_viewer
    from tickets.models import Category, Ticket

    chance = random.Random(seed)
    encoder = HashedWords()
    team = Team.objects.create(name=f"Desk {seed}")
    for topic in WORDS:
        Category.objects.get_or_create(name=topic, defaults={"description": topic, "team": team})
    taught, held = messages(1_200, chance), messages(600, chance)
    topics = sorted(WORDS)
    wrong = dict(zip(topics[:exchanged], topics[1:exchanged] + topics[:1], strict=True))
    good = TextClassifier(encoder).fit([text for text, _ in taught], [topic for _, topic in taught])
    bad = TextClassifier(encoder).fit(
        [text for text, _ in taught], [wrong.get(topic, topic) for _, topic in taught]
    )
    reached = accuracy_of(good, held)
    by = system_viewer("task")
    started = time.perf_counter()
    with patch("ml.registry.sentence_encoder", return_value=encoder):
        first, second = store_version(good, reached), store_version(bad, reached)
        put_into_service(first)
        truth: dict[int, str] = {}
        seen: dict[str, Any] = {"labels": 0, "tickets_until_rollback": None, "labels_until_rollback": None}
        today = datetime.now(UTC).date()
        sabotaged_at = tickets // 5 // day_size * day_size
        labels_before = 0
        for number, start in enumerate(range(0, tickets, day_size)):
            if start == sabotaged_at:
                put_into_service(second)
                labels_before = seen["labels"]
            receive(messages(min(day_size, tickets - start), chance), truth)
            day = today + timedelta(days=number)
            Prediction.objects.filter(
                task="routing", created_at__date=today, subject_id__gt=_last(truth, day_size)
            ).update(created_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
            draw_audit_sample(task="routing", day=day, count=round(audited * day_size))
            for place, item in enumerate(AuditItem.objects.filter(state="open").order_by("pk"), start=1):
                answer_audit(item=item, label=truth[item.subject_id], by=by)
                seen["labels"] += 1
                if place % WATCHED_EVERY == 0:
                    watch_service(by=by, task="routing")
                    if seen["labels_until_rollback"] is None and RollbackEvent.objects.exists():
                        seen["labels_until_rollback"] = seen["labels"] - labels_before
                        seen["tickets_until_rollback"] = start + day_size - sabotaged_at
                        seen["days_until_rollback"] = number - sabotaged_at // day_size + 1
    rows = Prediction.objects.filter(task="routing")
    states = Ticket.objects.exclude(routing_state="pending")
    rollbacks = list(
        RollbackEvent.objects.values_list("trigger", "outcome", "from_version__number", "to_version__number")
    )
    from core.models import Event

    routed = Event.objects.filter(verb="tickets.routed")
    seen |= {
        "tickets": tickets,
        "seconds": round(time.perf_counter() - started, 1),
        "held_out_accuracy": round(reached, 4),
        "sabotaged_accuracy": round(accuracy_of(bad, held), 4),
        "sabotaged_after": sabotaged_at,
        "predictions": rows.count(),
        "routed": states.count(),
        "events": routed.values("subject_id").distinct().count(),
        "doubled": routed.count() - routed.values("subject_id").distinct().count(),
        "rollbacks": rollbacks,
        "in_service": ModelAlias.objects.get(task="routing", name="champion").version.number,
    }
    whole = {seen["predictions"], seen["routed"], seen["events"]} == {tickets} and not seen["doubled"]
    seen["ok"] = (
        whole
        and rollbacks == [("accuracy", "rolled_back", second.number, first.number)]
        and (seen["in_service"] == first.number)
    )
    return seen


def receive(told: list[tuple[str, str]], truth: dict[int, str]) -> None:
    """Let customers write, and the subscriber route, a hundred at a time; remembers what each ticket is about."""
    from core.delivery import pump
    from people.viewer import system_viewer
    from tickets.incoming import IncomingMessage
    from tickets.services.receive_message import receive_message
    from tickets.subscribers.routing import Routing

    by = system_viewer("mail")
    for place, (text, topic) in enumerate(told, start=1):
        incoming = IncomingMessage(
            channel="email", sender=f"user{len(truth) % 200}@drill.example", text=text, subject="A question"
        )
        truth[receive_message(incoming=incoming, by=by).ticket.pk] = topic
        if place % 100 == 0 or place == len(told):
            # Routing alone: what else happens to a ticket is no part of this drill, and sentiment would load its transformer.
            with patch("core.delivery.subscribers", [Routing()]):
                pump("ml")


def _last(truth: dict[int, str], day_size: int) -> int:
    """The id of the last ticket before the newest day."""
    ids = sorted(truth)
    return ids[-day_size - 1] if len(ids) > day_size else 0


def accuracy_of(model: Any, rows: list[tuple[str, str]]) -> float:
    """Share of right answers."""
    answers = model.predict([text for text, _ in rows])
    return sum(answer.label == topic for answer, (_, topic) in zip(answers, rows, strict=True)) / len(rows)


def main() -> None:
    """Run the drill in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--audited", type=float, default=0.15, help="share of the tickets that people label")
    parser.add_argument(
        "--exchanged", type=int, default=4, help="topics of twelve that the sabotaged model confuses"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with installation():
        seen = run(
            tickets=wanted.tickets, seed=wanted.seed, audited=wanted.audited, exchanged=wanted.exchanged
        )
    print(json.dumps(seen) if wanted.json else "\n".join(f"{name}: {value}" for name, value in seen.items()))
    raise SystemExit(0 if seen["ok"] else 1)


if __name__ == "__main__":
    main()
