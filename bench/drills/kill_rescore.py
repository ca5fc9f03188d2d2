"""Drill: workers that score everybody are killed with -9 in the middle, again and again.

    PYTHONPATH=. .venv/bin/python bench/drills/kill_rescore.py --accounts 20000 --kills 5 [--database URL]

It makes a database of its own (``cs_ops_kill_rescore``) on PostgreSQL, fills it (bench/_health_rows.py), starts the night's job
with two workers and kills one of them every few seconds; a new one takes its place. Leases are cut to 15 seconds, so that the
drill does not wait for them. At the end every living account must have exactly one snapshot of today, every range must be done,
and none may have been started twice. Exit status 1 otherwise; the last line of stdout is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "cs_ops_kill_rescore"
WORKER = "bench/_health_worker.py"


def main() -> int:
    """Fill, kill, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two kills")
    options = parser.parse_args()
    sql(options.database, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    sql(options.database, f"CREATE DATABASE {DATABASE}")
    url = urlunsplit(urlsplit(options.database)._replace(path=f"/{DATABASE}"))
    try:
        start(url, "manage.py", "migrate", "-v0").wait()
        start(url, "bench/_health_rows.py", str(options.accounts)).wait()
        sql(url, "ANALYZE")
        start(url, WORKER, "start").wait()
        kills = kill_again_and_again(url, options.kills, options.every)
        verdict = look(url) | {"kills": kills}
    finally:
        sql(options.database, f"DROP DATABASE {DATABASE} WITH (FORCE)")
    print(json.dumps(verdict))
    return 0 if verdict["ok"] else 1


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement outside a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def start(url: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a program of the project on the drill's database."""
    var = ROOT / "var" / "bench"
    var.mkdir(parents=True, exist_ok=True)
    env = os.environ | {
        "DATABASE_URL": url,
        "VAR_DIR": str(var),
        "PYTHONPATH": str(ROOT),
        "JOB_LEASE_SECONDS": "15",
    }
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)


def kill_again_and_again(url: str, kills: int, every: float) -> int:
    """Kill a worker now and then until the night is over; returns how many were killed."""
    workers, done, last = [start(url, WORKER, "work") for _worker in range(2)], 0, time.monotonic()
    while any(worker.poll() is None for worker in workers):
        time.sleep(0.2)
        if done < kills and time.monotonic() - last > every:
            victim = workers.pop(0)
            victim.kill()
            victim.wait()
            workers.append(start(url, WORKER, "work"))
            done, last = done + 1, time.monotonic()
    return done


def look(url: str) -> dict[str, Any]:
    """Count what must be there once."""
    [[living]] = sql(url, "SELECT count(*) FROM customers_account WHERE churned_on IS NULL")
    [[snapshots, accounts]] = sql(
        url,
        "SELECT count(*), count(DISTINCT account_id) FROM health_healthsnapshot"
        " WHERE as_of >= (now() AT TIME ZONE 'UTC')::date - 1",
    )
    jobs = sql(url, "SELECT kind, state, count(*), count(DISTINCT key) FROM core_job GROUP BY kind, state")
    once = all(number == keys for _kind, _state, number, keys in jobs)
    finished = all(state == "done" for kind, state, _number, _keys in jobs if kind.startswith("health."))
    return {
        "accounts": living,
        "snapshots": snapshots,
        "scored": accounts,
        "jobs": [list(row) for row in jobs],
        "ok": once and finished and living == accounts == snapshots,
    }


sys.exit(main())
