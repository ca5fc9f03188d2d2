"""Saved views of the demo company."""

from typing import Any

from people.models import User
from tickets.models import SavedView
from tickets.services.save_view import save_view

_LIVING = {"field": "status_category", "is": "in", "value": ["new", "open", "waiting", "on_hold"]}


def _all(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "of": [_LIVING, *parts]}


def add_views() -> None:
    """Keep a few views as a lead and an agent would."""
    lead = User.objects.filter(role="lead", is_active=True).order_by("pk").first()
    agent = User.objects.filter(role="agent", is_active=True, email__startswith="agent@").first()
    if lead is not None:
        angry = {"field": "sentiment", "is": "in", "value": ["negative"]}
        at_risk = {"field": "account_band", "is": "in", "value": ["watch", "at_risk"]}
        worth = {"field": "value_at_risk", "is": "at_least", "value": 10_000}
        shared: dict[str, Any] = {"by": lead.as_viewer("command"), "scope": SavedView.Scope.EVERYONE}
        save_view(
            name="Unhappy and at risk",
            condition=_all(angry, {"match": "any", "of": [at_risk, worth]}),
            sort="value",
            icon="alert-triangle",
            columns=[
                "number",
                "subject",
                "account",
                "band",
                "value_at_risk",
                "csm",
                "sentiment",
                "assignee",
                "sla",
            ],
            **shared,
        )
        forgotten = {"field": "waiting_since", "is": "older_than", "value": 2 * 86_400}
        save_view(
            name="Waiting over two days", condition=_all(forgotten), sort="waiting", icon="clock", **shared
        )
    if agent is not None:
        mine = {"field": "assignee", "is": "in", "value": ["me"]}
        urgent = {"field": "priority", "is": "in", "value": ["high", "urgent"]}
        save_view(
            by=agent.as_viewer("command"),
            name="My urgent ones",
            condition=_all(mine, urgent),
            sort="priority",
            icon="bolt",
        )
