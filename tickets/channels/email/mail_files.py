"""Finds the mails in files, folders, maildirs and mboxes. Bytes come out exactly as they lie in the file.

In a folder every file is taken for a mail except hidden ones and those whose ending says they are something else
(``OTHER_SUFFIXES``); a file that is named itself is always taken. A file is split as an mbox when it begins with a
``From `` line and its ending does not say that it is one mail (``.eml .msg .txt``).
"""

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 100 * 1024 * 1024
OTHER_SUFFIXES = frozenset((
    ".xml", ".md", ".json", ".jsonl", ".yml", ".yaml", ".csv", ".tsv", ".html", ".htm", ".css", ".js",
    ".py", ".rb", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".zip", ".gz", ".bz2", ".xz", ".tar",
    ".tgz", ".sqlite3", ".log", ".lock", ".idx", ".msf", ".doc", ".docx", ".xls", ".xlsx"
))  # fmt: skip
_ONE_MAIL_SUFFIXES = frozenset((".eml", ".msg", ".txt"))
# A separator has a sender and an asctime date and is followed by a header line; the start of a sentence is not.
_SEPARATOR = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]{1,200}?[ \t](?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\r\n]{5,60}\r?\n"
    rb"(?=>?From |[!-9;-~]{1,80}:|\r?\n)"
)


@dataclass(frozen=True, slots=True)
class FoundMail:
    """One mail or, when ``error`` is filled, a file that could not be read."""

    source: str
    raw: bytes
    error: str = ""


class MailFiles:
    """Walks ``paths`` once; ``skipped`` then counts the files that were passed over."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self.skipped = 0

    def __iter__(self) -> Iterator[FoundMail]:
        for path in self._paths:
            if path.is_dir():
                yield from self._folder(path)
            else:
                yield from _file(path)

    def _folder(self, folder: Path) -> Iterator[FoundMail]:
        for place, folders, names in os.walk(folder):
            is_maildir = "cur" in folders and "new" in folders
            # A maildir's tmp/ holds mails that are still being written.
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and not (is_maildir and name == "tmp")
            )
            in_maildir = Path(place).name in ("cur", "new")
            for name in sorted(names):
                path = Path(place, name)
                other = not in_maildir and path.suffix.lower() in OTHER_SUFFIXES
                if name.startswith(".") or other or not path.is_file():
                    self.skipped += 1
                else:
                    yield from _file(path)


def _file(path: Path) -> Iterator[FoundMail]:
    try:
        with path.open("rb") as file:
            is_mbox = file.read(5) == b"From " and path.suffix.lower() not in _ONE_MAIL_SUFFIXES
        if is_mbox:
            yield from _mbox(path)
        elif path.stat().st_size > MAX_FILE_BYTES:
            yield FoundMail(str(path), b"", f"over {MAX_FILE_BYTES} bytes")
        else:
            yield FoundMail(str(path), path.read_bytes())
    except OSError as error:
        yield FoundMail(str(path), b"", str(error))


def _mbox(path: Path) -> Iterator[FoundMail]:
    """The mails of an mbox without their separator lines; the file is mapped, not loaded."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        separators = [(match.start(), match.end()) for match in _SEPARATOR.finditer(data)] or [(0, 0)]
        ends = [start for start, _ in separators[1:]] + [len(data)]
        for number, ((_, start), end) in enumerate(zip(separators, ends, strict=True), 1):
            source = f"{path}#{number}"
            if end - start > MAX_FILE_BYTES:
                yield FoundMail(source, b"", f"over {MAX_FILE_BYTES} bytes")
            else:
                yield FoundMail(source, data[start:end])
