"""Signals as pages draw them: chips below a message, rows of the panel."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime

from people.viewer import Viewer
from tickets.conversation import MessageItem
from tickets.models import ConversationSignal, Ticket

Kind, State = ConversationSignal.Kind, ConversationSignal.State
ICONS: Mapping[str, str] = {
    Kind.CHURN: "trending-down",
    Kind.ESCALATION: "flag",
    Kind.BUG: "alert-triangle",
    Kind.FEATURE_REQUEST: "plus",
    Kind.PRAISE: "star",
    Kind.NOW: "alarm",
    Kind.PROMISE: "calendar",
}
TONES: Mapping[str, str] = {Kind.CHURN: "bad", Kind.ESCALATION: "bad", Kind.NOW: "warn"}


def said_chips(item: MessageItem, ticket: Ticket, viewer: Viewer) -> list[dict[str, Any]]:
    """The chips below a message; they ask nothing of the database."""
    may_edit = viewer.can("tickets.edit")
    return [
        chip(one["kind"], one["state"])
        | {
            "id": one["id"],
            "probability": one["probability"],
            "due_at": parse_datetime(one["due_at"]) if one["due_at"] else None,
            "url": reverse("inbox-signal", args=[ticket.pk, one["id"]]) if may_edit else "",
        }
        for one in item.said
        if one["kind"] in Kind.values
    ]


def chip(kind: str, state: str) -> dict[str, Any]:
    """What every drawing of a signal shares: words, icon, tone, and what a click can still say."""
    is_promise = kind == Kind.PROMISE
    tone = {State.BROKEN: "bad", State.KEPT: "good"}.get(State(state), TONES.get(kind, ""))
    return {
        "kind": kind,
        "state": state,
        "label": Kind(kind).label,
        "state_label": State(state).label if state in {State.KEPT, State.BROKEN, State.CONFIRMED} else "",
        "icon": ICONS.get(kind, "mood-smile"),
        "tone": tone,
        "is_promise": is_promise,
        "yes": ("" if state == State.KEPT else State.KEPT)
        if is_promise
        else ("" if state == State.CONFIRMED else State.CONFIRMED),
    }
