"""What an evaluation prints: a table for people, and one JSON object as the last line for machines."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _


def print_figures(out: OutputWrapper, figures: dict[str, Any], as_json: bool) -> None:
    """Write ours beside ``figures["baseline"]``; with ``as_json`` the object follows as the last line."""
    baseline = figures["baseline"]
    out.write(f"{'':<22}{_('this model'):>14}{_('baseline'):>14}")
    for name, value in figures.items():
        if name == "baseline" or isinstance(value, list):
            continue
        if isinstance(value, dict):
            for key, part in value.items():
                other = baseline.get(name, {}).get(key)
                out.write(f"{f'{name} {key}':<22}{_shown(part):>14}{_shown(other):>14}")
        elif name in baseline:
            out.write(f"{name:<22}{_shown(value):>14}{_shown(baseline[name]):>14}")
        else:
            out.write(f"{name:<22}{_shown(value):>14}")
    if as_json:
        out.write(json.dumps(_rounded(figures)))


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, 6) if isinstance(value, float) else value
