"""The one computation of every figure. The page, REST and CSV all ask here, and so does the list behind a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Avg, Case, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.expressions import Combinable
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from insights.periods import Period, read_period
from insights.registry import Count as CountRows
from insights.registry import Kpi, Mean, Quantiles, Ratings, Share
from insights.sources import DIMENSIONS
from people.viewer import Viewer

PARTS = ("all", "hit", "miss")


@dataclass(frozen=True)
class Figure:
    """A value (None when nothing could be counted) with the number of rows behind it.

    Shares are 0..1, times in seconds. ``hits`` belong to shares, ``p90`` to times, ``mean`` and ``asked`` to ratings.
    """

    value: float | None
    n: int
    hits: int | None = None
    p90: float | None = None
    mean: float | None = None
    asked: int | None = None

    @property
    def response_rate(self) -> float | None:
        """Answers per question."""
        return self.n / self.asked if self.asked else None


NOTHING = Figure(None, 0)


@dataclass(frozen=True)
class Scope:
    """Whose figures about what: who looks, at which period, through which filters (dimension → id, name or "none")."""

    viewer: Viewer
    period: Period
    filters: Mapping[str, str] = field(default_factory=dict)
    # As the query string has it, so that links say the same.
    asked: Mapping[str, str] = field(default_factory=dict)

    def query(self, **changes: str) -> str:
        """Return the query string of this scope with changes; empty ones are left out."""
        return urlencode(
            {key: value for key, value in {**self.asked, **self.filters, **changes}.items() if value}
        )

    def without(self, dimension: str) -> "Scope":
        """Return the scope without one filter."""
        return replace(self, filters={key: value for key, value in self.filters.items() if key != dimension})


def read_scope(
    viewer: Viewer, params: Mapping[str, str], *, zone: tzinfo, now: datetime | None = None
) -> Scope:
    """Read a scope from query parameters: ``period`` (days) or ``from`` and ``to``, and one per dimension.

    Raises ValidationError naming what cannot be used.
    """
    asked = {key: params.get(key, "").strip() for key in ("period", "from", "to")}
    period = read_period(
        days=asked["period"], first=asked["from"], last=asked["to"], zone=zone, now=now or timezone.now()
    )
    filters = {key: value for key in DIMENSIONS if (value := params.get(key, "").strip())}
    from insights.sources import EPISODES

    for dimension, value in filters.items():
        try:
            EPISODES.clause(dimension, value)
        except ValueError:
            raise ValidationError({dimension: _("This value cannot be used.")}) from None
        check_dimension(dimension, viewer, named=dimension)
    return Scope(viewer, period, filters, asked)


def check_dimension(dimension: str, viewer: Viewer, *, named: str) -> None:
    """Raise ValidationError, under the name of the parameter, when a viewer may not tell figures apart by a dimension."""
    if dimension == "agent" and not viewer.can("people.view"):
        raise ValidationError(
            {named: _("Figures of single agents need the permission “%s”.") % "people.view"}
        )


def rows_behind(kpi: Kpi, scope: Scope, *, part: str = "all") -> QuerySet[Any]:
    """Return exactly the rows that a figure of the period counts; ``part`` "hit" or "miss" are those of a share."""
    rows = _rows(kpi, scope)
    if kpi.cohort:
        rows = rows.filter(**_between(kpi.cohort, scope.period.start, scope.period.end))
    else:
        rows = rows.filter(kpi.standing(scope.period.until))
    if isinstance(kpi.measure, Ratings):
        rows = rows.filter(**{f"{kpi.measure.column}__isnull": False})
    if part == "all":
        return rows
    return rows.filter(_hit(kpi)) if part == "hit" else rows.exclude(_hit(kpi))


def _hit(kpi: Kpi) -> Q:
    if isinstance(kpi.measure, Share):
        return kpi.measure.hit
    if isinstance(kpi.measure, Ratings):
        return Q(**{f"{kpi.measure.column}__gte": kpi.measure.good})
    return Q()


def _rows(kpi: Kpi, scope: Scope) -> QuerySet[Any]:
    rows = kpi.source.rows(scope.viewer).filter(kpi.population())
    for dimension, value in scope.filters.items():
        rows = rows.filter(kpi.source.clause(dimension, value))
    return rows


def _between(column: str, start: datetime, end: datetime) -> dict[str, datetime]:
    return {f"{column}__gte": start, f"{column}__lt": end}


def figure(kpi: Kpi, scope: Scope) -> Figure:
    """Return the figure of the period."""
    return figure_with_previous(kpi, scope)[0]


def figure_with_previous(kpi: Kpi, scope: Scope) -> tuple[Figure, Figure]:
    """Return the figures of the period and of the one before; a query, two for figures about a moment."""
    period = scope.period
    if not kpi.cohort:
        at_end = _measured(kpi, _rows(kpi, scope).filter(kpi.standing(period.until)), Value(0))
        before = _measured(kpi, _rows(kpi, scope).filter(kpi.standing(period.start)), Value(0))
        return at_end.get(0, _zero(kpi)), before.get(0, _zero(kpi))
    start, end = period.previous
    column = kpi.cohort
    both = Q(**_between(column, period.start, period.end)) | Q(**_between(column, start, end))
    which = Case(When(**{f"{column}__gte": period.start}, then=Value(0)), default=Value(1))
    # One range that the index can read, then the two that count.
    rows = _rows(kpi, scope).filter(**_between(column, start, period.end)).filter(both)
    found = _measured(kpi, rows, which)
    return found.get(0, _zero(kpi)), found.get(1, _zero(kpi))


def figures_by(kpi: Kpi, scope: Scope, dimension: str) -> dict[Any, Figure]:
    """Return the figure of the period per value of a dimension (an id, a word, None); one query.

    A ticket with several tags counts under each of them.
    """
    rows = rows_behind_unrated(kpi, scope)
    if dimension == "tag":
        rows = rows.filter(ticket__ticket_tags__isnull=False)
    return _measured(kpi, rows, F(kpi.source.column(dimension)))


def figures_in_spans(kpi: Kpi, scope: Scope, bounds: list[datetime]) -> list[Figure]:
    """Return the figure for each span between neighbouring bounds, whatever the scope's period is; one query."""
    column = kpi.cohort
    spans = [When(**{f"{column}__lt": bound}, then=Value(place)) for place, bound in enumerate(bounds[1:])]
    rows = _rows(kpi, scope).filter(**_between(column, bounds[0], bounds[-1]))
    found = _measured(kpi, rows, Case(*spans, default=Value(len(spans))))
    return [found.get(place, _zero(kpi)) for place in range(len(spans))]


def rows_behind_unrated(kpi: Kpi, scope: Scope) -> QuerySet[Any]:
    """Return the rows of the period, of ratings also those without an answer."""
    rows = _rows(kpi, scope)
    if kpi.cohort:
        return rows.filter(**_between(kpi.cohort, scope.period.start, scope.period.end))
    return rows.filter(kpi.standing(scope.period.until))


def _zero(kpi: Kpi) -> Figure:
    return Figure(0.0, 0) if isinstance(kpi.measure, CountRows) else NOTHING


def _measured(kpi: Kpi, rows: QuerySet[Any], by: Combinable) -> dict[Any, Figure]:
    """Measure rows per value of an expression."""
    measure = kpi.measure
    grouped = rows.order_by().annotate(bucket=by)
    if isinstance(measure, Quantiles):
        return _quantiles(grouped, measure.column)
    counted = grouped.values("bucket")
    if isinstance(measure, Share):
        shares = counted.annotate(n=Count("*"), hits=Count(Value(1), filter=measure.hit))
        return {row["bucket"]: Figure(row["hits"] / row["n"], row["n"], hits=row["hits"]) for row in shares}
    if isinstance(measure, Mean):
        means = counted.annotate(n=Count("*"), amount=Avg(kpi.amount()))
        return {row["bucket"]: Figure(row["amount"], row["n"]) for row in means}
    if isinstance(measure, Ratings):
        ratings = counted.annotate(
            asked=Count("*"),
            n=Count(measure.column),
            hits=Count(Value(1), filter=_hit(kpi)),
            mean=Avg(measure.column),
        )
        return {
            row["bucket"]: Figure(
                row["hits"] / row["n"] if row["n"] else None,
                row["n"],
                hits=row["hits"],
                mean=None if row["mean"] is None else float(row["mean"]),
                asked=row["asked"],
            )
            for row in ratings
        }
    return {row["bucket"]: Figure(float(row["n"]), row["n"]) for row in counted.annotate(n=Count("*"))}


def _quantiles(grouped: QuerySet[Any], column: str) -> dict[Any, Figure]:
    """Median and 90th percentile by nearest rank: the smallest value that at least that share of the rows does not exceed.

    Window functions do it in every database alike; whole numbers are divided, so ranks are exact.
    """
    ranked = (
        grouped.filter(**{f"{column}__isnull": False})
        .annotate(
            rank=Window(RowNumber(), partition_by=[F("bucket")], order_by=F(column).asc()),
            total=Window(Count("*"), partition_by=[F("bucket")]),
        )
        .filter(Q(rank=(F("total") * 50 + 99) / 100) | Q(rank=(F("total") * 90 + 99) / 100))
        .order_by("rank")
        .values_list("bucket", "total", column)
    )
    found: dict[Any, Figure] = {}
    for bucket, total, value in ranked:
        present = found.get(bucket)
        # In the order of ranks: first the median, then, unless it is the same row, the 90th percentile.
        found[bucket] = (
            Figure(float(value), total, p90=float(value))
            if present is None
            else replace(present, p90=float(value))
        )
    return found
