"""What the mail parser makes of mails that nobody here wrote.

    PYTHONPATH=. .venv/bin/python bench/mail_corpora.py --quotes FOLDER

``--quotes FOLDER`` reads FOLDER/expected.json ({file: {rule: value}}) and the bodies it names (``.eml`` whole mails,
``.html`` HTML bodies, all else plain text), puts each through the parser as a mail and compares what stays visible.
Rules: ``reply`` and ``reply_strip`` (equal, white space at the ends aside), ``reply_ignoring_whitespace``,
``must_contain``, ``must_not_contain``, ``whole_mail_kept``, ``max_seconds``. A mail agrees when every rule of it holds.
Some collections leave a signature in the reply and some do not, so two figures come out: *strict* compares what a page
shows unfolded (no history, no signature), *agree* also takes the text without its history but with its signature.

The last line of stdout is one JSON object.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tickets.channels.email.parsing import parse_mail
from tickets.channels.email.quotes import Fold, visible_text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quotes", type=Path, metavar="FOLDER")
    parser.add_argument("--show", action="store_true", help="print what differs, on stderr")
    options = parser.parse_args()
    if options.quotes is not None:
        print(json.dumps(measure_quotes(options.quotes, show=options.show)))


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
