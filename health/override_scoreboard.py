"""Who was right: overrides of at least 90 days ago against the model's score, by what then happened.

A score says how likely the account leaves through its band: the share of accounts in that band that left within 90 days, over
former snapshots, shrunk to the share of all. Brier = mean (share − left)²; lower is better.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from core.formatting import band_of
from customers.models import Account
from health.models import HealthOverride, HealthSnapshot
from people.viewer import Viewer

OUTCOME_DAYS = 90
SHRINK = 20.0
USUAL_SHARE = 0.05
SAMPLED_DAYS = 28
SAMPLED = 20_000


@dataclass(frozen=True)
class BoardLine:
    """How the overrides of one person did. ``better`` is the model's Brier minus the person's: above 0 the person was better."""

    who: str
    user_id: int | None
    overrides: int
    left: int
    human_brier: float
    model_brier: float

    @property
    def better(self) -> float:
        """By how much the person was better than the model."""
        return self.model_brier - self.human_brier


def scoreboard(viewer: Viewer) -> list[BoardLine]:
    """Return a line per person and one for all together, over overrides of the whole score whose 90 days are over."""
    now = timezone.now()
    rows = list(
        HealthOverride.objects.visible_to(viewer)
        .filter(signal="", created_at__lte=now - timedelta(days=OUTCOME_DAYS))
        .exclude(state__in=[HealthOverride.State.PENDING, HealthOverride.State.REFUSED])
        .exclude(score=None)
        .exclude(model_score=None)
        .select_related("account", "created_by")
    )
    if not rows:
        return []
    shares = band_shares(now.date())
    by_person: dict[int | None, list[HealthOverride]] = {}
    for row in rows:
        by_person.setdefault(row.created_by_id, []).append(row)
    lines = [
        _line(str(found[0].created_by or _("An integration")), user_id, found, shares)
        for user_id, found in by_person.items()
    ]
    total = _line(_("All together"), None, rows, shares)
    return [*sorted(lines, key=lambda line: (-line.overrides, line.who)), total]


def band_shares(today: date) -> dict[str, float]:
    """Return, per band, the share of accounts that left within 90 days of a snapshot, shrunk to the share of all."""
    until = today - timedelta(days=OUTCOME_DAYS)
    since = until - timedelta(days=365)
    rows = (
        HealthSnapshot.objects.filter(as_of__gt=since, as_of__lte=until)
        .exclude(score=None)
        .order_by("-pk")
        .values_list("band", "as_of", "account__churned_on")[:SAMPLED]
    )
    counts: dict[str, list[int]] = {}
    for band, day, gone in rows:
        pair = counts.setdefault(band, [0, 0])
        pair[0] += 1
        pair[1] += gone is not None and day < gone <= day + timedelta(days=OUTCOME_DAYS)
    seen, left = (sum(pair[place] for pair in counts.values()) for place in (0, 1))
    usual = left / seen if seen else USUAL_SHARE
    return {
        band: (pair[1] + SHRINK * usual) / (pair[0] + SHRINK)
        for band, pair in {str(band): counts.get(band, [0, 0]) for band in Account.Band.values}.items()
    }


def _line(
    who: str, user_id: int | None, rows: Iterable[HealthOverride], shares: Mapping[str, float]
) -> BoardLine:
    human = model = 0.0
    left = number = 0
    for row in rows:
        gone = row.account.churned_on
        created = row.created_at.date()
        happened = float(gone is not None and created <= gone <= created + timedelta(days=OUTCOME_DAYS))
        human += (shares[band_of(row.score)] - happened) ** 2
        model += (shares[band_of(row.model_score)] - happened) ** 2
        left, number = left + int(happened), number + 1
    return BoardLine(who, user_id, number, left, human / number, model / number)
