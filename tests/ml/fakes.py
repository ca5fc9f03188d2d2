"""An encoder without a transformer, and small invented texts to learn from."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from ml.datasets.rows import Example


class WordEncoder:
    """Unit vectors from hashed words: texts that share words are near each other."""

    digest = "word-encoder"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of 512 numbers; a text without words gets a fixed direction."""
        rows = np.zeros((len(texts), 512), dtype=np.float32)
        rows[:, 0] = 1e-3
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[1 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:2], "big") % 511] += 1
        vectors: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def encode_layers(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same vector twice: hashed words have one layer."""
        return np.hstack([self.encode(texts)] * 2)


_SUBJECTS = {
    "billing": ["invoice", "refund", "charge", "receipt", "payment"],
    "access": ["password", "login", "account locked", "two-factor code", "permissions"],
    "delivery": ["parcel", "courier", "tracking number", "shipment", "package"],
}
_FRAMES = [
    "there is a question about my {}",
    "the {} looks wrong this month",
    "could you check the {} for our office",
    "{} again, same as last week",
    "who can explain the {} to me",
    "our {} did not arrive",
    "please send the {} to my colleague",
    "we waited two days for the {}",
]


def ticket_texts() -> tuple[list[str], list[str]]:
    """120 texts in three classes."""
    rows = [
        (frame.format(subject), label)
        for label, subjects in _SUBJECTS.items()
        for subject in subjects
        for frame in _FRAMES
    ]
    return [text for text, _ in rows], [label for _, label in rows]


START = datetime(2026, 1, 1, tzinfo=UTC)


def text_examples() -> list[Example]:
    """The same texts as labelled rows, an hour apart, the classes mixed over time."""
    texts, labels = ticket_texts()
    order = np.random.default_rng(5).permutation(len(texts))
    return [
        Example(
            subject_id=int(number) + 1,
            label=labels[number],
            at=START + timedelta(hours=place),
            text=texts[number],
            slices={"channel": "email" if place % 3 else "chat"},
            label_source="final_state",
        )
        for place, number in enumerate(order)
    ]


def churn_rows(count: int = 240, seed: int = 3) -> tuple[list[dict[str, object]], list[int]]:
    """Accounts whose chance to leave falls with use and is higher on the monthly plan; some cells are empty."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    outcomes = []
    for number in range(count):
        use, plan = float(draw.uniform(0, 100)), "monthly" if draw.random() < 0.5 else "yearly"
        log_odds = 1.5 - use / 20 + (1.5 if plan == "monthly" else -0.5)
        outcomes.append(int(draw.random() < 1 / (1 + np.exp(-log_odds))))
        rows.append({"use": None if number % 17 == 0 else use, "plan": plan, "noise": float(draw.normal())})
    return rows, outcomes
