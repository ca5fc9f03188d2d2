"""Drill: two imports of the same mails run at once and are killed with -9 again and again, then one runs to its end.

    python bench/drills/kill_mail_import.py --mails 300 --kills 12 --json
    python bench/drills/kill_mail_import.py --postgres postgres://postgres@127.0.0.1:5432 --json
    python bench/drills/kill_mail_import.py --workers

With ``--workers`` the mails lie in the ledger already, and what is killed are two workers that bring them to their tickets, many
in one transaction, while the parser reads ahead.

It writes its own mails (threads, files, damaged ones) into a temporary folder and uses a database of its own. At the end every
mail must have one ledger row in a final state, and every row that says so exactly one message. Exit status 1 otherwise.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COUNTS = """
import json
from core.models import Event
from tickets.models import MailLedger, Message, Ticket
rows = MailLedger.objects.all()
print("COUNTS " + json.dumps({
    "rows": rows.count(),
    "waiting": rows.filter(state="received").count(),
    "with_message": rows.exclude(message=None).exclude(state="duplicate").count(),
    "different_messages": rows.exclude(message=None).exclude(state="duplicate").values("message").distinct().count(),
    "messages": Message.objects.count(),
    "tickets": Ticket.objects.count(),
    "ticket_events": Event.objects.filter(verb="tickets.created").count(),
    "message_events": Event.objects.filter(verb="tickets.message_received").count(),
    "most_attempts": max(rows.values_list("attempts", flat=True), default=0),
}))
"""

STORE = """
from pathlib import Path
from django.utils import timezone
from tickets.channels.email.services.store_mail import Arrived, enter_mails, keep_raw
from tickets.models import Inbox
inbox = Inbox.objects.create(name="Drill", channel="email", address="support@desk.example")
files = sorted(Path({folder!r}).iterdir())
enter_mails(keep_raw([Arrived(file.read_bytes(), timezone.now(), file.name) for file in files]), inbox=inbox)
"""
WORK = """
import time
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.models import MailLedger
while MailLedger.objects.filter(state="received").exists():
    if not process_waiting_mail():
        time.sleep(0.2)
"""
WATCH = """
import time
from tickets.models import MailLedger
waiting = MailLedger.objects.filter(state="received")
wanted, deadline = waiting.count() - {mails}, time.monotonic() + 60
while waiting.count() > max(0, wanted) and time.monotonic() < deadline:
    time.sleep(0.01)
"""


def write_mails(folder: Path, count: int, rng: random.Random) -> None:
    """Write ``count`` different mails: half open a ticket, the rest answer one, carry a file or are damaged."""
    folder.mkdir(parents=True)
    for number in range(count):
        sender = f"person{number % 40}@company{number % 9}.example"
        head = f"From: {sender}\r\nSubject: Question {number}\r\nMessage-ID: <{number}@mail.example>\r\n"
        body = "\r\nThe export fails since this morning.\r\n" * rng.randint(1, 30)
        if number % 4 == 1:
            head += f"In-Reply-To: <{number - 1}@mail.example>\r\n"
            head = head.replace(sender, f"person{(number - 1) % 40}@company{(number - 1) % 9}.example")
        elif number % 4 == 3:
            head += 'Content-Type: multipart/mixed; boundary="b"\r\n'
            body = "\r\n--b\r\n\r\nSee file.\r\n--b\r\nContent-Type: image/png\r\n\r\n" + "x" * rng.randint(
                1, 50_000
            )
        if number % 25 == 24:
            head = head.replace("From:", "From: somebody@else.example,")
        (folder / f"{number:06}.eml").write_bytes((head + body).encode())


def run_drill(mails: int, kills: int, postgres: str, seed: int, *, workers: bool) -> dict[str, Any]:
    """Do the drill; returns the figures, with ``ok``."""
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="cs-ops-mail-drill-"))
    var = folder / "var"
    database = f"cs_ops_mail_drill_{os.getpid()}"
    url = f"{postgres}/{database}" if postgres else f"sqlite:///{var / 'drill.sqlite3'}"
    env = os.environ | {"VAR_DIR": str(var), "LOG_LEVEL": "ERROR", "DATABASE_URL": url}
    try:
        if postgres:
            _postgres(postgres, f"CREATE DATABASE {database}")
        write_mails(folder / "mails", mails, rng)
        _manage(env, "migrate", "-v0")
        words = ["import_mail", str(folder / "mails"), "--inbox", "Drill", "--json"]
        if workers:
            _manage(env, "shell", "-c", STORE.format(folder=str(folder / "mails")))
            words = ["shell", "-c", WORK]
        killed = 0
        while killed < kills:
            running = [_start(env, words) for _ in range(min(2, kills - killed))]
            some = rng.randint(1, max(2, mails // kills))
            if workers:
                _wait_for_tickets(env, some)
            else:
                _wait_for_files(var / "media", some)
            time.sleep(rng.uniform(0, 0.05))
            for process in running:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
        started = time.monotonic()
        _manage(env, *words)
        seconds = time.monotonic() - started
        lines = _manage(env, "shell", "-c", COUNTS).splitlines()
        counts = json.loads(
            next(line for line in lines if line.startswith("COUNTS ")).removeprefix("COUNTS ")
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if postgres:
            _postgres(postgres, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    ok = (
        counts["rows"] == mails
        and counts["waiting"] == 0
        and counts["with_message"]
        == counts["different_messages"]
        == counts["messages"]
        == counts["message_events"]
        and counts["tickets"] == counts["ticket_events"]
    )
    return {"ok": ok, "mails": mails, "kills": kills, "last_run_seconds": round(seconds, 1), **counts}


def _wait_for_tickets(env: dict[str, str], mails: int) -> None:
    """Return when ``mails`` more mails are done, or after a minute."""
    _manage(env, "shell", "-c", WATCH.format(mails=mails))


def _wait_for_files(media: Path, files: int) -> None:
    """Return when ``files`` more mails have been stored, or after a minute."""
    wanted = sum(1 for _ in media.glob("??/*")) + files
    deadline = time.monotonic() + 60
    while sum(1 for _ in media.glob("??/*")) < wanted and time.monotonic() < deadline:
        time.sleep(0.01)


def _start(env: dict[str, str], words: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _manage(env: dict[str, str], *words: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ).stdout  # fmt: skip


def _postgres(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(
        f"{server.replace('postgres://', 'postgresql://')}/postgres", autocommit=True
    ) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def main() -> int:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=300)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--postgres", default="", help="server URL without a database; default: SQLite")
    parser.add_argument("--workers", action="store_true", help="kill workers that process what waits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run_drill(options.mails, options.kills, options.postgres, options.seed, workers=options.workers)
    if not options.json:
        for name, value in result.items():
            print(f"{name:<20} {value}")
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
