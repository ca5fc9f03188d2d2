"""Whether similar tickets are looked for, and when tickets that say the same are proposed as one incident."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from core.kept_rows import KeptRows
from core.models import Setting

SETTING = "tickets.similar"
# Of two messages of a bank's customers at this cosine 90 % had the same intent, of paraphrased questions 98 % the same
# answer (docs/models.md, "Near-duplicates").
THRESHOLD = 0.80
LOWEST_THRESHOLD = 0.50


@dataclass(frozen=True)
class SimilarRules:
    """``incidents``: at least ``fewest`` customers within ``hours`` at a cosine of ``threshold`` or more are proposed."""

    is_on: bool = True
    incidents: bool = True
    threshold: float = THRESHOLD
    hours: int = 24
    fewest: int = 3

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def similar_rules() -> SimilarRules:
    """Return the rules in force, at most some seconds old."""
    return _rules.get()


def _read() -> SimilarRules:
    stored = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first() or {}
    known = {field.name for field in fields(SimilarRules)}
    return SimilarRules(**{name: value for name, value in stored.items() if name in known})


_rules = KeptRows(_read, Setting)
