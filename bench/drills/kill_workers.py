"""Drill: tickets are posted by REST while the workers are killed with -9 again and again.

    python bench/drills/kill_workers.py --tickets 300 --kills 10 --json
    python bench/drills/kill_workers.py --profile services --kill-redis --json

It starts its own installation in a temporary folder: a web process, the two workers and beat; on ``--profile services``
its own database on the PostgreSQL server of ``--postgres`` and its own Redis server (so that it can kill that one, too).
Each ticket is answered, too. At the end every ticket must exist once, with one routing prediction, one sentiment and one
set of events; every answer must lie in the file outbox once; and the event log must verify. Exit status 1 when anything is
missing or doubled.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
MAIN_QUEUES = "events,outbound,channels,batch"
TEXTS = [
    ("I was charged twice", "This is terrible, I want my money back now."),
    ("How do I invite a colleague?", "Where in the settings can I add a second person?"),
    ("Thanks", "The export works again, great work. Thank you!"),
    ("Login loop after the update", "After the redirect I am back at the login page. Nobody can work."),
]


class Installation:
    """One running CS Ops in a folder of its own."""

    def __init__(self, folder: Path, *, profile: str, postgres: str, port: int) -> None:
        self.folder = folder
        self.port = port
        self.redis_port = port + 1
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.manager: subprocess.Popen[str] | None = None
        self.env = os.environ | {"VAR_DIR": str(folder / "var"), "PORT": str(port), "LOG_LEVEL": "WARNING"}
        self.env["DATABASE_URL"] = f"sqlite:///{folder / 'var' / 'drill.sqlite3'}"
        self.env["CELERY_BROKER_URL"] = "filesystem://"
        self.database = ""
        self.postgres = postgres
        if profile == "services":
            self.database = f"cs_ops_drill_{port}"
            self.env["DATABASE_URL"] = f"{postgres}/{self.database}"
            self.env["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{self.redis_port}/0"

    def manage(self, *words: str) -> str:
        """Run a management command in the process kept for them, and return its stdout."""
        if self.manager is None:
            env = self.env | {"DJANGO_SETTINGS_MODULE": "cs_ops.settings"}
            with (self.folder / "manager.log").open("ab") as log:
                self.manager = subprocess.Popen(
                    [PYTHON, "-c", MANAGER],
                    cwd=ROOT,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        assert self.manager.stdin is not None
        assert self.manager.stdout is not None
        self.manager.stdin.write(json.dumps(words) + "\n")
        self.manager.stdin.flush()
        line = self.manager.stdout.readline()
        if not line:
            raise RuntimeError(
                f"manage.py {words[0]} ended: " + (self.folder / "manager.log").read_text()[-2000:]
            )
        written, complaint = json.loads(line)
        if complaint:
            raise RuntimeError(f"manage.py {words[0]}: {complaint}")
        return str(written)

    def sql(self, statement: str) -> None:
        """Run a statement on the PostgreSQL server, outside the drill's database."""
        subprocess.run(
            ["psql", "-q", f"{self.postgres}/postgres", "-c", statement], check=True, capture_output=True
        )

    def start(self, name: str) -> None:
        """Start one of the programs."""
        celery = [PYTHON, "-m", "celery", "-A", "cs_ops"]
        command: Sequence[str] = {
            "redis": ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""],
            "web": [
                PYTHON,
                "-m",
                "uvicorn",
                "cs_ops.asgi:application",
                "--port",
                str(self.port),
                "--log-level",
                "error",
            ],
            "main": [
                *celery,
                "worker",
                "-Q",
                MAIN_QUEUES,
                "-c",
                "2",
                "-l",
                "ERROR",
                "-n",
                f"main{self.port}@drill",
            ],
            "ml": [
                *celery,
                "worker",
                "-Q",
                "ml,train",
                "-P",
                "solo",
                "-l",
                "ERROR",
                "-n",
                f"ml{self.port}@drill",
            ],
            "beat": [*celery, "beat", "-l", "ERROR", "--pidfile="],
        }[name]
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
        )

    def revive(self) -> None:
        """Start programs again that have ended by themselves, as the product's supervisor does."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def kill(self, name: str) -> None:
        """Kill a program and its children with -9."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def up(self) -> str:
        """Migrate, make the desk's teams and a key, start everything; returns the key."""
        if self.database:
            self.sql(f'CREATE DATABASE "{self.database}"')
            self.start("redis")
        self.manage("migrate", "-v0")
        self.manage("shell", "-v0", "-c", SETUP)
        key = self.manage("create_api_key", "drill", "--scopes", "tickets:read,tickets:write").split()[-1]
        for name in ("web", "main", "ml", "beat"):
            self.start(name)
        wait_until(lambda: call(self.port, "/healthz", None, key)[0] == 200, 60, "the web process")
        return key

    def down(self) -> None:
        """Stop everything and remove the database."""
        if self.manager is not None:
            self.manager.kill()
            self.manager.communicate()
        for name in list(self.processes):
            self.kill(name)
        if self.database:
            self.sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


# Django starts once for all commands: while the backlog drains it is asked twice a second, on a machine that is busy with it.
MANAGER = """
import contextlib, io, json, sys, traceback
import django
django.setup()
from django.core.management import call_command
from django.db import connection
answers = sys.stdout
for line in sys.stdin:
    written, complaint = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(written):
            call_command(*json.loads(line))
    except (Exception, SystemExit):
        complaint = traceback.format_exc()
    connection.close()
    print(json.dumps([written.getvalue(), complaint]), file=answers, flush=True)
"""

SETUP = """
from people.models import Team
from tickets.models import Category, Inbox
billing = Team.objects.create(name="Billing", description="Invoices, double charges, refunds and payment methods.")
access = Team.objects.create(name="Access", description="Login, password, single sign-on and invitations.")
Category.objects.create(name="Payments", description="I was charged twice, refund, invoice, card", team=billing)
Category.objects.create(name="Login", description="I cannot log in, redirect loop, password, invite", team=access)
Inbox.objects.create(name="API", channel="api", address="desk@drill.example", default_team=billing)
"""

COUNT = """
import json
from django.db.models import Count
from core.models import DeadLetter, Event, Outbound
from ml.models import Prediction
from tickets.models import Message, Ticket
tickets = Ticket.objects.filter(subject__startswith="drill ")
ids = list(tickets.values_list("pk", flat=True))
messages = Message.objects.filter(ticket__in=ids, kind="inbound")
def per(rows, key): return sorted({r["n"] for r in rows.values(key).annotate(n=Count("pk"))})
routed = Prediction.objects.filter(task="routing", subject_kind="ticket", subject_id__in=ids)
scored = Prediction.objects.filter(task="sentiment", subject_kind="message", subject_id__in=messages.values("pk"))
events = Event.objects.filter(ticket_id__in=ids)
print(json.dumps({
    "tickets": len(ids),
    "distinct_subjects": tickets.values("subject").distinct().count(),
    "messages": messages.count(),
    "routing_predictions": routed.count(),
    "sentiment_predictions": scored.count(),
    "scored_messages": messages.exclude(sentiment_label="").count(),
    "pending": tickets.filter(routing_state="pending").count(),
    "created_events_per_ticket": per(events.filter(verb="tickets.created"), "ticket_id"),
    "created_events": events.filter(verb="tickets.created").count(),
    "routed_events_per_ticket": per(events.filter(verb__in=["tickets.routed", "tickets.triage_needed"]), "ticket_id"),
    "answers_sent": Outbound.objects.filter(kind="tickets.email_reply", state="sent").count(),
    "answers_not_sent": Outbound.objects.filter(kind="tickets.email_reply").exclude(state="sent").count(),
    "open_dead_letters": DeadLetter.objects.filter(state__in=["parked", "waiting"]).count(),
}))
"""


def call(port: int, path: str, body: Any, key: str, idempotency_key: str = "") -> tuple[int, Any]:
    """Call the installation; (0, None) when nobody answers."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, None


def wait_until(check: Any, seconds: float, what: str) -> float:
    """Poll until ``check`` holds; returns the seconds waited, raises TimeoutError."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if check():
            return time.monotonic() - start
        time.sleep(0.5)
    raise TimeoutError(f"{what} not ready after {seconds:.0f} s")


def post_all(port: int, key: str, count: int, on_each: Any) -> None:
    """Post ``count`` tickets, each retried with its Idempotency-Key until it is accepted."""
    for number in range(count):
        subject, text = TEXTS[number % len(TEXTS)]
        body = {
            "subject": f"drill {number}: {subject}",
            "body": f"{text} (case {number})",
            "contact": {"email": f"person{number % 37}@customer.example", "name": "Person"},
            "channel": "api",
        }
        for attempt in range(60):
            status, answer = call(port, "/api/v1/tickets/", body, key, f"drill-{number}")
            if status == 201:
                break
            if status not in (0, 409, 500, 502, 503) or attempt == 59:
                raise RuntimeError(f"ticket {number} was refused: {status} {answer!r}")
            time.sleep(0.2)
        answer_ticket(port, key, answer["id"], number)
        on_each(number)


def answer_ticket(port: int, key: str, ticket: int, number: int) -> None:
    """Answer a ticket, with the same patience."""
    body = {"kind": "outbound", "body": f"We are looking into case {number}."}
    for _attempt in range(60):
        status, answer = call(port, f"/api/v1/tickets/{ticket}/messages/", body, key, f"answer-{number}")
        if status == 201:
            return
        if status not in (0, 409, 500, 502, 503):
            raise RuntimeError(f"answer {number} was refused: {status} {answer!r}")
        time.sleep(0.2)
    raise RuntimeError(f"answer {number} was never taken")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run the drill and return what was found."""
    folder = Path(tempfile.mkdtemp(prefix="cs-ops-drill-"))
    installation = Installation(folder, profile=options.profile, postgres=options.postgres, port=options.port)
    chooser = random.Random(options.seed)
    killed = {"main": 0, "ml": 0, "redis": 0}
    every = max(1, options.tickets // max(1, options.kills))
    redis_at = options.tickets // 2 if options.kill_redis else -1
    try:
        key = installation.up()
        wait_until(
            lambda: all(json.loads(installation.manage("shell", "-v0", "-c", CANARIES))),
            90,
            "the workers' canaries",
        )
        started = time.monotonic()

        def disturb(number: int) -> None:
            time.sleep(options.pause)
            installation.revive()
            if (number + 1) % every == 0 and killed["main"] + killed["ml"] < options.kills:
                name = chooser.choice(["main", "ml"])
                installation.kill(name)
                installation.start(name)
                killed[name] += 1
            if number == redis_at:
                installation.kill("redis")
                time.sleep(1)
                installation.start("redis")
                killed["redis"] += 1

        post_all(installation.port, key, options.tickets, disturb)
        posted = time.monotonic()

        def drained() -> bool:
            installation.revive()
            counts = json.loads(installation.manage("shell", "-v0", "-c", COUNT))
            return bool(
                counts["routing_predictions"] >= options.tickets
                and counts["sentiment_predictions"] >= options.tickets
                and counts["answers_not_sent"] == 0
            )

        wait_until(drained, options.patience, "the backlog")
        drain = time.monotonic() - posted
        time.sleep(3)
        counts = json.loads(installation.manage("shell", "-v0", "-c", COUNT))
        counts["mails_in_outbox"] = sum(path.is_file() for path in (folder / "var" / "outbox").rglob("*.eml"))
        log = json.loads(installation.manage("verify_events", "--json").strip().splitlines()[-1])
    finally:
        installation.down()
        if options.keep:
            print(f"logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    n = options.tickets
    ok = (
        all(
            counts[name] == n
            for name in (
                "tickets",
                "distinct_subjects",
                "messages",
                "routing_predictions",
                "sentiment_predictions",
                "scored_messages",
                "created_events",
                "answers_sent",
                "mails_in_outbox",
            )
        )
        and counts["pending"] == 0
        and counts["created_events_per_ticket"] == counts["routed_events_per_ticket"] == [1]
        and counts["open_dead_letters"] == 0
        and log["ok"]
    )
    return {
        "ok": ok,
        "profile": options.profile,
        "killed": killed,
        "posting_seconds": round(posted - started, 1),
        "drained_after_seconds": round(drain, 1),
        "event_log_ok": log["ok"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        **counts,
    }


CANARIES = """
import json
from core.readiness import heartbeat_finding
print(json.dumps([heartbeat_finding(f"queue:{q}").ok for q in ("events", "ml")]))
"""


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tickets", type=int, default=300)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--profile", choices=["embedded", "services"], default="embedded")
    parser.add_argument(
        "--kill-redis", action="store_true", help="kill Redis once, half-way (services profile)"
    )
    parser.add_argument("--postgres", default="postgres://postgres@127.0.0.1:5432")
    parser.add_argument("--port", type=int, default=18321)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between tickets")
    parser.add_argument("--patience", type=float, default=180, help="seconds to wait for the backlog")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    parser.add_argument("--json", action="store_true")
    found = run(parser.parse_args())
    for name, value in found.items():
        print(f"{name:28} {value}", file=sys.stderr)
    print(json.dumps(found))
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
