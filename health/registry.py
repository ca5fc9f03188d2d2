"""The extension points of health: signals, each one measure of an account, and knock-outs (docs/how-to/add-a-signal.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.registry import Part, Registry
from health.facts import Facts, Floats, Ints
from health.normalisers import Normaliser
from health.peers import Cohort


class Group(models.TextChoices):
    """What a signal is about; a score needs at least two groups."""

    USAGE = "usage", _("Usage")
    ADOPTION = "adoption", _("Adoption")
    SUPPORT = "support", _("Support")
    SENTIMENT = "sentiment", _("Sentiment")
    RELATIONSHIP = "relationship", _("Relationship")
    COMMERCIAL = "commercial", _("Contract")
    SURVEY = "survey", _("Surveys")
    OUTCOME = "outcome", _("Outcomes")
    MANUAL = "manual", _("Judgement")


@dataclass(frozen=True)
class Reading:
    """A raw value with the moment it was observed, how many observations it rests on and numbers to explain it."""

    value: float
    observed_at: datetime
    n_obs: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Readings:
    """A signal's raw values for all accounts of the facts, one place per account in the order of ``Facts.account_ids``.

    ``value`` is NaN where nothing is known; ``observed_at`` POSIX seconds. ``details`` are columns of numbers, too: what
    explains a value is put together for a single account only when it is stored or shown.
    """

    rows: Mapping[int, int]
    value: Floats
    observed_at: Floats
    n_obs: Ints
    details: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        facts: Facts,
        value: npt.NDArray[Any],
        as_of: datetime | Floats,
        n_obs: npt.NDArray[Any] | int = 1,
        **details: npt.NDArray[Any],
    ) -> Self:
        """Return readings observed at one moment or each at its own (POSIX seconds)."""
        size = len(facts)
        observed = np.full(size, as_of.timestamp()) if isinstance(as_of, datetime) else as_of
        counts = np.full(size, n_obs) if isinstance(n_obs, int) else n_obs.astype(np.int64)
        return cls(facts.rows, value.astype(float), observed, counts, details)

    @classmethod
    def from_single(cls, facts: Facts, found: Mapping[int, Reading]) -> Self:
        """Return what was read account by account: for signals of few accounts."""
        size = len(facts)
        value, observed = np.full(size, np.nan), np.zeros(size)
        counts = np.zeros(size, dtype=np.int64)
        names = sorted({name for one in found.values() for name in one.detail})
        details = {name: np.full(size, None, dtype=object) for name in names}
        for account_id, one in found.items():
            row = facts.rows[account_id]
            value[row], observed[row], counts[row] = one.value, one.observed_at.timestamp(), one.n_obs
            for name, told in one.detail.items():
                details[name][row] = told
        return cls(facts.rows, value, observed, counts, details)

    def detail(self, row: int) -> dict[str, Any]:
        """Return what explains the value at a place as plain numbers."""
        if not self.details:
            return {}
        found = {
            name: told.item() if isinstance(told := column[row], np.generic) else told
            for name, column in self.details.items()
        }
        return {name: told for name, told in found.items() if told is not None}

    def get(self, account_id: int) -> Reading | None:
        """Return the reading of one account; None when nothing is known."""
        row = self.rows[account_id]
        if np.isnan(self.value[row]):
            return None
        at = datetime.fromtimestamp(float(self.observed_at[row]), UTC)
        return Reading(float(self.value[row]), at, int(self.n_obs[row]), self.detail(row))


class Signal(Part):
    """One measure. A score is the mean of n (0..100) weighted with ``weight`` times freshness.

    Freshness is 1 up to ``grace_days`` after the observation, then halves every ``half_life_days``; below 0.1 the signal
    counts as missing. ``missing_as`` is the n taken when nothing is known; None, the default, leaves the signal out (it
    then lowers coverage). ``needs_peers`` asks for the raw values of comparable accounts. ``in_default_card`` False keeps
    a signal out of the built-in card: published cards may take it. These values are what a card starts from.
    """

    label: ClassVar[str | Promise] = ""
    group: ClassVar[str] = ""
    weight: ClassVar[float] = 1.0
    normaliser: ClassVar[Normaliser]
    grace_days: ClassVar[float] = 30.0
    half_life_days: ClassVar[float] = 30.0
    missing_as: ClassVar[float | None] = None
    needs_peers: ClassVar[bool] = False
    in_default_card: ClassVar[bool] = True

    def readings(self, facts: Facts, as_of: datetime, cohort: Cohort) -> Readings:
        """Return the raw values of all accounts of the facts as columns, NaN where nothing is known at ``as_of``.

        Only what had happened and was recorded by then may be used; ``facts`` answers in that way. ``cohort`` says what
        was usual among comparable accounts; it is empty while the cohort itself is being measured.
        """
        raise NotImplementedError

    def describe(self, value: float, detail: Mapping[str, Any]) -> str:
        """Say the raw value for people, short; used beside the points."""
        raise NotImplementedError

    def missing_reason(self) -> str:
        """Say why there may be no value."""
        return str(_("nothing known"))


signals: Registry[Signal] = Registry(Signal, "signals")


class KnockOut(Part):
    """A fact that no good value makes up for: while it holds, the score is at most ``ceiling``; cards may set another.

    In ``<health or any app above>/knock_outs.py`` or a folder of that name. All that hold are shown, the lowest binds.
    """

    label: ClassVar[str | Promise] = ""
    ceiling: ClassVar[float] = 100.0
    order: ClassVar[int] = 100

    def holds(self, facts: Facts, as_of: datetime) -> Mapping[int, Mapping[str, Any]]:
        """Return, per account id for which it holds as known at ``as_of``, what explains it."""
        raise NotImplementedError


knock_outs: Registry[KnockOut] = Registry(KnockOut, "knock_outs")
