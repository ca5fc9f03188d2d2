"""Product usage at scale: how fast the batch API takes events in, how fast they are rolled up, and whether every one is counted.

    PYTHONPATH=. .venv/bin/python bench/usage.py --database postgres://postgres@127.0.0.1:5432/postgres [--events 1000000]

Makes 10,000 accounts, starts the web processes as production does (gunicorn, deploy/start) and sends the events over HTTP in
batches of 2,500 from several clients: uses of three days in random order, one in a hundred sent twice, one in two hundred
faulty (unknown account, ancient, without a name). *Taken in* is from the first request to the last answer; *rolled up* is until
no day is dirty, by two processes at once. Then every counter, every stored event and every row of ``UsageDaily`` (events and
distinct users) is compared with what was sent.

Without ``--database`` the database is SQLite in a folder of the run; else databases are made on that server and dropped. With
``--rounds`` the whole is repeated on new databases; seconds are medians. The last line of stdout is one JSON object; the exit
status is 1 when a number does not fit.
"""

import argparse
import http.client
import json
import os
import queue
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

BATCH = 2500
DAYS = 3
USERS = 12
FEATURES = [f"feature {number}" for number in range(10)]
FAULTS = ("unknown_account", "too_old", "no_event")


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure each round in a process and a database of its own, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--web", type=int, default=2, help="web processes")
    parser.add_argument("--rollers", type=int, default=2, help="processes that roll up")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--part", choices=["round", "roll-up"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "round":
        print(json.dumps(_round(options)))
        return
    if options.part == "roll-up":
        _roll_up()
        return
    rounds = []
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        rounds.append(_in_process(options))
        say(json.dumps(rounds[-1]))
    found = rounds[0] | {
        name: round(statistics.median(one[name] for one in rounds), 2)
        for name in (
            "events_per_second",
            "taken_in_seconds",
            "batch_p50_ms",
            "batch_p99_ms",
            "roll_up_seconds",
        )
    }
    found["is_exact"] = all(one["is_exact"] for one in rounds)
    print(json.dumps({"database": "postgresql" if options.database else "sqlite", **found}))
    sys.exit(0 if found["is_exact"] else 1)


def _in_process(options: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        var = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-usage-"))
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {
            "VAR_DIR": var, "DJANGO_SETTINGS_MODULE": "cs_ops.settings", "ALLOWED_HOSTS": "*", "API_RATE": "600000/min",
            "CELERY_BROKER_URL": "memory://",  # nobody listens to nudges
        }  # fmt: skip
        if options.database:
            environment["DATABASE_URL"] = stack.enter_context(_database(options.database))
        command = [sys.executable, __file__, "--part", "round"]
        for name in ("events", "accounts", "clients", "web", "rollers"):
            command += [f"--{name}", str(getattr(options, name))]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


@contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg

    name = f"cs_ops_bench_usage_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _round(options: argparse.Namespace) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    from customers.models import Account
    from people.models import ApiKey
    from people.models.api_key import digest_of

    call_command("migrate", verbosity=0)
    Account.objects.bulk_create(
        [Account(name=f"Account {number}", external_id=f"t{number}") for number in range(options.accounts)],
        batch_size=2000,
    )
    key = "csops_bench_usage"
    ApiKey.objects.create(name="bench", hint=key[:10], digest=digest_of(key), scopes=["usage:write"])
    with tempfile.TemporaryDirectory(prefix="bench-usage-bodies-") as folder:
        say("writing the batches")
        bodies, truth, wanted = _write_batches(Path(folder), options.events, options.accounts)
        with _server(options.web) as port:
            say("sending")
            waited, answered, seconds = _send(bodies, port, key, options.clients)
    found: dict[str, Any] = {
        "events": sum(wanted.values()),
        "accounts": options.accounts,
        "web_processes": options.web,
        "clients": options.clients,
        "taken_in_seconds": round(seconds, 2),
        "events_per_second": round(sum(wanted.values()) / seconds),
        "batch_p50_ms": round(waited[len(waited) // 2] * 1000, 1),
        "batch_p99_ms": round(waited[int(len(waited) * 0.99)] * 1000, 1),
    }
    say(json.dumps(found))
    found["roll_up_seconds"] = round(_roll_up_together(options.rollers), 2)
    found |= _verify(answered, wanted, truth)
    return found


def _write_batches(
    folder: Path, events: int, accounts: int
) -> tuple[list[Path], dict[tuple[str, str, str], tuple[int, int]], Counter[str]]:
    """Write the bodies; returns them, (events, users) by account, day and feature, and how many of each outcome there must be."""
    rng = random.Random(11)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counts: Counter[tuple[str, str, str]] = Counter()
    users: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    wanted: Counter[str] = Counter()
    bodies, earlier = [], ""
    for first in range(0, events, BATCH):
        lines = []
        for number in range(first, min(first + BATCH, events)):
            place = rng.random()
            if place < 0.01 and earlier:
                lines.append(earlier)
                wanted["duplicate"] += 1
                continue
            account, user, name = f"t{rng.randrange(accounts)}", rng.randrange(USERS), rng.choice(FEATURES)
            moment = today - timedelta(seconds=rng.randrange(86_400 * DAYS) + 1)
            fault = FAULTS[number % len(FAULTS)] if place > 0.995 else ""
            item = {
                "type": "track",
                "messageId": f"{rng.getrandbits(128):032x}",
                "userId": f"{account}-u{user}",
                "groupId": "nobody" if fault == "unknown_account" else account,
                "event": "" if fault == "no_event" else name,
                "timestamp": (moment - timedelta(days=200 if fault == "too_old" else 0)).isoformat(),
                "properties": {"plan": "growth", "rows": rng.randrange(900), "path": f"/reports/{user}"},
            }
            lines.append(json.dumps(item))
            wanted[fault or "accepted"] += 1
            if not fault:
                earlier = lines[-1]
                for feature in ("", name):
                    key = account, moment.date().isoformat(), feature
                    counts[key] += 1
                    users[key].add(user)
        path = folder / f"{len(bodies)}.json"
        path.write_text(f'{{"batch":[{",".join(lines)}]}}')
        bodies.append(path)
    return bodies, {key: (number, len(users[key])) for key, number in counts.items()}, wanted


def _send(bodies: list[Path], port: int, key: str, clients: int) -> tuple[list[float], Counter[str], float]:
    """Send all from ``clients`` clients; returns the sorted seconds of each, outcomes by the answers, and seconds in all."""
    wanted: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
    for body in [*bodies, *([None] * clients)]:
        wanted.put(body)
    waited: list[float] = []
    answered: Counter[str] = Counter()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        while (path := wanted.get()) is not None:
            body = path.read_bytes()
            began = time.perf_counter()
            connection.request("POST", "/api/v1/usage/batch/", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            waited.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {text[:300]!r}")
            told = json.loads(text[: text.index(b',"items"')] + b"}")
            answered.update(told)

    threads = [threading.Thread(target=client) for _client in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(waited), answered, time.perf_counter() - began


@contextmanager
def _server(processes: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    command = [
        sys.executable, "-m", "gunicorn", "cs_ops.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", str(processes),
        "--threads", "4", "--log-level", "warning",
    ]  # fmt: skip
    server = subprocess.Popen(command)
    try:
        for _try in range(300):
            time.sleep(0.2)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                continue
        time.sleep(2)  # until the other processes have loaded, too
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _roll_up_together(processes: int) -> float:
    """Return the seconds from the word to roll up until all processes have ended; their starting is not counted."""
    command = [sys.executable, __file__, "--part", "roll-up"]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _worker in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    began = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.close()
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.read()
    seconds = time.perf_counter() - began
    for worker in workers:
        if worker.wait():
            raise RuntimeError("a process that rolls up has failed")
    return seconds


def _roll_up() -> None:
    import django

    django.setup()
    import cs_ops.celery  # noqa: F401 - the broker of the environment, to which nudges go
    from customers.models import DirtyUsageDay
    from customers.services.roll_up_usage import roll_up_usage
    from people.viewer import system_viewer

    DirtyUsageDay.objects.exists()
    print("ready", flush=True)
    sys.stdin.read()
    while roll_up_usage(by=system_viewer("bench")):
        pass
    print("done", flush=True)


def _verify(
    answered: Counter[str], wanted: Counter[str], truth: dict[tuple[str, str, str], tuple[int, int]]
) -> dict[str, Any]:
    from django.db.models import Sum

    from customers.models import DirtyUsageDay, UsageDaily, UsageDeadLetter, UsageEvent, UsageIntake

    stored = {
        (account, day.isoformat(), feature): (events, users)
        for account, day, feature, events, users in UsageDaily.objects.values_list(
            "account__external_id", "day", "feature", "events", "users"
        ).iterator()
    }
    outcomes = dict(UsageIntake.objects.values_list("outcome").annotate(number=Sum("items")))
    rejected = sum(wanted[fault] for fault in FAULTS)
    checks = {
        "answers": (answered["accepted"], answered["duplicate"], answered["rejected"])
        == (wanted["accepted"], wanted["duplicate"], rejected),
        "counters": outcomes == dict(wanted),
        "events": UsageEvent.objects.count() == wanted["accepted"],
        "letters": UsageDeadLetter.objects.count() == rejected,
        "daily": stored == truth,
        "marks": not DirtyUsageDay.objects.exists(),
    }
    for name, fits in checks.items():
        if not fits:
            say(f"does not fit: {name}")
    return {
        "accepted": answered["accepted"],
        "duplicate": answered["duplicate"],
        "rejected": answered["rejected"],
        "daily_rows": len(stored),
        "is_exact": all(checks.values()),
    }


if __name__ == "__main__":
    main()
