"""Formulas: normalisers, freshness, coverage, bands, caps, and the exact attribution of changes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health.attribution import changes_between
from health.normalisers import CohortPercentile, Peers, Piecewise, Recency, SelfBaseline, Trend
from health.scorecard import Cap, Measure, freshness, inputs_hash, measures_from, parts_of, score_of

NUMBERS = st.floats(0, 100)


@st.composite
def cards(draw: st.DrawFn) -> tuple[list[Measure], list[Cap]]:
    """A card with some measures missing, some faded, some weights changed, and caps."""
    keys = draw(st.sets(st.sampled_from("abcdefgh"), min_size=1))
    measures = [
        Measure(
            key=key,
            group=draw(st.sampled_from(["one", "two", "three"])),
            weight=draw(st.floats(0.5, 20)),
            value=1.0,
            n=draw(st.none() | NUMBERS),
            freshness=draw(st.floats(0.1, 1)),
        )
        for key in sorted(keys)
    ]
    caps = draw(
        st.lists(
            st.builds(Cap, st.sampled_from(["p", "q", "r"]), NUMBERS),
            max_size=3,
            unique_by=lambda cap: cap.key,
        )
    )
    return measures, caps


@settings(max_examples=150, deadline=None)
@given(cards(), cards())
def test_the_lines_sum_to_the_change(
    before: tuple[list[Measure], list[Cap]], after: tuple[list[Measure], list[Cap]]
) -> None:
    old, new = score_of(*before), score_of(*after)
    lines = changes_between(before[0], before[1], after[0], after[1])
    if old.final is None or new.final is None:
        assert lines == []
    else:
        assert sum(line.points for line in lines) == pytest.approx(new.final - old.final, abs=1e-9)


@given(cards())
def test_nothing_changed_gives_no_line(card: tuple[list[Measure], list[Cap]]) -> None:
    assert changes_between(card[0], card[1], card[0], card[1]) == []


def test_a_missing_measure_acts_by_its_weight_alone() -> None:
    kept = Measure("kept", "g", 1, 0, 80, 1)
    [line] = changes_between(
        [kept, Measure("gone", "g", 1, 0, 20, 1)], [], [kept, Measure("gone", "g", 1)], []
    )[:1]
    assert {
        line.effect for line in changes_between([kept, Measure("gone", "g", 1, 0, 20, 1)], [], [kept], [])
    } == {"weight"}
    assert line.points > 0


def test_a_cap_is_a_line_of_its_own() -> None:
    measures = [Measure("a", "g", 1, 0, 90, 1)]
    [line] = changes_between(measures, [], measures, [Cap("notice", 20), Cap("no_usage", 30)])
    assert (line.key, line.effect, line.points) == ("notice", "cap", -70)
    moved = changes_between(measures, [Cap("no_usage", 30)], measures, [Cap("notice", 20)])
    assert {(line.key, line.points) for line in moved} == {("no_usage", 60.0), ("notice", -70.0)}


def measure(group: str, n: float | None, weight: float = 1, fresh: float = 1.0) -> Measure:
    """One measure of a card."""
    return Measure(f"{group}{n}{weight}", group, weight, 0, n, fresh)


def test_score_is_the_weighted_mean() -> None:
    score = score_of(
        [measure("a", 100, 3), measure("b", 40, 1), measure("c", 40, 4, 0.5), measure("d", None, 2)], []
    )
    assert score.raw == pytest.approx((300 + 40 + 80) / 6)
    assert score.coverage == pytest.approx(6 / 10)
    assert (score.band, score.confidence) == ("steady", "low")


@pytest.mark.parametrize(
    "measures",
    [
        [measure("a", 90), measure("b", 90), measure("c", 90), measure("d", None, 4)],
        [measure("a", 90), measure("b", 90)],
        [measure("a", 90, 1), measure("a", 80, 2), measure("a", 70, 3)],
        [],
    ],
)
def test_too_little_is_unknown(measures: list[Measure]) -> None:
    assert score_of(measures, []).band == "unknown"


@pytest.mark.parametrize(
    ("n", "band"),
    [(80, "healthy"), (79.4, "steady"), (65, "steady"), (64, "watch"), (50, "watch"), (49, "at_risk")],
)
def test_bands(n: float, band: str) -> None:
    assert score_of([measure("a", n, 1), measure("b", n, 2), measure("c", n, 3)], []).band == band


def test_caps_hold_the_score_down() -> None:
    score = score_of(
        [measure("a", 90, 1), measure("b", 90, 2), measure("c", 90, 3)], [Cap("x", 60), Cap("y", 30)]
    )
    assert (score.raw, score.final, score.band) == (90, 30, "at_risk")


def test_an_imputed_measure_counts_in_the_score_not_in_the_coverage() -> None:
    imputed = Measure("i", "d", 2, None, 0, 1, imputed=True)
    score = score_of([measure("a", 90, 1), measure("b", 90, 1), imputed], [])
    assert score.raw == 45
    assert score.coverage == 0.5
    assert score.band == "unknown"


def test_stored_parts_come_back() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    measures = [Measure("a", "g", 1.5, 0.25, 70.5, 0.5, at, 3, {"x": 1}), Measure("b", "g", 2, stale=True)]
    assert measures_from(parts_of(score_of(measures, []))) == measures


def test_the_hash_names_the_inputs() -> None:
    one, two = score_of([measure("a", 90)], []), score_of([measure("a", 90)], [])
    assert inputs_hash(one, "v", {"f": 1.0}) == inputs_hash(two, "v", {"f": 1.0})
    assert inputs_hash(one, "v", {"f": 1.0}) != inputs_hash(score_of([measure("a", 91)], []), "v", {"f": 1.0})
    assert inputs_hash(one, "v", {}) != inputs_hash(one, "w", {})


def test_freshness_halves_after_the_grace() -> None:
    assert [freshness(age, 30, 30) for age in (0, 30, 60, 90)] == [1, 1, 0.5, 0.25]


def test_normalisers() -> None:
    seats = Piecewise(((0, 0), (0.5, 50), (0.8, 85), (1, 100)))
    assert [round(seats(value), 2) for value in (-1, 0, 0.25, 0.65, 0.8, 2)] == [0, 0, 25, 67.5, 85, 100]
    assert [round(SelfBaseline()(z), 1) for z in (-9, 0, 1, 9)] == [5, 50, 84.1, 95]
    assert round(Trend()(0.10), 1) == 88.1
    assert [Recency(grace=2, half_life=7)(days) for days in (1, 2, 9, 16)] == [100, 100, 50, 25]


def test_percentile_is_shrunk_to_everyone() -> None:
    everyone = [float(value) for value in range(30)]
    rank = CohortPercentile()
    assert rank(29.0, Peers([], everyone)) == pytest.approx(100 * 29.5 / 30)
    mixed = rank(29.0, Peers([29.0, 30.0, 31.0], everyone))
    assert mixed == pytest.approx((3 * (100 * 0.5 / 3) + 30 * (100 * 29.5 / 30)) / 33)
    assert CohortPercentile(inverted=True)(0.0, Peers([], everyone)) == pytest.approx(100 - 100 * 0.5 / 30)
    assert rank(1.0, Peers([], [1.0, 2.0])) is None
