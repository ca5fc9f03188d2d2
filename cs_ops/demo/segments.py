"""Segments of the demo company."""

from typing import Any

from customers.models import Segment
from customers.services.evaluate_segments import evaluate_segment
from customers.services.save_segment import save_segment
from people.models import User
from people.viewer import system_viewer


def _clause(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "is": operator, "value": value}


def _all(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "of": list(parts)}


_TROUBLED = _clause("band", "in", ["at_risk", "watch"])
_SEGMENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "Renewing in trouble",
        "Contracts that end within 90 days while health is low: call before the invoice does.",
        _all(_clause("renewal", "in_next", 90), _TROUBLED),
    ),
    (
        "Large and quiet",
        "Enterprise and growth customers with little use of the product lately.",
        _all(
            _clause("tier", "in", ["enterprise", "growth"]),
            _clause("usage_days", "at_most", {"number": 12, "of": [], "within": 28}),
        ),
    ),
    (
        "Growth candidates",
        "Healthy for a while, nothing urgent open, renewal still far away.",
        {
            "match": "all",
            "of": [
                _clause("band", "in", ["healthy", "steady"]),
                _clause("renewal", "further", 90),
                {
                    "match": "none",
                    "of": [_clause("tickets_open", "at_least", {"number": 1, "of": ["urgent", "high"]})],
                },
            ],
        },
    ),
)


def add_segments() -> None:
    """Keep three segments as a lead would."""
    lead = User.objects.filter(role="lead", is_active=True).order_by("pk").first()
    if lead is None:
        return
    for name, description, definition in _SEGMENTS:
        save_segment(by=lead.as_viewer("command"), name=name, description=description, definition=definition)


def keep_segments() -> None:
    """Look at every segment again, after scores are there."""
    for segment in Segment.objects.all():
        evaluate_segment(segment=segment, by=system_viewer("command"))
