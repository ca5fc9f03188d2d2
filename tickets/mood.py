"""The mood of a conversation: how what a customer writes adds up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FADE = 0.6  # weight of a message against the one after it
REMEMBERED = 10
LABELS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Mood:
    """The likeliest label with its probability (0..1), and the score: P(positive) - P(negative), -1..1."""

    label: str
    probability: float
    score: float


def conversation_mood(messages: Sequence[Mapping[str, float]]) -> Mood | None:
    """Weigh the probabilities by label of a customer's messages, newest first; None when there are none.

    Each message counts 0.6 times the one after it, the ten newest count: one friendly line does not hide two angry ones,
    and an apology accepted shows after two messages.
    """
    if not messages:
        return None
    weights = [FADE**age for age in range(min(len(messages), REMEMBERED))]
    total = sum(weights)
    mean = {
        label: sum(
            weight * message.get(label, 0.0) for weight, message in zip(weights, messages, strict=False)
        )
        / total
        for label in LABELS
    }
    label = max(LABELS, key=lambda name: mean[name])
    return Mood(label, mean[label], mean["positive"] - mean["negative"])
