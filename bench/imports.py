"""How fast an import runs and how much memory it takes: an invented Zendesk dump, read, checked and written on SQLite.

    PYTHONPATH=. .venv/bin/python bench/imports.py --tickets 20000 [--comments 4] [--database postgres://…/an_empty_database]

One process does what the jobs would; ``per_cpu_second`` leaves out what it waited for a busy machine. Writing includes history,
episodes, search index and counters of views. Memory is the largest resident set of the process. Then the same dump is imported
again, which must change nothing. The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORDS = "invoice order delivery password report dashboard export seat contract renewal login slow".split()  # noqa: SIM905 - as texts are
STATUSES = ["open", "pending", "hold", *["solved"] * 3, *["closed"] * 14]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--comments", type=int, default=4)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-imports-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "cs_ops.settings"}
        os.environ.pop("DATABASE_URL", None)
        if options.database:
            os.environ["DATABASE_URL"] = options.database
        print(json.dumps(_measure(Path(folder), options.tickets, options.comments)))


def _measure(folder: Path, tickets: int, comments: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from tickets.models import Inbox, Message, Ticket

    call_command("migrate", verbosity=0)
    Inbox.objects.create(name="Support", channel="email", address="support@desk.example")
    dump = folder / "dump"
    dump.mkdir()
    say(f"writing a dump of {tickets} tickets")
    records = _write_dump(dump, tickets, comments)
    before = _megabytes()
    times = _import(dump)
    assert Ticket.objects.count() == tickets
    assert Message.objects.count() == tickets * comments
    again = _import(dump)
    assert Message.objects.count() == tickets * comments
    assert again["counts"]["ticket"] == {"skipped": tickets}
    whole = times["read"] + times["check"] + times["write"]
    return {
        "database": connection.vendor,
        "tickets": tickets,
        "records": records,
        "read_per_second": round(records / times["read"], 1),
        "check_per_second": round(records / times["check"], 1),
        "write_records_per_second": round(records / times["write"], 1),
        "write_tickets_per_second": round(tickets / times["write"], 1),
        "write_tickets_per_cpu_second": round(tickets / times["write_cpu"], 1),
        "tickets_per_second_in_all": round(tickets / whole, 1),
        "again_seconds": round(again["read"] + again["check"] + again["write"], 1),
        "memory_before_mb": before,
        "memory_most_mb": _megabytes(),
    }


def _import(dump: Path) -> dict[str, Any]:
    from imports.services.read_files import read_slice
    from imports.services.run_import import check_slice, run_slice, start_import
    from imports.services.upload_import import upload_import
    from people.viewer import system_viewer
    from tickets.models import Inbox

    by = system_viewer("command")
    run = upload_import(source="zendesk", paths=[dump], by=by, inbox=Inbox.objects.get(), in_background=False)
    times: dict[str, Any] = {}
    started = time.perf_counter()
    finished = False
    while not finished:
        count, finished = read_slice(run)
        say(f"read {count}")
    times["read"] = time.perf_counter() - started
    started, after, finished = time.perf_counter(), 0, False
    while not finished:
        after, finished = check_slice(run, after)
    times["check"] = time.perf_counter() - started
    run.refresh_from_db()
    run = start_import(run=run, by=by, in_background=False)
    started, finished, cpu = time.perf_counter(), False, time.process_time()
    while not finished:
        done, finished = run_slice(run)
        say(f"written {done}, {_megabytes()} MB")
    times["write"] = time.perf_counter() - started
    times["write_cpu"] = time.process_time() - cpu
    run.refresh_from_db()
    assert not run.rows.filter(outcome="refused").exists()
    return {**times, "counts": run.counts}


def _write_dump(folder: Path, tickets: int, comments: int) -> int:
    chance = random.Random(11)
    companies, people, agents = max(10, tickets // 100), max(20, tickets // 10), 20

    def text(words: int) -> str:
        return " ".join(chance.choices(WORDS, k=words))

    def moment(number: int, hours: int) -> str:
        day, hour = divmod(number * 24 * 600 // tickets + hours, 24)
        return time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(1_672_531_200 + 86_400 * day + 3_600 * hour))

    def write(name: str, rows: Any) -> int:
        count = 0
        with (folder / name).open("w") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
                count += 1
        return count

    count = write(
        "organizations.jsonl",
        (
            {"id": n, "name": f"Company {n}", "domain_names": [f"c{n}.example"]}
            for n in range(1, companies + 1)
        ),
    )
    count += write(
        "users.jsonl",
        [
            *({"id": 10**6 + n, "name": f"Agent {n}", "email": f"a{n}@desk.example", "role": "agent"} for n in range(agents)),
            *(
                {
                    "id": 2 * 10**6 + n, "name": f"Person {n}", "email": f"p{n}@c{n % companies + 1}.example",
                    "role": "end-user", "organization_id": n % companies + 1,
                }
                for n in range(people)
            ),
        ],
    )  # fmt: skip
    count += write(
        "tickets.jsonl",
        (
            {
                "id": 1000 + n, "subject": text(5), "status": chance.choice(STATUSES), "priority": "normal", "type": "question",
                "requester_id": 2 * 10**6 + n % people, "assignee_id": 10**6 + n % agents,
                "tags": chance.sample(WORDS, 2), "created_at": moment(n, 0), "updated_at": moment(n, 5),
            }
            for n in range(tickets)
        ),
    )  # fmt: skip
    count += write(
        "comments.jsonl",
        (
            {
                "id": 10 * n + turn, "ticket_id": 1000 + n, "public": turn != 3, "plain_body": text(40),
                "author_id": 10**6 + n % agents if turn % 2 else 2 * 10**6 + n % people, "created_at": moment(n, turn),
            }
            for n in range(tickets)
            for turn in range(comments)
        ),
    )  # fmt: skip
    return count


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
