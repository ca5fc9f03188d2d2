"""What the mail parser makes of mails that nobody here wrote.

    PYTHONPATH=. .venv/bin/python bench/mail_corpora.py --quotes FOLDER
    PYTHONPATH=. .venv/bin/python bench/mail_corpora.py --mails FOLDER... [--mutated 10000] [--database URL]

``--quotes FOLDER`` reads FOLDER/expected.json ({file: {rule: value}}) and the bodies it names (``.eml`` whole mails,
``.html`` HTML bodies, all else plain text), puts each through the parser as a mail and compares what stays visible.
Rules: ``reply`` and ``reply_strip`` (equal, white space at the ends aside), ``reply_ignoring_whitespace``,
``must_contain``, ``must_not_contain``, ``whole_mail_kept``, ``max_seconds``. A mail agrees when every rule of it holds.
Some collections leave a signature in the reply and some do not, so two figures come out: *strict* compares what a page
shows unfolded (no history, no signature), *agree* also takes the text without its history but with its signature.

``--mails FOLDER...`` takes every mail below the folders (also mboxes and ``.tar.gz``) and as many damaged ones as ``--mutated``
says (bytes changed, removed, doubled, put elsewhere; ``--seed`` repeats them). Each goes through the parser's child process under
measurement of its processor time and memory, then through the ledger of an empty installation: every mail must end in exactly one
final state, none by an error of ours, and taking all of them a second time must change nothing.

The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import random
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.tickets.email.damage import damaged
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.mail_files import MailFiles
from tickets.channels.email.parser_process import ParserProcess
from tickets.channels.email.parsing import parse_mail
from tickets.channels.email.quotes import Fold, visible_text

MAX_CPU_SECONDS = 2.0
MAX_RSS_BYTES = 256 * 1024 * 1024
OUR_ERRORS = ("parser_error", "parser_died", "processing_error", "gave_up")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quotes", type=Path, metavar="FOLDER")
    parser.add_argument("--show", action="store_true", help="print what differs, on stderr")
    parser.add_argument("--mails", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--mutated", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    if options.quotes is not None:
        print(json.dumps(measure_quotes(options.quotes, show=options.show)))
    if options.mails:
        originals = list(_originals(options.mails))
        mails = originals + list(mutations(originals, options.mutated, options.seed))
        with ExitStack() as stack:
            start_installation(stack, options.database)
            result = {"mails": len(originals), "mutated": options.mutated, "seed": options.seed}
            print(json.dumps(result | measure_parser(mails) | measure_ledger(mails)))


def start_installation(stack: ExitStack, database: str) -> None:
    """Django on an empty database: SQLite in a folder of the run, or the empty one that ``database`` names."""
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "cs_ops.settings"
    os.environ["VAR_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-corpora-"))
    os.environ.pop("DATABASE_URL", None)
    if database:
        os.environ["DATABASE_URL"] = database
    django.setup()
    call_command("migrate", verbosity=0)


def _originals(folders: list[Path]) -> Iterator[bytes]:
    for folder in folders:
        for mail in MailFiles([folder]):
            if not mail.error:
                yield mail.raw
        for archive in sorted(folder.rglob("*.tar.gz")):
            with tarfile.open(archive) as members:
                for member in members:
                    content = members.extractfile(member) if member.isfile() else None
                    if content is not None:
                        yield content.read()


def mutations(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """``count`` damaged mails, each from one of ``originals``; the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        yield damaged(chance.choice(originals), seed * 1_000_003 + number)


def measure_parser(mails: list[bytes]) -> dict[str, Any]:
    """Processor time and peak memory of the child process for each mail, and how the parser ended."""
    process = ParserProcess()
    ends: Counter[str] = Counter()
    most_seconds, most_bytes, over = 0.0, 0, 0
    for raw in mails:
        before = _Usage(process.pid)
        try:
            process.parse(raw)
            ends["parsed"] += 1
        except MailRefused as refusal:
            ends[refusal.code] += 1
        after = _Usage(process.pid)
        seconds = after.seconds - (before.seconds if before.pid == after.pid else 0.0)
        most_seconds, most_bytes = max(most_seconds, seconds), max(most_bytes, after.peak_bytes)
        over += seconds > MAX_CPU_SECONDS or after.peak_bytes > MAX_RSS_BYTES
    process.close()
    return {
        "parser": dict(ends.most_common()),
        "uncaught": sum(ends[code] for code in OUR_ERRORS),
        "over_the_caps": over,
        "most_cpu_seconds": round(most_seconds, 2),
        "most_rss_mb": round(most_bytes / 2**20, 1),
    }


class _Usage:
    """Processor time so far and peak memory since the last look of a process; Linux only."""

    def __init__(self, pid: int | None) -> None:
        self.pid, self.seconds, self.peak_bytes = pid, 0.0, 0
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{pid}/status").read_text()
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            return
        self.seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        self.peak_bytes = int(status.partition("VmHWM:")[2].split()[0]) * 1024


def measure_ledger(mails: list[bytes]) -> dict[str, Any]:
    """Take all mails into one inbox, then all of them again; how they ended and what the second time changed."""
    from tickets.models import Inbox, MailLedger

    inbox = Inbox.objects.create(name="Support", channel="email", address="support@desk.example")
    started = time.perf_counter()
    _take(mails, inbox)
    seconds = time.perf_counter() - started
    first = _snapshot()
    _take(mails, inbox)
    states = Counter(MailLedger.objects.order_by().values_list("state", flat=True))
    errors = Counter(
        error.partition(":")[0]
        for error in MailLedger.objects.filter(state="quarantined").values_list("error", flat=True)
    )
    return {
        "ledger_rows": len(first["ledger"]),
        "expected_rows": len(set(mails)),
        "states": dict(states.most_common()),
        "not_final": states["received"],
        "our_errors": sum(errors[code] for code in OUR_ERRORS),
        "quarantined": dict(errors.most_common(20)),
        "second_time_changed": [name for name, rows in _snapshot().items() if rows != first[name]],
        "per_second": round(len(mails) / seconds, 1),
    }


def _take(mails: list[bytes], inbox: Any) -> None:
    from django.utils import timezone

    from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
    from tickets.channels.email.services.store_mail import Arrived, enter_mails, keep_raw

    for start in range(0, len(mails), 200):
        batch = [Arrived(raw, timezone.now(), "bench") for raw in mails[start : start + 200]]
        enter_mails(keep_raw(batch), inbox=inbox)
        while process_waiting_mail(limit=500):
            pass
        if start % 2000 == 0:
            print(f"{time.strftime('%H:%M:%S')} {start} of {len(mails)}", file=sys.stderr, flush=True)


def _snapshot() -> dict[str, list[Any]]:
    from core.models import Event
    from tickets.models import Attachment, MailLedger, Message, Ticket

    ledger = MailLedger.objects.order_by("pk").values_list(
        "pk", "state", "ticket_id", "message_id", "attempts"
    )
    counted = {model.__name__: [model.objects.count()] for model in (Ticket, Message, Attachment, Event)}
    return {"ledger": list(ledger), **counted}


def measure_quotes(folder: Path, *, show: bool = False) -> dict[str, Any]:
    """Share of the mails whose visible reply is the expected one, and the names of the others."""
    expected: dict[str, dict[str, Any]] = json.loads((folder / "expected.json").read_text())
    strict, agree, lost = [], [], []
    for name, rules in sorted(expected.items()):
        started = time.process_time()
        mail = parse_mail(_as_mail(folder / name))
        seconds = time.process_time() - started
        folds = list(mail.folds)
        if not _nothing_lost(mail.text, folds):
            lost.append(name)
        shown = visible_text(mail.text, folds)
        signed = visible_text(mail.text, [fold for fold in folds if fold.kind != "signature"])
        if _holds(rules, shown, mail.text, seconds):
            strict.append(name)
        if name in strict or _holds(rules, signed, mail.text, seconds):
            agree.append(name)
        elif show:
            print(
                f"--- {name}\nexpected {json.dumps(rules)[:600]}\nshown    {shown[:900]!r}", file=sys.stderr
            )
    return {
        "mails": len(expected),
        "strict": round(len(strict) / len(expected), 3),
        "agree": round(len(agree) / len(expected), 3),
        "differ": sorted(set(expected) - set(agree)),
        "text_lost": lost,
    }


def _as_mail(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".eml":
        return raw
    kind = "html" if path.suffix == ".html" else "plain"
    return f"From: a@b.example\nContent-Type: text/{kind}; charset=utf-8\n\n".encode() + raw


def _holds(rules: dict[str, Any], shown: str, whole: str, seconds: float) -> bool:
    def flat(text: str) -> str:
        return "".join(text.split())

    checks = {
        "reply": lambda value: shown.strip() == value.strip(),
        "reply_strip": lambda value: shown.strip() == value.strip(),
        "reply_ignoring_whitespace": lambda value: flat(shown) == flat(value),
        "must_contain": lambda value: all(one in shown for one in value),
        "must_not_contain": lambda value: not any(one in shown for one in value),
        "whole_mail_kept": lambda value: not value or flat(shown) == flat(whole),
        "max_seconds": lambda value: seconds <= value,
    }
    return all(checks[rule](value) for rule, value in rules.items())


def _nothing_lost(text: str, folds: list[Fold]) -> bool:
    position, pieces = 0, []
    for fold in folds:
        if not position <= fold.start < fold.end <= len(text):
            return False
        pieces += [text[position : fold.start], text[fold.start : fold.end]]
        position = fold.end
    return "".join(pieces) + text[position:] == text


if __name__ == "__main__":
    main()
