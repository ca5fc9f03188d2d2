"""How fast the desk is: list, ticket, search, creating and answering, on PostgreSQL with two web workers.

    PYTHONPATH=. .venv/bin/python bench/desk.py --scales 1000,100000 [--database postgres://postgres@127.0.0.1:5432/postgres]

For each scale it makes a database (``cs_ops_bench_<tickets>``; with ``--keep`` it stays and is used again), fills it by
``manage.py seed_volume``, starts gunicorn as production does (two processes of four threads) and measures over HTTP from one
client: so a figure holds the whole request. The floor (bench/floor) is bare Django on the same rows, the same server and in
the same run. CPU is what the web processes and all PostgreSQL processes used between two readings of /proc. Workers do not run:
what they do later (routing, sentiment, counters) is not in a request.

The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
PORT = 8765
TICKS = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure every scale and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--scales", default="1000,100000")
    parser.add_argument("--requests", type=int, default=200, help="requests of each kind")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long creating and answering lasts")
    parser.add_argument("--keep", action="store_true", help="keep the databases for the next run")
    options = parser.parse_args()
    results = {}
    for scale in (int(one) for one in options.scales.split(",")):
        with database(options.database, f"cs_ops_bench_{scale}", scale, keep=options.keep) as url:
            results[scale] = measure(url, scale, options.requests, options.seconds)
    report(results)


# --- database ------------------------------------------------------------------------------------------------------------


@contextmanager
def database(server: str, name: str, tickets: int, *, keep: bool) -> Iterator[str]:
    """Make, fill and analyse the database of a scale; one that was kept is used again."""
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    there = (name,) in sql(server, "SELECT datname FROM pg_database")
    if not (there and keep):
        if there:
            sql(server, f"DROP DATABASE {name} WITH (FORCE)")
        sql(server, f"CREATE DATABASE {name}")
        say(f"{name}: migrate and seed {tickets} tickets")
        manage(url, "migrate", "-v0")
        manage(url, "seed_volume", "--tickets", str(tickets))
    manage(url, "collectstatic", "--noinput", "-v0")
    sql(url, "VACUUM ANALYZE")
    try:
        yield url
    finally:
        if not keep:
            sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement outside a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def environment(url: str) -> dict[str, str]:
    """What the product's processes are started with: no broker, so that nobody works beside them."""
    var = ROOT / "var" / "bench"
    var.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "DATABASE_URL": url,
        "VAR_DIR": str(var),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "cs_ops.settings",
    }


def manage(url: str, *arguments: str) -> None:
    """Run a management command; its progress goes to our stderr."""
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(url),
        check=True,
        stdout=sys.stderr,
    )


# --- server --------------------------------------------------------------------------------------------------------------


@contextmanager
def server(application: str, url: str, ready: str) -> Iterator[int]:
    """Run gunicorn with two processes; yields its pid."""
    command = [
        sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{PORT}", "--workers", "2", "--threads", "4",
        "--log-level", "warning", "--keep-alive", "30",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(url), stdout=sys.stderr, start_new_session=True
    )
    try:
        wait_until_ready(ready)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def wait_until_ready(path: str) -> None:
    """Ask until it answers."""
    for _ in range(200):
        try:
            if Client().get(path)[0] < 500:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{path} does not answer")


class Client:
    """One connection with its cookies or key."""

    def __init__(self, **headers: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
        self.headers = headers

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
        """Send a request and read the whole answer."""
        self.connection.request(method, path, body, self.headers | headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


# --- CPU -----------------------------------------------------------------------------------------------------------------


def cpu_seconds(web: int) -> tuple[float, float]:
    """CPU of the web processes and of every PostgreSQL process so far."""
    web_total, database_total = 0, 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(") ")
        except OSError:
            continue
        fields = rest.split()
        used = int(fields[11]) + int(fields[12])
        if int(fields[1]) == web or int(stat.parent.name) == web:
            web_total += used
        elif "(postgres" in name or "(postmaster" in name:
            # backends that have ended are counted by their parent
            database_total += used + (int(fields[13]) + int(fields[14]) if fields[1] == "1" else 0)
    return web_total / TICKS, database_total / TICKS


# --- measures ------------------------------------------------------------------------------------------------------------


def latency(ask: Callable[[int], tuple[int, bytes]], times: int) -> dict[str, float]:
    """Milliseconds of single requests, one after the other, after ten to warm up."""
    taken = []
    for turn in range(times + 10):
        started = time.perf_counter()
        status, body = ask(turn)
        if status >= 400:
            raise SystemExit(f"answered {status}: {body[:300]!r}")
        if turn >= 10:
            taken.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(taken, n=20)
    return {"median_ms": round(statistics.median(taken), 1), "p95_ms": round(cuts[18], 1)}


def throughput(
    ask: Callable[[Client, int, int], tuple[int, bytes]], web: int, seconds: float, clients: int = 6
) -> dict[str, float]:
    """Requests a second from six clients at once, and CPU milliseconds of each."""
    done = [0] * clients
    failures: list[str] = []
    begun, stop = threading.Barrier(clients + 1), threading.Event()

    def work(place: int) -> None:
        client = Client()
        begun.wait()
        while not stop.is_set():
            status, body = ask(client, place, done[place])
            if status != 201:
                failures.append(f"{status}: {body[:300]!r}")
                return
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    before = cpu_seconds(web)
    begun.wait()
    started = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    after = cpu_seconds(web)
    if failures:
        raise SystemExit(failures[0])
    total = sum(done)
    return {
        "per_second": round(total / elapsed, 1),
        "application_ms": round(1000 * (after[0] - before[0]) / total, 2),
        "database_ms": round(1000 * (after[1] - before[1]) / total, 2),
    }


def measure(url: str, scale: int, requests: int, seconds: float) -> dict[str, Any]:
    """Every figure of one scale."""
    facts = json.loads(
        subprocess.run(
            [sys.executable, "bench/_desk_facts.py"],
            cwd=ROOT,
            env=environment(url),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()[-1]
    )
    cookie = {"Cookie": f"session={facts['session']}"}
    key = {"Authorization": f"Bearer {facts['key']}", "Content-Type": "application/json"}
    long, recent, rare = facts["long_tickets"], facts["open_tickets"], facts["rare_words"]
    writers = facts["addresses"]
    found: dict[str, Any] = {"sql": facts["sql"]}
    with server("cs_ops.wsgi", url, "/healthz") as web:
        client = Client(**cookie)
        say(f"{scale}: pages")
        found["list"] = latency(lambda _n: client.get("/inbox/?view=open"), requests)
        found["list of rows alone"] = latency(lambda _n: client.get("/inbox/rows/?view=open"), requests)
        found["ticket of 50 messages"] = latency(
            lambda n: client.get(f"/inbox/{long[n % len(long)]}/conversation/"), requests
        )
        found["search of a rare word"] = latency(
            lambda n: client.get(f"/search/?q={quote(rare[n % len(rare)])}"), requests
        )
        found["figures of an agent"] = latency(lambda _n: client.get("/insights/"), max(20, requests // 10))
        found["figures of 90 days"] = latency(
            lambda _n: client.get("/insights/?period=90"), max(20, requests // 10)
        )
        api = Client(**key)
        found["search of a rare word (REST)"] = latency(
            lambda n: api.get(f"/api/v1/search/?q={quote(rare[n % len(rare)])}"), requests
        )
        say(f"{scale}: creating")
        found["create"] = throughput(
            lambda one, place, n: one.ask("POST", "/api/v1/tickets/", new_ticket(place, n, writers), **key),
            web,
            seconds,
        )
        found["create, one client"] = throughput(
            lambda one, place, n: one.ask(
                "POST", "/api/v1/tickets/", new_ticket(place + 9, n, writers), **key
            ),
            web,
            min(seconds, 8.0),
            clients=1,
        )
        say(f"{scale}: answering")
        found["reply"] = throughput(
            lambda one, place, n: one.ask(
                "POST",
                f"/api/v1/tickets/{recent[(place * 9973 + n) % len(recent)]}/messages/",
                '{"kind": "outbound", "body": "An answer."}',
                **key,
            ),
            web,
            seconds,
        )
    say(f"{scale}: floor")
    sql(
        url,
        "CREATE TABLE IF NOT EXISTS bench_floor_note (id bigserial PRIMARY KEY, subject varchar(300), body text)",
    )
    with server("bench.floor.app", url, "/list/") as web:
        client = Client()
        found["floor: list"] = latency(lambda _n: client.get("/list/"), requests)
        found["floor: ticket of 50 messages"] = latency(
            lambda n: client.get(f"/ticket/{long[n % len(long)]}/"), requests
        )
        found["floor: create"] = throughput(
            lambda one, _place, _n: one.ask("POST", "/write/", "A question."), web, min(seconds, 5.0)
        )
    sql(url, "DROP TABLE bench_floor_note")
    return found


def new_ticket(place: int, number: int, writers: list[str]) -> str:
    """A ticket from a contact that is known."""
    return json.dumps(
        {
            "subject": f"Question {place}-{number} about the last invoice",
            "body": "Hello, the last invoice shows two charges for the same month. Could you look into it, please?",
            "contact": {"email": writers[(place * 9973 + number) % len(writers)], "name": ""},
            "channel": "api",
        }
    )


# --- report --------------------------------------------------------------------------------------------------------------


def machine() -> str:
    """What it ran on, in words."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"


def report(results: dict[int, dict[str, Any]]) -> None:
    """Print a table for people and one JSON line."""
    print(
        f"Machine: {machine()}; PostgreSQL with its default settings, gunicorn with 2 processes of 4 threads."
    )
    for scale, found in results.items():
        print(f"\n{scale:,} tickets")
        for name, figures in found.items():
            if name == "sql":
                print("  " + ", ".join(f"{page}: {count} SQL" for page, count in figures.items()))
                continue
            floor = found.get(f"floor: {name}")
            ratio = ""
            if floor:
                one = "median_ms" if "median_ms" in floor else "per_second"
                times = figures[one] / floor[one] if one == "median_ms" else floor[one] / figures[one]
                ratio = f"   {times:.1f} times the floor"
            print(f"  {name:<32}" + "  ".join(f"{key} {value:>7}" for key, value in figures.items()) + ratio)
    print(json.dumps({"machine": machine(), "scales": results}))


if __name__ == "__main__":
    main()
