"""Which card counts for which account: among the live cards that apply, the one with the lowest priority (then key)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from health.card_conditions import holding
from health.cards import Card, Lens, default_card, default_version
from health.facts import Facts
from health.models import HealthCard, HealthCardVersion


@dataclass(frozen=True)
class LiveCard:
    """A published card with what decides whether it counts."""

    card: Card
    is_primary: bool
    applies_to: Mapping[str, Any]


class CardBook:
    """The live cards in the order in which they are tried; the built-in card takes every account that none takes."""

    def __init__(self, live: Iterable[LiveCard] = ()) -> None:
        self.live = list(live)
        self.default = default_card()

    @classmethod
    def load(cls) -> Self:
        """Read the live cards with one query."""
        rows = HealthCard.objects.exclude(live=None).select_related("live").order_by("priority", "key")
        return cls(LiveCard(_version_of(row).as_card(), row.is_primary, row.applies_to) for row in rows)

    def primary(self, facts: Facts, as_of: datetime) -> dict[int, Card]:
        """Return the card that fills the health score, by account id."""
        chosen = self._first([one for one in self.live if one.is_primary], facts, as_of)
        return {pk: chosen.get(pk, self.default) for pk in facts.account_ids}

    def lenses(self, facts: Facts, as_of: datetime) -> dict[str, dict[int, Card]]:
        """Return the further cards by lens and account id; accounts without one are left out."""
        found = {}
        for lens in Lens.values:
            cards = [one for one in self.live if not one.is_primary and one.card.lens == lens]
            if cards:
                found[lens] = self._first(cards, facts, as_of)
        return found

    def _first(self, cards: list[LiveCard], facts: Facts, as_of: datetime) -> dict[int, Card]:
        chosen: dict[int, Card] = {}
        for one in cards:
            held = holding(one.applies_to, facts, as_of)
            for pk, holds in zip(facts.account_ids, held.tolist(), strict=True):
                if holds:
                    chosen.setdefault(pk, one.card)
        return chosen

    @cached_property
    def ranked(self) -> frozenset[str]:
        """The signals of which the values of comparable accounts are needed."""
        return self.default.ranked.union(*(one.card.ranked for one in self.live))

    @cached_property
    def peers_version(self) -> str:
        """A name for what a cohort must hold; it is the built-in card's until a live card ranks further signals."""
        more = sorted(self.ranked - self.default.ranked)
        return "+".join([default_version(), *more])[:64]


def cards_by_label(labels: Iterable[str]) -> dict[str, Card]:
    """Return the cards that snapshots name by these labels: versions that are stored, and the built-in card of this release."""
    wanted = set(labels)
    found = {default_version(): default_card()} if default_version() in wanted else {}
    numbered = {label.rpartition(":")[0] for label in wanted if ":" in label}
    if numbered:
        versions = HealthCardVersion.objects.filter(card__key__in=numbered).exclude(number=None)
        for version in versions.select_related("card"):
            if version.label in wanted:
                found[version.label] = version.as_card()
    return found


def _version_of(card: HealthCard) -> HealthCardVersion:
    version = card.live
    if version is None:
        raise ValueError(f"{card.key} measures nobody")
    version.card = card
    return version
