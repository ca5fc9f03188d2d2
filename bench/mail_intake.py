"""How fast mails come in from a mailbox: from a real IMAP server on this machine into the ledger, and on into tickets.

    PYTHONPATH=. .venv/bin/python bench/mail_intake.py --mails 2000 [--database postgres://...] [--cut-every 200]

Starts a Dovecot of its own (Debian: dovecot-imapd), puts the mails into its INBOX, and measures twice: *fetched* is until every
raw mail is on disk and in the ledger, *processed* is until each has its ticket, by one process without the machine learning that
follows. Without ``--database`` the database is SQLite in a folder of the run; else a database is made on that server and
dropped. Mails are plain text of about 2 kB from 200 people. With ``--cut-every`` the connection breaks off within the mail that
follows so many mails, again and again, and still each mail must become exactly one message.

The last line of stdout is one JSON object. Its milliseconds are processor time of this process for a mail, without parser and
database: they tell versions apart also on a machine that others use.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

NAME = f"cs_ops_bench_intake_{os.getpid()}"
WORDS = [
    "invoice",
    "order",
    "delivery",
    "password",
    "report",
    "dashboard",
    "export",
    "seat",
    "contract",
    "renewal",
    "login",
    "error",
    "slow",
    "page",
]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--database", default="")
    parser.add_argument("--cut-every", type=int, metavar="MAILS")
    options = parser.parse_args()
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-intake-")))
        os.environ |= {"VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "cs_ops.settings"}
        os.environ["GUARDED_MAIL_ALLOW"] = "127.0.0.1"
        if options.database:
            os.environ["DATABASE_URL"] = stack.enter_context(_database(options.database))
        else:
            os.environ.pop("DATABASE_URL", None)
        print(json.dumps(_measure(stack, options.mails, options.cut_every)))


@contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg

    url = urlunsplit(urlsplit(server)._replace(path=f"/{NAME}"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{NAME}"')
    try:
        yield url
    finally:
        from django.db import connections

        connections.close_all()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')


def _measure(stack: ExitStack, count: int, cut_every: int | None) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from people.viewer import system_viewer
    from tests.tickets.email.dovecot import PASSWORD, BreakingWire, Dovecot
    from tickets.channels.email.services.fetch_mailbox import fetch_mailbox
    from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
    from tickets.channels.email.services.save_mailbox import save_mailbox
    from tickets.models import Inbox, MailLedger, Message

    call_command("migrate", verbosity=0)
    server = stack.enter_context(Dovecot())
    say(f"putting {count} mails into the mailbox")
    server.deliver(list(_mails(count)))
    inbox = Inbox.objects.create(name="Support", channel="email", address="support@desk.example")
    port = server.port
    if cut_every is not None:
        port = stack.enter_context(BreakingWire(server.port, cut_mails=cut_every)).port
    box = save_mailbox(
        inbox=inbox, host="127.0.0.1", port=port, security="none", username="support", password=PASSWORD,
        folder="INBOX", take_existing=True, by=system_viewer("command"),
    )  # fmt: skip
    say("fetching")
    started, used = time.perf_counter(), time.process_time()
    visits = 0
    while MailLedger.objects.count() < count:
        visit = fetch_mailbox(mailbox_id=box.pk)
        visits += 1
        assert visit is not None, "somebody else is connected"
        assert visit.trouble is None or cut_every is not None, visit.trouble
    fetched, fetch_used = time.perf_counter() - started, time.process_time() - used
    say(f"fetched in {fetched:.1f} s; processing")
    started, used = time.perf_counter(), time.process_time()
    while process_waiting_mail(limit=500):
        pass
    processed, process_used = time.perf_counter() - started, time.process_time() - used
    states = dict(
        MailLedger.objects.order_by().values_list("state").distinct().values_list("state", "inbox_id")
    )
    assert set(states) == {"ticket"}, states
    ids = Message.objects.values_list("external_id", flat=True)
    assert sorted(ids) == sorted(f"<{number}@customer.example>" for number in range(count))
    return {
        "database": connection.vendor,
        "mails": count,
        "visits": visits,
        "fetched_per_second": round(count / fetched, 1),
        "processed_per_second": round(count / processed, 1),
        "both_per_second": round(count / (fetched + processed), 1),
        "fetch_ms": round(1000 * fetch_used / count, 2),
        "process_ms": round(1000 * process_used / count, 2),
    }


def _mails(count: int) -> Iterator[bytes]:
    chance = random.Random(7)
    for number in range(count):
        text = "\r\n".join(" ".join(chance.choices(WORDS, k=12)) for _line in range(20))
        yield (
            f"From: Person {number % 200} <person{number % 200}@customer{number % 50}.example>\r\n"
            f"To: support@desk.example\r\nSubject: {' '.join(chance.choices(WORDS, k=4))} {number}\r\n"
            f"Message-ID: <{number}@customer.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        ).encode()


if __name__ == "__main__":
    main()
