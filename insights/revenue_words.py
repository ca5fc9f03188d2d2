"""What the figures of revenue are called, what each one means, and which accounts stand behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.revenue_metrics import LINES, Holding

Unit = Literal["share", "money", "ratio", "count"]


@dataclass(frozen=True)
class FigureWord:
    """A figure: its name, unit and definition; ``behind`` is the amount whose accounts explain it ("" for none)."""

    key: str
    label: str | Promise
    unit: Unit
    definition: str | Promise
    behind: str = ""
    good: str = ""


TILES = (
    FigureWord("nrr", _("Net revenue retention"), "share",
               _("What customers of a year ago pay now, of what they paid then: who left, less, and more. "
                 "New customers do not count."),
               "retained", "up"),
    FigureWord("grr", _("Gross revenue retention"), "share",
               _("The same without growth: each account counts at most what it paid a year ago. NRR = GRR + expansion."),
               "kept", "up"),
    FigureWord("expansion_rate", _("Expansion"), "share",
               _("What accounts of a year ago pay more now, of what all of them paid then."), "expansion", "up"),
    FigureWord("uplift_rate", _("Price uplift"), "share",
               _("The part of the expansion that only higher prices made."), "uplift"),
    FigureWord("revenue_churn", _("Revenue churn"), "share",
               _("What those who left paid a year ago, of what all paid. Back within 30 days is a late renewal, not a churn."),
               "churned", "down"),
    FigureWord("contraction_rate", _("Contraction"), "share",
               _("What those who stay pay less. GRR = 100 % − revenue churn − contraction."), "contraction", "down"),
    FigureWord("logo_churn", _("Logo churn"), "share",
               _("Customers of a year ago who left, each counting one."), "churned", "down"),
    FigureWord("quick_ratio", _("Quick ratio"), "ratio",
               _("New, returned and more revenue per unit of lost and less, over all customers."), "", "up"),
    FigureWord("renewal_rate", _("Due-based renewal rate"), "share",
               _("Of the contracts that fell due: what was renewed within 30 days, at most what was due. Not GRR, which "
                 "asks all customers, due or not."), "renewed", "up"),
    FigureWord("arr_end", _("ARR"), "money", _("Yearly recurring revenue at the end, of all customers."), "arr_end", "up"),
    FigureWord("customers", _("Customers"), "count", _("Accounts with revenue at the end."), "arr_end", "up"),
)  # fmt: skip

BRIDGE = (
    ("arr_start", _("At the start")),
    ("bridge_new", _("New customers")),
    ("bridge_reactivation", _("Returned after more than 30 days")),
    ("bridge_expansion", _("Expansion")),
    ("bridge_price_uplift", _("Price uplift")),
    ("bridge_contraction", _("Contraction")),
    ("bridge_churn", _("Churn")),
    ("bridge_fx", _("Change of currency")),
    ("arr_end", _("At the end")),
)

AMOUNTS: Mapping[str, str | Promise] = {
    "cohort_start": _("What customers of a year ago paid then"),
    "retained": _("What they pay now"),
    "kept": _("What of it is left"),
    "expansion": _("Expansion"),
    "uplift": _("Price uplift"),
    "churned": _("What those who left paid"),
    "contraction": _("Contraction"),
    "due": _("Renewals due"),
    "renewed": _("Renewed of what was due"),
    **dict(BRIDGE),
}

#: What a holding adds to an amount; ``due`` and ``renewed`` come from the renewals.
PARTS: Mapping[str, Callable[[Holding], Decimal]] = {
    "cohort_start": lambda one: max(one.start, Decimal(0)),
    "retained": lambda one: one.capped + one.expansion if one.start > 0 else Decimal(0),
    "kept": lambda one: one.capped if one.start > 0 else Decimal(0),
    "expansion": lambda one: one.expansion,
    "uplift": lambda one: one.uplift,
    "churned": lambda one: one.lost,
    "contraction": lambda one: one.contraction,
    "arr_start": lambda one: one.start,
    "arr_end": lambda one: one.end,
    **{f"bridge_{name}": (lambda one, name=name: one.lines[name]) for name in LINES},  # type: ignore[misc]
}
