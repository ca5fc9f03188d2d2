"""Probabilities added up a tree of classes: certainly about hardware, while which kind of it is open."""

from collections import Counter
from collections.abc import Mapping


def lineage(label: str, parents: Mapping[str, str]) -> list[str]:
    """Return a class and those above it, itself first."""
    found = [label]
    while (above := parents.get(found[-1])) is not None and above not in found:
        found.append(above)
    return found


def rolled_up(
    probabilities: Mapping[str, float], parents: Mapping[str, str], least: float
) -> tuple[str, float] | None:
    """Return the lowest parent whose own and its kinds' probabilities add up to ``least`` (above 0), with the sum; else None.

    ``probabilities`` (0..1) are of classes that exclude each other, so the sum is the probability of being one of them; where
    only the best few are known, a lower bound of it. ``parents`` names the class above each that has one.
    """
    sums: Counter[str] = Counter()
    for label, share in probabilities.items():
        for name in lineage(label, parents):
            sums[name] += share  # type: ignore[assignment]
    families = set(parents.values())
    best: str | None = None
    while under := [one for one in families if parents.get(one) == best and sums[one] >= least]:
        best = max(under, key=lambda one: (sums[one], one))
    return None if best is None else (best, min(1.0, float(sums[best])))
