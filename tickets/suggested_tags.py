"""The tags that are suggested for a ticket and wait for a word. For pages and REST."""

from dataclasses import dataclass
from datetime import datetime

from ml.models import Prediction
from tickets.models import TagSuggestion, Ticket
from tickets.ticket_facts import SUBJECT_KIND, TAGS_TASK

SHOWN = 5


@dataclass(frozen=True)
class OpenSuggestion:
    """A suggested tag. ``reasons`` are (term, weight) of what the customer wrote, none once that is forgotten."""

    tag: str
    probability: float
    reasons: tuple[tuple[str, float], ...]
    model_version: str
    suggested_at: datetime

    @property
    def words(self) -> str:
        """The terms, to be read."""
        return ", ".join(term for term, _weight in self.reasons)


def open_suggestions(ticket: Ticket) -> list[OpenSuggestion]:
    """Return the likeliest open suggestions whose tags are in use, five at most: one query without any, else two."""
    rows = TagSuggestion.objects.filter(ticket=ticket, state=TagSuggestion.State.OPEN, tag__is_active=True)
    found = list(rows.select_related("tag").order_by("-probability", "pk")[:SHOWN])
    reasons = _reasons(ticket) if found else {}
    return [
        OpenSuggestion(
            row.tag.name, row.probability, reasons.get(row.tag.name, ()), row.source, row.suggested_at
        )
        for row in found
    ]


def _reasons(ticket: Ticket) -> dict[str, tuple[tuple[str, float], ...]]:
    """By tag, as the prediction keeps them."""
    stored = Prediction.objects.filter(task=TAGS_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk)
    rows = stored.values_list("reasons", flat=True).first() or []
    return {row["tag"]: tuple((str(term), float(weight)) for term, weight in row["terms"]) for row in rows}
