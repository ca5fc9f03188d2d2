"""Files of rows under ``MODEL_DIR``: JSON lines in gzip, written whole or not at all, read only when their SHA-256 fits.

The row of an erased subject becomes ``{"erased": "<row digest>"}``: what it said is gone, the fingerprint still proves itself.
"""

from __future__ import annotations

import gzip
import io
import json
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from ml.artefacts import ArtefactRefused
from ml.datasets.rows import Example, digest_of_line, fingerprint, parse
from ml.encoders.weights import sha256_of

ERASED = "erased"


def write_lines(path: Path, lines: Iterable[str]) -> str:
    """Write the lines and return the SHA-256 of the file; the same lines make the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with (
            draft.open("wb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8", errors="surrogatepass", newline="\n") as text,
        ):
            for line in lines:
                text.write(line)
                text.write("\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return sha256_of(path)


def read_lines(path: Path, expected: str) -> Iterator[str]:
    """Yield the lines of a file with exactly this SHA-256; raises ``ArtefactRefused`` otherwise."""
    if not path.is_file() or sha256_of(path) != expected:
        raise ArtefactRefused(f"{path.name} is missing or was changed after it was stored")
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogatepass", newline="\n") as text:
        for line in text:
            yield line.removesuffix("\n")


def read_examples(path: Path, expected: str) -> list[Example]:
    """The rows that are left, oldest first and in an order that only their content decides."""
    lines = [line for line in read_lines(path, expected) if not is_tombstone(line)]
    rows = [(parse(line), digest_of_line(line)) for line in lines]
    return [example for example, _digest in sorted(rows, key=lambda pair: (pair[0].at, pair[1]))]


def read_fingerprint(path: Path, expected: str) -> str:
    """The fingerprint that the file proves, erased rows included."""
    return fingerprint(line_digest(line) for line in read_lines(path, expected))


def line_digest(line: str) -> str:
    """The digest of the row that a line holds, or held before it was erased."""
    return str(json.loads(line)[ERASED]) if is_tombstone(line) else digest_of_line(line)


def is_tombstone(line: str) -> bool:
    """Whether the row was erased."""
    return line.startswith('{"erased":')


def tombstone(line: str) -> str:
    """What is left of a row."""
    return json.dumps({ERASED: line_digest(line)}, separators=(",", ":"))
