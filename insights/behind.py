"""The tickets behind a number: one row per row that the figure counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext as _

from core.formatting import duration, plain
from insights.charts import AGES, age_clause
from insights.figures import PARTS, Scope, rows_behind
from insights.registry import Kpi, Mean, Quantiles, Ratings, Share, kpis
from insights.report import is_share
from tickets.models import Episode, Message, SatisfactionSurvey, Ticket

PAGE_SIZE = 50
LAST_PAGE = 2000


@dataclass(frozen=True)
class Behind:
    """Which rows: those of a KPI, a part of a share or one group of ages of the backlog."""

    kpi: Kpi
    part: str = "all"
    age: int | None = None

    def rows(self, scope: Scope) -> QuerySet[Any]:
        """Return the rows; raises PermissionDenied for who may see figures and no tickets."""
        rows = rows_behind(self.kpi, scope, part=self.part)
        rows = self.kpi.source.openable(rows, scope.viewer)
        return rows if self.age is None else rows.filter(age_clause(scope, self.age))


@dataclass(frozen=True)
class TicketLine:
    """One row of the list. ``value`` is what the ticket adds to the figure in words, ``at`` when it fell into the period."""

    ticket: Ticket
    team: str
    agent: str
    at: datetime | None
    value: str


def read_behind(params: Mapping[str, str]) -> Behind:
    """Read ``kpi``, ``part`` and ``age``; raises ValidationError."""
    key, part, age = params.get("kpi", ""), params.get("part", "") or "all", params.get("age", "")
    if key not in kpis:
        raise ValidationError({"kpi": _("There is no such figure.")})
    kpi: Kpi = kpis.get(key)
    if part not in PARTS or (part != "all" and not is_share(kpi)):
        raise ValidationError({"part": _("Choose one of: %s.") % ", ".join(PARTS)})
    if not age:
        return Behind(kpi, part)
    if key != "backlog" or age not in {str(low) for low in (0, *AGES)}:
        raise ValidationError({"age": _("This value cannot be used.")})
    return Behind(kpi, part, int(age))


def page_of(behind: Behind, scope: Scope, page: int) -> tuple[list[TicketLine], int]:
    """Return one page of the rows (from 1), and how many rows there are in all. Three queries."""
    rows = behind.rows(scope)
    total = rows.count()
    kpi = behind.kpi
    order = (
        f"-{kpi.measure.column}" if isinstance(kpi.measure, Quantiles) else f"-{kpi.cohort or 'opened_at'}"
    )
    start = (max(1, min(page, LAST_PAGE)) - 1) * PAGE_SIZE
    # Ids are put in order, and only those of the page get their tickets: these are wide, and there are many.
    ids = list(rows.order_by(order, "-pk").values_list("pk", flat=True)[start : start + PAGE_SIZE])
    parts = ["ticket__status", "ticket__account", "ticket__contact"]
    parts += {
        Episode: ["team", "assignee"],
        SatisfactionSurvey: ["episode__team", "episode__assignee"],
        Message: ["ticket__team", "ticket__assignee"],
    }[kpi.source.model]
    shown = kpi.source.model._default_manager.filter(pk__in=ids).select_related(*parts)
    if isinstance(kpi.measure, Share):
        shown = shown.annotate(is_hit=Case(When(kpi.measure.hit, then=Value(True)), default=Value(False)))
    if isinstance(kpi.measure, Mean):
        shown = shown.annotate(amount=kpi.amount())
    found = {row.pk: row for row in shown}
    return [_line(kpi, found[pk]) for pk in ids if pk in found], total


def _line(kpi: Kpi, row: Any) -> TicketLine:
    holder = (
        row.episode
        if isinstance(row, SatisfactionSurvey)
        else row.ticket
        if isinstance(row, Message)
        else row
    )
    return TicketLine(
        ticket=row.ticket,
        team=str(holder.team or ""),
        agent=str(holder.assignee or ""),
        at=getattr(row, kpi.cohort or "opened_at"),
        value=_value(kpi, row),
    )


def _value(kpi: Kpi, row: Any) -> str:
    if isinstance(kpi.measure, Quantiles):
        return duration(getattr(row, kpi.measure.column))
    if isinstance(kpi.measure, Ratings):
        return f"{getattr(row, kpi.measure.column)}/5"
    if isinstance(kpi.measure, Mean):
        return f"{plain(row.amount, 2)}\u00a0{kpi.currency()}"
    if isinstance(row, Message):
        return {"negative": _("negative"), "neutral": _("neutral"), "positive": _("positive")}.get(
            row.sentiment_label, ""
        )
    if isinstance(kpi.measure, Share):
        return str(kpi.hit_label if row.is_hit else kpi.miss_label)
    return ""
