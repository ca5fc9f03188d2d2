"""The extension point of insights: a KPI is one figure with one definition (docs/how-to/add-a-kpi.md)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.utils.functional import Promise

from core.registry import Part, Registry
from insights.sources import EPISODES, Source

Unit = Literal["count", "seconds", "share", "score", "money"]
Good = Literal["up", "down", ""]


@dataclass(frozen=True)
class Count:
    """How many rows."""


@dataclass(frozen=True)
class Quantiles:
    """Median and 90th percentile of a numeric column, by nearest rank: always the value of one of the rows."""

    column: str


@dataclass(frozen=True)
class Share:
    """The share of rows for which ``hit`` holds, 0..1."""

    hit: Q


@dataclass(frozen=True)
class Ratings:
    """Of rows that were asked: the share of answers that are at least ``good``, their mean and the share that answered."""

    column: str
    good: int


@dataclass(frozen=True)
class Mean:
    """The mean of what ``Kpi.amount`` computes for a row."""


Measure = Count | Quantiles | Share | Ratings | Mean


class Kpi(Part):
    """One figure, in ``<any app>/kpis/<name>.py``.

    ``source`` are the rows it counts, ``population`` which of them, ``cohort`` the column whose moment puts a row into a
    period (empty: the figure is about a moment, see ``standing``). ``definition`` says in one sentence what is counted;
    ``clock`` which seconds, ``good`` which direction is wanted. ``order`` ascends on the page.
    """

    label: ClassVar[str | Promise] = ""
    definition: ClassVar[str | Promise] = ""
    unit: ClassVar[Unit] = "count"
    clock: ClassVar[Literal["calendar", "business", ""]] = ""
    good: ClassVar[Good] = ""
    order: ClassVar[int] = 100
    source: ClassVar[Source] = EPISODES
    cohort: ClassVar[str] = ""
    measure: ClassVar[Measure] = Count()
    # Names of the two parts of a share, for the links behind them.
    hit_label: ClassVar[str | Promise] = ""
    miss_label: ClassVar[str | Promise] = ""

    def population(self) -> Q:
        """Return which rows of the source count."""
        return Q()

    def amount(self) -> Combinable:
        """For a mean: the expression of a row's amount, a float."""
        raise NotImplementedError

    def currency(self) -> str:
        """For money: the ISO code of the currency."""
        return ""

    def target(self) -> float | None:
        """Return the value that is meant to be reached, in the figure's own unit; None when there is no such value."""
        return None

    def standing(self, at: Any) -> Q:
        """For a figure about a moment: which rows stood at ``at``."""
        raise NotImplementedError


kpis: Registry[Kpi] = Registry(Kpi, "kpis")


def kpis_in_order() -> list[Kpi]:
    """Return every KPI in the order of the page."""
    return sorted(kpis, key=lambda kpi: (kpi.order, kpi.key))
