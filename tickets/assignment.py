"""Who gets a ticket: the rule, as a function of what is known. Nothing here reads or writes.

``tickets.services.assign_ticket`` reads the candidates, asks and acts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Why somebody was not chosen, as it is stored with the event.
VERDICTS = {
    "chosen": gettext_lazy("gets the ticket"),
    "later": gettext_lazy("could have taken it"),
    "full": gettext_lazy("at capacity"),
    "lacks": gettext_lazy("lacks a skill"),
    "absent": gettext_lazy("absent"),
    "away": gettext_lazy("away"),
    "busy": gettext_lazy("busy"),
    "off_hours": gettext_lazy("outside working hours"),
    "no_capacity": gettext_lazy("takes no tickets"),
}


@dataclass(frozen=True)
class Candidate:
    """A member of the team. ``load`` are open tickets, ``why_not`` a word of VERDICTS for who is not there, else empty."""

    user_id: int
    load: int
    capacity: int
    skills: frozenset[int] = frozenset()
    why_not: str = ""

    @property
    def free_share(self) -> float:
        """Free capacity as a share, at most 1; negative above capacity."""
        return (self.capacity - self.load) / self.capacity if self.capacity else -1.0

    @property
    def can_take(self) -> bool:
        """There, and below capacity."""
        return not self.why_not and self.load < self.capacity


@dataclass(frozen=True)
class Question:
    """What is known of the ticket and its team.

    ``needed`` are the names of skills by id, ``previous_owner`` who had the customer's last ticket (None: nobody, or the team
    does not ask), ``last_turn`` who was given the last ticket of the team.
    """

    strategy: str
    needed: Mapping[int, str] = field(default_factory=dict)
    previous_owner: int | None = None
    last_turn: int | None = None


@dataclass(frozen=True)
class Considered:
    """What was said of one candidate; ``missing`` are names of skills."""

    user_id: int
    load: int
    capacity: int
    verdict: str
    missing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the event."""
        said = {"user": self.user_id, "load": self.load, "capacity": self.capacity, "verdict": self.verdict}
        return said | ({"missing": list(self.missing)} if self.missing else {})


@dataclass(frozen=True)
class Decision:
    """Who gets the ticket, or None; why, in a sentence; and what was said of everybody."""

    user_id: int | None
    reason: str
    considered: tuple[Considered, ...] = ()


def decide(question: Question, candidates: Sequence[Candidate]) -> Decision:
    """Choose among the members of a team. Nobody who is not there or at capacity is ever chosen."""
    needed = _needed(question, candidates)
    able = [one for one in candidates if one.can_take and not needed.keys() - one.skills]
    chosen, reason = _choose(question, able, bool(needed))
    if chosen is None:
        reason = _why_nobody(candidates, needed)
    considered = tuple(_considered(one, needed, chosen) for one in candidates)
    return Decision(None if chosen is None else chosen.user_id, reason, considered)


def _needed(question: Question, candidates: Collection[Candidate]) -> dict[int, str]:
    """The skills that count: those that at least one member has. What nobody has cannot be waited for."""
    if question.strategy != "skills":
        return {}
    known: set[int] = set().union(*(one.skills for one in candidates)) if candidates else set()
    return {skill: name for skill, name in question.needed.items() if skill in known}


def _choose(question: Question, able: Sequence[Candidate], by_skill: bool) -> tuple[Candidate | None, str]:
    if not able:
        return None, ""
    for one in able:
        if one.user_id == question.previous_owner:
            return one, _("Had the customer's last ticket: %(load)d of %(capacity)d") % _load(one)
    if question.strategy == "round_robin":
        in_turn = sorted(able, key=lambda one: one.user_id)
        after = [one for one in in_turn if one.user_id > (question.last_turn or 0)]
        return (after or in_turn)[0], _("In turn")
    chosen = max(able, key=lambda one: (one.free_share, -one.load, -one.user_id))
    if by_skill:
        return chosen, _("Has the skills, most free capacity: %(load)d of %(capacity)d") % _load(chosen)
    return chosen, _("Most free capacity: %(load)d of %(capacity)d") % _load(chosen)


def _load(one: Candidate) -> dict[str, int]:
    return {"load": one.load, "capacity": one.capacity}


def _why_nobody(candidates: Sequence[Candidate], needed: Mapping[int, str]) -> str:
    present = [one for one in candidates if not one.why_not]
    if not present:
        return _("Nobody of the team is available")
    if needed and not any(not needed.keys() - one.skills for one in present):
        return _("Nobody available has the skill: %s") % ", ".join(needed.values())
    return _("Everybody available is at capacity")


def _considered(one: Candidate, needed: Mapping[int, str], chosen: Candidate | None) -> Considered:
    missing = tuple(name for skill, name in needed.items() if skill not in one.skills)
    if one.why_not:
        verdict = one.why_not
    elif missing:
        verdict = "lacks"
    elif one.load >= one.capacity:
        verdict = "full"
    else:
        verdict = "chosen" if one is chosen else "later"
    return Considered(one.user_id, one.load, one.capacity, verdict, missing)
