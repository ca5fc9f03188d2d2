"""What work costs: an hour of it, and a message on each channel. Settings of the installation that figures are computed with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.kept_rows import KeptRows
from core.models import Setting

SETTING = "tickets.costs"
CURRENCY = "EUR"


@dataclass(frozen=True)
class Costs:
    """``per_hour`` of logged work and ``per_message`` of ours by channel, in ``currency`` (ISO 4217)."""

    per_hour: float = 0.0
    currency: str = CURRENCY
    per_message: Mapping[str, float] = field(default_factory=dict)

    @property
    def are_known(self) -> bool:
        """Whether anything was said about costs."""
        return self.per_hour > 0 or any(price > 0 for price in self.per_message.values())


def current_costs() -> Costs:
    """Return the costs in force, at most some seconds old."""
    return _costs.get()


def _read() -> Costs:
    stored = Setting.objects.filter(pk=SETTING).values_list("value", flat=True).first() or {}
    return Costs(
        float(stored.get("per_hour", 0)),
        str(stored.get("currency", CURRENCY)),
        {str(key): float(price) for key, price in stored.get("per_message", {}).items()},
    )


_costs = KeptRows(_read, Setting)
"""Kept, because a page of figures asks once for each of them."""
