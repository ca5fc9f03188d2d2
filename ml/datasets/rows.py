"""One labelled row, its canonical form and the fingerprints made of it.

Equal rows have equal digests on every machine: keys are sorted, text is NFC, times are UTC, floats are written as ``repr``
gives them. A data set's fingerprint is the SHA-256 of its sorted row digests, so the order of the rows does not count.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

_MOMENTS = ("known_at", "features_at")


@dataclass(frozen=True)
class Example:
    """One labelled row of a task: a text, features, or both, as they were known at ``at``, the time of the label.

    ``group`` names what must not part between training and measuring (a conversation, an account). ``slices`` are what
    figures are broken down by (channel, language, tier). ``label_source`` says who decided (``correction``, ``final_state``).
    ``known_at`` is when an outcome was known that lies after ``at``; ``features_at`` when the newest fact behind the features
    became available.
    """

    subject_id: int
    label: Any
    at: datetime
    text: str = ""
    features: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    slices: Mapping[str, str] = field(default_factory=dict)
    label_source: str = ""
    known_at: datetime | None = None
    features_at: datetime | None = None


def canonical(example: Example) -> str:
    """The row as one line of JSON; raises ``TypeError`` naming a value that has no canonical form."""
    row = _plain(asdict(example))
    # What older rows do not have is not part of their digests.
    told = {name: value for name, value in row.items() if value is not None or name not in _MOMENTS}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse(line: str) -> Example:
    """The row of a canonical line."""
    values = json.loads(line)
    moments = {name: datetime.fromisoformat(values[name]) for name in ("at", *_MOMENTS) if values.get(name)}
    return Example(**values | moments)


def row_digest(example: Example) -> str:
    """SHA-256 of the canonical line."""
    return digest_of_line(canonical(example))


def digest_of_line(line: str) -> str:
    """SHA-256 of a canonical line."""
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(digests: Iterable[str]) -> str:
    """SHA-256 over the sorted row digests: the same rows in any order have the same one."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} cannot be part of a training row")
