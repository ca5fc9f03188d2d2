"""What a score is compared with: the snapshot of 30 days before, and the same day by the card that counted then."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from health.attribution import Change, changes_between, changes_with_method
from health.card_book import cards_by_label
from health.cards import Card
from health.loading import among
from health.models import HealthSnapshot
from health.overriding import Overridden, override_changes
from health.scorecard import Cap, Measure, Score, measures_from
from health.scoring import Moment

COMPARED_DAYS = 30
COMPARED_SLACK = 14


def compare(
    past: HealthSnapshot | None, score: Score, set_to: Overridden, as_before: Score | None = None
) -> tuple[list[Change], float | None]:
    """Return the lines from a snapshot to a score and the difference they sum to; ([], None) without something to compare.

    ``set_to`` is what overrides make of the score. ``as_before`` is the score by the snapshot's card when another one counts now.
    """
    if past is None or past.score is None or score.final is None or set_to.final is None:
        return [], None
    if past.model_score is None and past.overrides:
        return [], None
    caps = [Cap(cap["key"], cap["ceiling"]) for cap in past.knock_outs]
    before = (measures_from(past.parts), caps)
    lines = changes_from(before, score, as_before)
    lines += override_changes(past.overrides, [effect.to_json() for effect in set_to.effects])
    return sorted(lines, key=lambda line: -abs(line.points)), set_to.final - past.score


def changes_from(
    before: tuple[Sequence[Measure], Sequence[Cap]], score: Score, as_before: Score | None
) -> list[Change]:
    """Return the lines from former measures and caps to a score; with a method line when the card is another one."""
    if as_before is not None and as_before.final is not None:
        return changes_with_method(before, (as_before.measures, as_before.caps), (score.measures, score.caps))
    return changes_between(*before, score.measures, score.caps)


def by_former_card(read: Moment, cards: Mapping[int, Card], former: Mapping[int, str]) -> dict[int, Score]:
    """Return today's score by the card of the snapshot it is compared with, where that was another one and is known."""
    labels = {pk: label for pk, label in former.items() if pk in cards and label != cards[pk].version}
    if not labels:
        return {}
    known = cards_by_label(labels.values())
    return read.scores({pk: known[label] for pk, label in labels.items() if label in known})


def compared_with(account_ids: Sequence[int], day: date) -> dict[int, HealthSnapshot]:
    """Return, per account, the snapshot that is 30 days old, or up to 14 days older."""
    rows = HealthSnapshot.objects.filter(
        account_id__in=among(account_ids),
        as_of__lte=day - timedelta(days=COMPARED_DAYS),
        as_of__gte=day - timedelta(days=COMPARED_DAYS + COMPARED_SLACK),
    ).order_by("as_of")
    return {row.account_id: row for row in rows}
