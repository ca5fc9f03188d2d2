"""How fast health is: the nightly run over very many accounts, one account after an event, memory; on PostgreSQL.

    PYTHONPATH=. .venv/bin/python bench/health.py --accounts 1000,10000,100000 [--workers 2] [--keep] [--database URL]
    PYTHONPATH=. .venv/bin/python bench/health.py --accounts 1000000 --usage-days 200

For each size it makes a database (``cs_ops_health_<accounts>``), fills it (bench/_health_rows.py: 200 days of use, six features,
three tickets with nine messages, four contacts, touches and ratings for each account), scores everybody as of 30 days ago so
that changes are compared with something, and then measures what a night does: the job ``health.rescore_all``, worked off by
separate worker processes. ``--baseline PATH`` runs the same for a checkout of another commit, on 2,000 accounts. CPU is of the
workers and of the PostgreSQL processes that serve them. The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--accounts", default="1000,10000,100000")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--usage-days", type=int, default=200)
    parser.add_argument(
        "--baseline", default="", help="checkout of another commit to score 2,000 accounts with"
    )
    parser.add_argument("--keep", action="store_true", help="keep the databases and use those that were kept")
    options = parser.parse_args()
    results = {}
    for size in (int(one) for one in options.accounts.split(",")):
        url = database(options.database, size, options.usage_days, keep=options.keep)
        results[size] = measure(url, size, options.workers, options.baseline)
        if not options.keep:
            sql(options.database, f"DROP DATABASE cs_ops_health_{size} WITH (FORCE)")
    report(results, options.workers)


def database(server: str, size: int, usage_days: int, *, keep: bool) -> str:
    """Make and fill the database of a size; one that was kept is used again."""
    name = f"cs_ops_health_{size}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    if (name,) in sql(server, "SELECT datname FROM pg_database"):
        if keep:
            return url
        sql(server, f"DROP DATABASE {name} WITH (FORCE)")
    sql(server, f"CREATE DATABASE {name}")
    started = time.monotonic()
    run(url, "manage.py", "migrate", "-v0")
    run(url, "bench/_health_rows.py", str(size), str(usage_days))
    sql(url, "VACUUM ANALYZE")
    say(f"{name} filled in {time.monotonic() - started:.0f} s")
    return url


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement outside a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def environment(url: str, root: Path = ROOT) -> dict[str, str]:
    """What the processes are started with."""
    var = ROOT / "var" / "bench"
    var.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "DATABASE_URL": url,
        "VAR_DIR": str(var),
        "PYTHONPATH": str(root),
        "DJANGO_SETTINGS_MODULE": "cs_ops.settings",
        "OPENBLAS_NUM_THREADS": "1",
    }


def run(url: str, *words: str, root: Path = ROOT) -> dict[str, Any]:
    """Run a script of the project and return the JSON of its last line, if it is some."""
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment(url, root), check=True, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    try:
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    except ValueError:
        found = {}
    return found


def postgres_seconds() -> float:
    """CPU of all PostgreSQL processes so far; those that have ended are counted by their parent."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(") ")
        except OSError:
            continue
        fields = rest.split()
        if "(postgres" in name or "(postmaster" in name:
            total += int(fields[11]) + int(fields[12])
            total += int(fields[13]) + int(fields[14]) if fields[1] == "1" else 0
    return total / TICKS


def measure(url: str, size: int, workers: int, baseline: str) -> dict[str, Any]:
    """Score the past once, then time a night and one account."""
    worker = "bench/_health_worker.py"
    started = time.monotonic()
    run(url, worker, "past")
    say(f"{size} accounts scored as of 30 days ago in {time.monotonic() - started:.0f} s")
    sql(url, "VACUUM ANALYZE")
    night = run_night(url, size, workers)
    say(f"{size} accounts: {night['seconds']} s")
    result = night | run(url, worker, "event")
    if baseline:
        result["baseline_ms_each"] = run(url, str(ROOT / worker), "plain", root=Path(baseline)).get("ms_each")
    return result


def run_night(url: str, size: int, workers: int) -> dict[str, Any]:
    """Start the job and let the workers do it."""
    run(url, "bench/_health_worker.py", "start")
    before, started = postgres_seconds(), time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "bench/_health_worker.py", "work"], cwd=ROOT, env=environment(url), stdout=subprocess.PIPE,
            text=True,
        )
        for _worker in range(workers)
    ]  # fmt: skip
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    seconds = time.monotonic() - started
    [[snapshots]] = sql(
        url, "SELECT count(*) FROM health_healthsnapshot WHERE as_of = (now() AT TIME ZONE 'UTC')::date"
    )
    return {
        "accounts": size,
        "seconds": round(seconds, 1),
        "ms_each": round(seconds * 1000 / size, 3),
        "worker_cpu_s": round(sum(one["cpu"] for one in told), 1),
        "postgres_cpu_s": round(postgres_seconds() - before, 1),
        "peak_mb": max(one["peak_mb"] for one in told),
        "snapshots_today": snapshots,
    }


def report(results: dict[int, dict[str, Any]], workers: int) -> None:
    """Print the table and the JSON line."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {workers} workers")
    print("accounts  seconds  ms each  worker CPU s  PostgreSQL CPU s  peak MB  after an event s")
    for size, one in results.items():
        print(
            f"{size:>8}  {one['seconds']:>7}  {one['ms_each']:>7}  {one['worker_cpu_s']:>12}  {one['postgres_cpu_s']:>16}"
            f"  {one['peak_mb']:>7}  {one['event_s']:>16}"
        )
        if one.get("baseline_ms_each"):
            print(f"          before: {one['baseline_ms_each']} ms of one process each (2,000 accounts)")
    print(json.dumps({"workers": workers, "sizes": results}))


main()
