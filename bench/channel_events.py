"""A storm of webhook calls: does every order lead to the same state, and how fast is a call acknowledged?

    PYTHONPATH=. .venv/bin/python bench/channel_events.py [--chats 200] [--database postgres://postgres@127.0.0.1:5432/postgres]

*Order*: what two messengers send about 200 chats (new, changed, delivered, read, failed; some 5,000 events, with answers and
solutions of agents in between) is taken in once in order and once with every call made one to five times, shuffled and some of it
late; the two states are compared ticket by ticket, message by message. *Acknowledged*: the same storm is sent over HTTP by eight
clients to a server of its own, one ASGI process without a worker, so nothing is processed; the milliseconds are those that a
client waits. With ``--working`` the embedded profile's worker takes the calls in meanwhile, and *acknowledged* is measured alone.

Without ``--database`` the database is SQLite in a folder of the run; else databases are made on that server and dropped. The last
line of stdout is one JSON object; the exit status is 1 when the states differ or a call was lost.
"""

import argparse
import http.client
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

CLIENTS = 8
ROUNDS = 6
PARTS = ("in-order", "storm", "acknowledge")
WORKING = "acknowledge-working"


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print; each run of the storm is a process of its own, with a database of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--database", default="")
    parser.add_argument("--working", action="store_true")
    parser.add_argument("--part", choices=[*PARTS, WORKING], help=argparse.SUPPRESS)
    parser.add_argument("--dump", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(_part(options.part, options.chats, options.dump)))
        return
    found: dict[str, Any] = {
        "database": "postgresql" if options.database else "sqlite",
        "chats": options.chats,
    }
    with tempfile.TemporaryDirectory(prefix="bench-events-") as folder:
        dumps = []
        for part in (WORKING,) if options.working else PARTS:
            say(part)
            dumps.append(Path(folder) / part)
            found |= _in_process(part, options, dumps[-1])
            say(json.dumps(found))
        if not options.working:
            found["states_equal"] = _compare(*dumps[:2])
    print(json.dumps(found))
    sys.exit(0 if found.get("states_equal", True) and found["kept"] == found["distinct_calls"] else 1)


def _in_process(part: str, options: argparse.Namespace, dump: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        var = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-events-"))
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"VAR_DIR": var, "DJANGO_SETTINGS_MODULE": "cs_ops.settings"}
        if not part.startswith("acknowledge"):
            environment["CELERY_BROKER_URL"] = (
                "memory://"  # nobody listens to nudges: this process does the work
            )
        if options.database:
            environment["DATABASE_URL"] = stack.enter_context(_database(options.database))
        command = [
            sys.executable,
            __file__,
            "--chats",
            str(options.chats),
            "--part",
            part,
            "--dump",
            str(dump),
        ]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


@contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg

    name = f"cs_ops_bench_events_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _compare(one: Path, other: Path) -> bool:
    first, second = json.loads(one.read_text()), json.loads(other.read_text())
    differing = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
    for name in differing[:5]:
        say(f"{name}:\n  {first.get(name)}\n  {second.get(name)}")
    return not differing


def _part(part: str, chats: int, dump: Path) -> dict[str, Any]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from tests.tickets.messengers.storm import Desk, state_of, storm, story
    from tests.tickets.providers import running_provider

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    told = story(chats=chats, rounds=ROUNDS, seed=11)
    rounds = told if part == "in-order" else storm(told, seed=12)
    changed = SimpleNamespace(PROVIDER_URLS={})
    with running_provider(changed, "telegram", "meta") as provider:
        settings.PROVIDER_URLS, settings.GUARDED_HTTP_ALLOW = (
            changed.PROVIDER_URLS,
            changed.GUARDED_HTTP_ALLOW,
        )
        desk = Desk(provider)
        if part.startswith("acknowledge"):
            working = part == WORKING
            return _acknowledge(desk, [call for one in rounds for call in one.calls], working=working)
        began = time.perf_counter()
        made = desk.live_through(rounds)
        seconds = time.perf_counter() - began
        dump.write_text(json.dumps(state_of(list(desk.inboxes.values())), default=str))
    events = sum(len(one.calls) for one in told)
    name = part.replace("-", "_")
    return {"events": events, f"calls_{name}": made, f"events_per_second_{name}": round(events / seconds, 1)}


def _acknowledge(desk: Any, calls: Sequence[Any], *, working: bool) -> dict[str, Any]:
    """Send the calls to a server of its own, and return the milliseconds until their acknowledgement."""
    from tickets.models import ChannelPayload, Ticket

    wanted: queue.SimpleQueue[tuple[str, bytes, dict[str, str]] | None] = queue.SimpleQueue()
    for call in calls:
        wanted.put((desk.path(call), call.body, desk.headers(call)))
    for _client in range(CLIENTS):
        wanted.put(None)
    waited: list[float] = []
    with _server() as port, _worker() if working else nullcontext():
        threads = [
            threading.Thread(target=_client_of, args=(port, wanted, waited)) for _client in range(CLIENTS)
        ]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        tickets = Ticket.objects.count()
    waited.sort()
    return {
        "acknowledged": len(waited),
        "calls_per_second": round(len(waited) / seconds, 1),
        "p50_ms": round(waited[len(waited) // 2] * 1000, 1),
        "p99_ms": round(waited[int(len(waited) * 0.99)] * 1000, 1),
        "most_ms": round(waited[-1] * 1000, 1),
        "distinct_calls": len({(call.inbox, call.body) for call in calls}),
        "kept": ChannelPayload.objects.count(),
        "tickets_meanwhile": tickets,
    }


def _client_of(port: int, wanted: Any, waited: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while (one := wanted.get()) is not None:
        path, body, headers = one
        began = time.perf_counter()
        connection.request("POST", path, body, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        waited.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status


@contextmanager
def _worker() -> Iterator[None]:
    queues = "events,outbound,channels,batch"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "cs_ops",
        "worker",
        "-Q",
        queues,
        "-c",
        "2",
        "-l",
        "ERROR",
    ]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(120)


@contextmanager
def _server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "cs_ops.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    server = subprocess.Popen(command, env=os.environ | {"ALLOWED_HOSTS": "*"})
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
        yield port
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
