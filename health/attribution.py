"""What changed: lines that explain the difference of two scores and sum to it exactly.

With v = w·f / Σ w·f the share of a measure, n̄, v̄ and S̄ the means of before and after:
ΔS = Σ v̄·Δn (value) + Σ Δv·(n̄ − S̄) (freshness, weight, coverage) + Δ(cap effect). A missing n borrows the other side's,
so an appearing or fading measure acts by its weight alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from health.scorecard import Cap, Measure

Effect = Literal["value", "weight", "cap", "method", "override"]
METHOD = "method"
NOTHING = 1e-12


@dataclass(frozen=True)
class Change:
    """One line: which measure or cap, by which effect, how many points, n before and after (None: missing)."""

    key: str
    effect: Effect
    points: float
    before: float | None = None
    after: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the line as a snapshot stores it."""
        return {
            "key": self.key, "effect": self.effect, "points": self.points, "before": self.before, "after": self.after,
        }  # fmt: skip


def changes_between(
    before: Sequence[Measure], before_caps: Sequence[Cap], after: Sequence[Measure], after_caps: Sequence[Cap]
) -> list[Change]:
    """Return the lines of final(after) − final(before), strongest first; empty when one side knows nothing."""
    old, new = {measure.key: measure for measure in before}, {measure.key: measure for measure in after}
    old_pull = sum(measure.pull for measure in before)
    new_pull = sum(measure.pull for measure in after)
    if not old_pull or not new_pull:
        return []
    old_raw = sum(measure.pull * (measure.n or 0) for measure in before) / old_pull
    new_raw = sum(measure.pull * (measure.n or 0) for measure in after) / new_pull
    middle = (old_raw + new_raw) / 2
    lines: list[Change] = []
    for key in sorted({*old, *new}):
        old_n = old[key].n if key in old else None
        new_n = new[key].n if key in new else None
        first = new_n if old_n is None else old_n
        second = old_n if new_n is None else new_n
        if first is None or second is None:
            continue
        old_share = old[key].pull / old_pull if key in old else 0.0
        new_share = new[key].pull / new_pull if key in new else 0.0
        by_value = (old_share + new_share) / 2 * (second - first)
        by_weight = (new_share - old_share) * ((first + second) / 2 - middle)
        lines.append(Change(key, "value", by_value, old_n, new_n))
        lines.append(Change(key, "weight", by_weight, old_n, new_n))
    lines += _cap_lines(old_raw, before_caps, new_raw, after_caps)
    return sorted((line for line in lines if abs(line.points) > NOTHING), key=lambda line: -abs(line.points))


def changes_with_method(
    before: tuple[Sequence[Measure], Sequence[Cap]],
    as_before: tuple[Sequence[Measure], Sequence[Cap]],
    after: tuple[Sequence[Measure], Sequence[Cap]],
) -> list[Change]:
    """Return the lines when another card counts now than before: first what moved by the former card, then one line for
    what the new card makes of the same day. ``as_before`` is the newer day by the former card."""
    lines = changes_between(*before, *as_before)
    former, now = final_of(*as_before), final_of(*after)
    if former is None or now is None or final_of(*before) is None:
        return []
    if abs(now - former) > NOTHING:
        lines.append(Change(METHOD, "method", now - former))
    return sorted(lines, key=lambda line: -abs(line.points))


def final_of(measures: Sequence[Measure], caps: Sequence[Cap]) -> float | None:
    """Return the capped weighted mean; None when nothing is known."""
    pull = sum(measure.pull for measure in measures)
    if not pull:
        return None
    raw = sum(measure.pull * (measure.n or 0) for measure in measures) / pull
    return min([raw, *(cap.ceiling for cap in caps)])


def _cap_lines(old_raw: float, before: Sequence[Cap], new_raw: float, after: Sequence[Cap]) -> list[Change]:
    """Return what caps took away before and take away now; one line when the same cap binds on both sides."""
    old_cap, old_effect = _binding(old_raw, before)
    new_cap, new_effect = _binding(new_raw, after)
    if old_cap == new_cap:
        return [Change(new_cap, "cap", new_effect - old_effect)] if new_cap else []
    lines = [Change(old_cap, "cap", -old_effect)] if old_cap else []
    return [*lines, Change(new_cap, "cap", new_effect)] if new_cap else lines


def _binding(raw: float, caps: Sequence[Cap]) -> tuple[str, float]:
    """Return the key of the lowest cap below the raw score and its effect (negative); ("", 0) when none binds."""
    lowest = min(caps, key=lambda cap: (cap.ceiling, cap.key), default=None)
    if lowest is None or lowest.ceiling >= raw:
        return "", 0.0
    return lowest.key, lowest.ceiling - raw
