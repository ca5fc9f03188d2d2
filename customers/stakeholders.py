"""Who has a say at an account: influence, stance, and how well we reach them.

Reach is 1 up to 30 days after a person wrote and halves every 45 days after that; 0 for who never wrote. The health signal
"key contacts" uses the same curve.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from customers.models import Account, Contact, SponsorChange
from customers.registry import last_heard
from customers.selectors import contacts_of
from people.viewer import Viewer

KEY_ROLES = ("sponsor", "buyer", "champion", "admin")
GRACE_DAYS, HALF_LIFE_DAYS = 30, 45
STANCES = ("promoter", "neutral", "detractor", "unknown")
INFLUENCES = (3, 2, 1, None)
_DAY = 86_400


@dataclass(frozen=True)
class Stakeholder:
    """A person of the map; ``reach`` is 0..1."""

    contact: Contact
    reach: float
    heard_at: datetime | None


@dataclass(frozen=True)
class StakeholderMap:
    """``rows`` are (influence, people for each of STANCES), the strongest influence first, without empty ones."""

    people: tuple[Stakeholder, ...]
    rows: tuple[tuple[int | None, tuple[tuple[Stakeholder, ...], ...]], ...]
    changes: tuple[SponsorChange, ...]
    # Of the four key roles, those of whose people one has written in the last 75 days (reach over one half).
    roles_reached: int


def reach_of(heard_at: datetime | None, now: datetime) -> float:
    """Return 0..1 for when somebody was last heard."""
    if heard_at is None:
        return 0.0
    days = max(0.0, (now - heard_at).total_seconds() / _DAY - GRACE_DAYS)
    return float(0.5 ** (days / HALF_LIFE_DAYS))


def stakeholders_of(account: Account, viewer: Viewer) -> StakeholderMap:
    """Return the people of an account who are there and have a role, an influence or a stance; constant queries."""
    present = [
        one
        for one in contacts_of(account, viewer)
        if one.left_at is None and (one.role or one.influence or one.stance != "unknown")
    ]
    heard = last_heard([one.pk for one in present])
    now = timezone.now()
    people = tuple(
        sorted(
            (Stakeholder(one, reach_of(heard.get(one.pk), now), heard.get(one.pk)) for one in present),
            key=lambda one: (-(one.contact.influence or 0), -one.reach, str(one.contact)),
        )
    )
    rows = tuple(
        (influence, _cells([one for one in people if one.contact.influence == influence]))
        for influence in INFLUENCES
        if any(one.contact.influence == influence for one in people)
    )
    found = SponsorChange.objects.visible_to(viewer).filter(account=account).select_related("contact")
    changes = (
        found.filter(state=SponsorChange.State.OPEN).prefetch_related("contact__identities").order_by("-pk")
    )
    reached = {one.contact.role for one in people if one.reach > 0.5 and one.contact.role in KEY_ROLES}
    return StakeholderMap(people, rows, tuple(changes), len(reached))


def _cells(people: Collection[Stakeholder]) -> tuple[tuple[Stakeholder, ...], ...]:
    return tuple(tuple(one for one in people if one.contact.stance == stance) for stance in STANCES)
