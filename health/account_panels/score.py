"""Why the score is what it is: the waterfall of 30 days on the overview, every signal on a tab."""

from datetime import date, timedelta

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from core.charts import Annotation, Point
from core.formatting import band_label
from customers.milestones import milestones
from customers.models import Account
from customers.registry import AccountPanel
from health.comparison import COMPARED_DAYS
from health.models import HealthSnapshot
from health.outcomes import band_proofs
from health.registry import Group
from health.selectors import (
    band_changes,
    cap_lines,
    change_lines,
    latest_snapshot,
    missing_lines,
    part_lines,
    score_history,
)
from people.viewer import Viewer

SHOWN_NOTES = 5
APART_DAYS = 14
LASTING_DAYS = 28
SHOWN_STEPS = 5


class ScoreOverview(AccountPanel):
    """The waterfall and the history side by side."""

    key = "health-overview"
    label = gettext_lazy("Health")
    place = "overview"
    order = 10
    permission = "health.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the steps from the score of 30 days ago to today's and the line of a year."""
        snapshot = latest_snapshot(account, viewer)
        if snapshot is None:
            return {"snapshot": None, "docs_url": reverse("api-docs")}
        history = score_history(account, viewer, until=snapshot.as_of)
        notes = [
            Annotation(day, gettext("Moved to %(band)s") % {"band": band_label(band)})
            for day, band in lasting_bands(band_changes(history))
        ]
        notes += (
            [Annotation(day, text) for day, text in milestones(account, viewer, since=history[0][0])]
            if history
            else []
        )
        return {
            "snapshot": snapshot,
            "known": snapshot.band != Account.Band.UNKNOWN,
            **waterfall_of(snapshot),
            "caps": cap_lines(snapshot),
            "missing": missing_lines(snapshot),
            "signals_count": len(snapshot.parts),
            "signals_url": reverse("account-tab", args=[account.pk, "health"]),
            "points": [Point(day, score) for day, score, _band in history],
            "notes": latest_apart(notes),
            "history_heads": [gettext("Day"), gettext("Score")],
            "history_rows": [
                (date_format(day, "j M Y"), round(score)) for day, score, _band in history[::-4][::-1]
            ],
        }


class HealthTab(AccountPanel):
    """Every signal with its value, its n, how fresh it is and what share of the score it has."""

    key = "health"
    label = gettext_lazy("Health")
    place = "tab"
    order = 15
    permission = "health.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return the signals by group."""
        snapshot = latest_snapshot(account, viewer)
        lines = part_lines(snapshot) if snapshot else []
        groups = [
            {"label": Group(group).label, "lines": [line for line in lines if line.group == group]}
            for group in Group.values
        ]
        return {
            "snapshot": snapshot,
            "groups": [group for group in groups if group["lines"]],
            "caps": cap_lines(snapshot) if snapshot else [],
            "proof": band_proofs().get(snapshot.band) if snapshot else None,
        }


def lasting_bands(changes: list[tuple[date, str]]) -> list[tuple[date, str]]:
    """Return the changes to a known band that held for LASTING_DAYS or still hold; a score near a limit comes and goes."""
    kept: list[tuple[date, str]] = []
    for place, (day, band) in enumerate(changes):
        lasted = place + 1 == len(changes) or (changes[place + 1][0] - day).days >= LASTING_DAYS
        if lasted and band != Account.Band.UNKNOWN and (not kept or kept[-1][1] != band):
            kept.append((day, band))
    return kept


def latest_apart(notes: list[Annotation]) -> list[Annotation]:
    """Return the newest notes in order of time, with room between their numbers on the chart."""
    kept: list[Annotation] = []
    for note in sorted(notes, key=lambda note: note.on, reverse=True):
        if len(kept) < SHOWN_NOTES and all((other.on - note.on).days >= APART_DAYS for other in kept):
            kept.append(note)
    return kept[::-1]


def waterfall_of(snapshot: HealthSnapshot) -> dict[str, object]:
    """Return ``start``, ``end``, ``steps`` and ``start_label``; ``steps`` is None without anything to compare with."""
    if snapshot.delta_30 is None or snapshot.score is None:
        return {"steps": None}
    lines = change_lines(snapshot)
    steps = [(line.label, line.seen, line.points) for line in lines[:SHOWN_STEPS]]
    rest = sum(line.points for line in lines[SHOWN_STEPS:])
    if len(lines) > SHOWN_STEPS:
        steps.append((gettext("Smaller changes"), "", rest))
    return {
        "steps": steps,
        "start": snapshot.score - snapshot.delta_30,
        "end": snapshot.score,
        "start_label": date_format(snapshot.as_of - timedelta(days=COMPARED_DAYS), "j F"),
    }
