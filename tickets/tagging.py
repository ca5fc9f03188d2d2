"""Which tags a new ticket probably needs: asks the champion of the task "tags". Runs in ml workers only."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.class_modes import class_rows
from ml.classifiers.label_sets import SaidLabel
from ml.evaluation.class_precision import AUTOMATIC, OFF, SUGGEST
from ml.serving.answers import Item, Served
from ml.serving.door import predict
from tickets.ticket_facts import TAGS_TASK


@dataclass(frozen=True)
class SuggestedTag:
    """A tag with what the model said about it.

    ``is_sure``: its precision was measured to be high enough to be applied by itself, and nothing has said otherwise since.
    """

    said: SaidLabel
    mode: str

    @property
    def is_sure(self) -> bool:
        """Whether it may be applied, as far as the model is concerned."""
        return self.mode == AUTOMATIC


@dataclass(frozen=True)
class TagSuggestions:
    """The tags for one text, the likeliest first, and what answered."""

    text: str
    tags: tuple[SuggestedTag, ...]
    served: Served


def suggest_tags(texts: Sequence[str], ticket_ids: Sequence[int]) -> list[TagSuggestions | None]:
    """Return one answer per text; None where no model answers."""
    items = [Item(text, pk) for text, pk in zip(texts, ticket_ids, strict=True)]
    answers = predict(TAGS_TASK, items)
    modes = class_rows({answer.served.version for answer in answers if answer.served.version is not None})
    found: list[TagSuggestions | None] = []
    for text, answer in zip(texts, answers, strict=True):
        version = answer.served.version
        if version is None or answer.value is None:
            found.append(None)
            continue
        rows = modes.get(version.pk, {})
        tags = []
        for said in answer.value.labels:
            row = rows.get(said.name)
            if row is None or row.mode == OFF:
                continue
            # A person may have called a tag automatic that was not measured to be: that is not enough here.
            mode = row.for_probability(said.probability) if row.measured == AUTOMATIC else SUGGEST
            tags.append(SuggestedTag(said, mode))
        found.append(TagSuggestions(text, tuple(tags), answer.served))
    return found
