"""What is held true of messages besides their mood: the adapter's answers, as the model in service of each kind takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.sentiment.trust import trusted_heads
from ml.serving.answers import Item, Served
from tickets.models import ConversationSignal

if TYPE_CHECKING:
    from ml.sentiment.scorer import Reading

SIGNAL_TASKS: Mapping[str, str] = {
    kind: f"signal.{kind}"
    for kind in ConversationSignal.Kind.values
    if kind != ConversationSignal.Kind.PROMISE
}
YES, NO = "yes", "no"
# What the adapter holds less likely is neither kept nor audited.
LEAST_LIKELY = 0.10


@dataclass(frozen=True)
class SignalAnswer:
    """Whether it is shown that a message says something, and the probability (0..1) that it does."""

    is_shown: bool
    probability: float

    @property
    def label(self) -> str:
        """As it stands in predictions, feedback and audits."""
        return YES if self.is_shown else NO


@dataclass(frozen=True)
class Said:
    """One kind in one message: the answer, the adapter's own probability, whether its card shows it, and who answered."""

    answer: SignalAnswer
    raw: float
    by_card: bool
    source: str
    served: Served

    @property
    def read_by(self) -> str:
        """The version that decided, else the adapter."""
        version = self.served.version
        return self.source if version is None else version.label

    @property
    def is_shown(self) -> bool:
        """While a version is paused, people find what it would show."""
        return self.answer.is_shown and not self.served.paused


def said_in(readings: Sequence["Reading"], message_ids: Sequence[int]) -> list[dict[str, Said]]:
    """What each message says, by kind, as far as it is likely at all. Loads models: in ml workers and commands."""
    from ml.sentiment.scorer import answers_version
    from ml.serving.door import predict

    trusted, found = trusted_heads(), [dict[str, Said]() for _reading in readings]
    source = answers_version() if any(reading.answers for reading in readings) else ""
    for kind, task in SIGNAL_TASKS.items():
        likely = [n for n, one in enumerate(readings) if one.answers.get(kind, 0.0) >= LEAST_LIKELY]
        raws = [readings[n].answers[kind] for n in likely]
        by_card = [kind in readings[n].true and kind in trusted for n in likely]
        items = [
            Item({"raw": raw, "shown": shown, "source": source}, message_ids[n])
            for n, raw, shown in zip(likely, raws, by_card, strict=True)
        ]
        for n, raw, shown, answer in zip(likely, raws, by_card, predict(task, items), strict=True):
            value = answer.value or SignalAnswer(shown, raw)
            found[n][kind] = Said(value, raw, shown, source, answer.served)
    return found
