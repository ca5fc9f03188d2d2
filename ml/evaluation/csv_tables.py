"""Reading tables that people made: any encoding of UTF-8 or Windows, byte-order mark, quoted newlines, gzip, any delimiter.

Everything wrong with a file is one ``CommandError`` that names the file and the column.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

from django.core.management.base import CommandError

FIELD_LIMIT = 10_000_000
DELIMITERS = ",;\t|"


def read_table(path: Path, required: list[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header as name -> text; short rows are filled with "".

    Raises ``CommandError`` when the file cannot be read, has no rows or lacks one of the ``required`` columns.
    """
    csv.field_size_limit(FIELD_LIMIT)
    text = _decode(path)
    if not text.strip():
        raise CommandError(f"{path} is empty")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        table = [record for record in reader if record]
    except csv.Error as error:
        raise CommandError(f"{path} line {reader.line_num}: {error}") from error
    header = [name.strip() for name in table[0]]
    for name in required:
        if name not in header:
            raise CommandError(f'{path} has no column "{name}"; its columns are: {", ".join(header)}')
    if len(table) < 2:
        raise CommandError(f"{path} has a header but no rows")
    width = len(header)
    return [dict(zip(header, (record + [""] * width)[:width], strict=True)) for record in table[1:]]


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """The delimiter that occurs most in the first line; a comma when none does."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    best = max(DELIMITERS, key=first.count)
    return best if best in first else ","


def labelled_texts(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    """Texts and stripped labels of a file; rows with an empty label are left out, empty texts stay.

    Raises ``CommandError`` when no row has a label.
    """
    rows = [row for row in read_table(path, [text, label]) if row[label].strip()]
    if not rows:
        raise CommandError(f'{path}: every cell of column "{label}" is empty')
    return [row[text] for row in rows], [row[label].strip() for row in rows]
