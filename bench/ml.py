"""How fast and how large the machine learning is: encoder, whole pipeline, memory of every process, first prediction.

    PYTHONPATH=. .venv/bin/python bench/ml.py [--only encoder,models,pipeline,memory,first] [--database postgres://...] [--json]

*Encoder*: texts per second of texts of 20 tokens, mixed (10 to 200 tokens) and long (200) ones, by one process and by two at
once, one torch thread each, beside transformers' own pipeline in float32 with one text at a time. *Models*: messages per second
through routing, priority (if its model serves), sentiment with all other answers, and the search for similar tickets, without
writing a row. *Pipeline*: the same from stored tickets to stored answers, with macros, incidents, forecasts, assignment and
promises, by the subscribers that an ml worker runs. Both with one process and two, models loaded before. *Memory*: the
processes of ``make run``, started by the supervisor, once ready and after 200 tickets were worked; proportional (PSS, what is
shared is split) and resident (RSS). *First*: seconds from the start of a new process, and from Django being ready in it, to its
first routing and sentiment.

Each figure is given per second of the clock and, in brackets, per second of processor time of one process, which tells versions
apart on a machine that others use. Pipeline, memory and first fill a database with a demo world of ``--tickets`` tickets and
train on it: SQLite in a folder of the run, or one made on the server of ``--database`` and dropped.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("encoder", "models", "pipeline", "memory", "first")
TEXTS = ("20 tokens", "mixed", "long")
MESSAGES_BEFORE = 200
SEVERAL = (1, 2)


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=6, help="how long each encoder runs")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--tickets", type=int, default=900)
    parser.add_argument("--database", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = options.only.split(",")
    found: dict[str, Any] = {"machine": machine(), "load": round(os.getloadavg()[0], 1)}
    if "encoder" in wanted:
        found["encoder"] = encoder(options.seconds)
    if set(wanted) & {"models", "pipeline", "memory", "first"}:
        with ExitStack() as stack:
            environment = installation(stack, options.database, options.tickets)
            found["database"] = "postgresql" if options.database else "sqlite"
            if "models" in wanted:
                found["models"] = [models(environment, processes, options.messages) for processes in SEVERAL]
            if "pipeline" in wanted:
                found["pipeline"] = [
                    pipeline(environment, processes, options.messages) for processes in SEVERAL
                ]
            if "first" in wanted:
                found["first"] = first(environment)
            if "memory" in wanted:
                found["memory"] = memory(environment)
    report(found)
    if options.json:
        print(json.dumps(found))


# --- processes of our own ------------------------------------------------------------------------------------------------


def start(*arguments: object, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start bench/_ml_children.py on one of its tasks."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("_ml_children.py")), *map(str, arguments)],
        env={**environment, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "cs_ops.settings"},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> Any:
    """The next thing that a child says."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process of the benchmark ended with {process.wait()}")
    return json.loads(line)


def at_once(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, float]]:
    """Let children begin together when all are ready; what they measured."""
    for process in processes:
        told(process)
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    measured = [told(process) for process in processes]
    for process in processes:
        process.wait()
    return measured


# --- encoder -------------------------------------------------------------------------------------------------------------


def encoder(seconds: float) -> list[dict[str, Any]]:
    """Rates of both encoders over each kind of texts."""
    rows = []
    for kind in TEXTS:
        for which in ("ours", "transformers"):
            for processes in SEVERAL:
                say(f"{which}: {kind}, {processes} at once")
                ran = at_once(
                    [start("encode", which, kind, seconds, environment=os.environ) for _ in range(processes)]
                )
                rows.append(
                    {"encoder": which, "texts": kind, "processes": processes}
                    | {"per_second": round(sum(one["done"] / one["seconds"] for one in ran), 1)}
                    | {"per_cpu_second": round(sum(one["done"] for one in ran) / sum(one["cpu"] for one in ran), 1)}
                )  # fmt: skip
    return rows


# --- an installation -----------------------------------------------------------------------------------------------------


def installation(stack: ExitStack, server: str, tickets: int) -> dict[str, str]:
    """Make a demo world with trained models; what its processes are started with."""
    var = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ml-"))
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"VAR_DIR": var, "DEMO": "0"}
    if server:
        environment["DATABASE_URL"] = stack.enter_context(_database(server))
    say(f"a demo world of {tickets} tickets, and its models")
    for command in (
        ("migrate", "-v0"),
        ("seed_demo", "--accounts", str(max(tickets // 15, 20)), "--tickets", str(tickets)),
    ):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT, env=environment, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return environment


@contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg

    name = f"cs_ops_bench_ml_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


# --- models alone --------------------------------------------------------------------------------------------------------


def models(environment: Mapping[str, str], processes: int, messages: int) -> dict[str, Any]:
    """Messages per second through the models of an ml worker, rows left out."""
    say(f"models: {messages} messages, {processes} at once")
    ran = at_once([start("answer", messages, environment=environment) for _ in range(processes)])
    return {
        "processes": processes,
        "per_second": round(sum(one["done"] / one["seconds"] for one in ran), 1),
        "per_cpu_second": round(sum(one["done"] for one in ran) / sum(one["cpu"] for one in ran), 1),
    }


# --- pipeline ------------------------------------------------------------------------------------------------------------


def pipeline(environment: Mapping[str, str], processes: int, messages: int) -> dict[str, Any]:
    """Messages per second through everything that an ml worker does with a new ticket."""
    say(f"pipeline: {messages} messages, {processes} at once")
    quiet = {**environment, "CELERY_BROKER_URL": "memory://"}
    at = told(writer := start("write", messages, f"pipeline-{processes}", environment=quiet))
    writer.wait()
    ran = at_once([start("work", at, environment=quiet) for _ in range(processes)])
    took = max(one["seconds"] for one in ran)
    return {
        "processes": processes,
        "per_second": round(messages / took, 1),
        "per_cpu_second": round(messages / sum(one["cpu"] for one in ran), 1),
    }


# --- first prediction ----------------------------------------------------------------------------------------------------


def first(environment: Mapping[str, str]) -> dict[str, Any]:
    """Seconds until a new process has routed and read a text; the second of two starts, with the files in memory."""
    for _ in range(2):
        started = time.time()
        process = start("predict", environment=environment)
        ended = told(process)
        process.wait()
    return {
        "seconds": round(ended["at"] - started, 2),
        "from_ready": round(ended["at"] - ended["ready"], 2),
        "cpu_seconds": round(ended["cpu"], 2),
        "routed_by": ended["by"],
    }


# --- memory --------------------------------------------------------------------------------------------------------------


def memory(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Megabytes of every process of ``make run``, when ready and after it has worked."""
    say("memory: starting everything")
    with tempfile.TemporaryFile("w+") as log:
        stack = subprocess.Popen(
            [sys.executable, "manage.py", "launch", "--ready-seconds", "600"],
            cwd=ROOT, env={**environment, "PORT": str(_free_port())}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait(lambda: "http://" in _read(log) and "Ctrl-C" in _read(log), stack, log)
            ready = _sizes(stack.pid)
            at = told(writer := start("write", MESSAGES_BEFORE, "memory", environment=environment))
            writer.wait()
            say(f"memory: {MESSAGES_BEFORE} messages")
            told(waiter := start("wait", at, environment=environment))
            waiter.wait()
            after = _sizes(stack.pid)
        finally:
            stack.send_signal(signal.SIGINT)
            stack.wait(60)
    return [
        {"process": name, "pid": pid, "ready": ready.get((pid, name)), "worked": size}
        for (pid, name), size in sorted(after.items(), key=lambda one: (one[0][1], one[0][0]))
    ]


def _wait(is_so: Callable[[], bool], process: subprocess.Popen[Any], log: IO[str]) -> None:
    until = time.monotonic() + 900
    while not is_so():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"CS Ops did not start:\n{_read(log)}")
        time.sleep(1)


def _read(log: IO[str]) -> str:
    log.seek(0)
    return log.read()


def _sizes(root: int) -> dict[tuple[int, str], dict[str, int]]:
    """Proportional and resident megabytes of a process and all below it, by number and name."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    sizes = {}
    for pid in family:
        with suppress(OSError):
            words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")
            lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
            sizes[pid, _name(words)] = {
                "pss": round(kilobytes["Pss"] / 1024), "rss": round(kilobytes["Rss"] / 1024)
            }  # fmt: skip
    return sizes


def _name(words: Sequence[str]) -> str:
    line = " ".join(words)
    kinds = {"launch": "launch", "supervised.py": "supervisor", "uvicorn": "web", "ml@": "ml worker"}
    kinds |= {"main@": "default worker", "celery -A cs_ops beat": "beat"}
    return next((name for mark, name in kinds.items() if mark in line), line[:40])


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# --- report --------------------------------------------------------------------------------------------------------------


def machine() -> str:
    """What it ran on, in words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    bf16 = any("avx512_bf16" in line for line in lines)
    return (
        f"{os.cpu_count()} cores ({(named or [platform.machine()])[0]}, {'with' if bf16 else 'without'} avx512_bf16), "
        f"Python {platform.python_version()}"
    )


def report(found: Mapping[str, Any]) -> None:
    """Print tables for people."""
    print(f"Machine: {found['machine']}; load when it began {found['load']}")
    for row in found.get("encoder", ()):
        print(
            f"{row['encoder']:<14}{row['texts']:<11}{row['processes']} at once"
            f"{row['per_second']:>9} texts/s ({row['per_cpu_second']})"
        )
    for part in ("models", "pipeline"):
        for row in found.get(part, ()):
            print(
                f"{part + ', ' + found['database']:<25}{row['processes']} at once"
                f"{row['per_second']:>9} messages/s ({row['per_cpu_second']})"
            )
    if "first" in found:
        print(
            "first prediction after {seconds} s ({cpu_seconds} s of processor time), {from_ready} s after Django was ready, "
            "routed by {routed_by}".format(**found["first"])
        )
    for row in found.get("memory", ()):
        ready, worked = (
            f"{size['pss']:>5} ({size['rss']})" if size else "    -" for size in (row["ready"], row["worked"])
        )
        print(f"{row['process']:<16} ready {ready} MB, after {MESSAGES_BEFORE} messages {worked} MB")


if __name__ == "__main__":
    main()
