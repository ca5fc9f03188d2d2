"""The estimate of Kaplan and Meier: against a worked example, a known truth, and what must always hold."""

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.survival import survival

LIVES = st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=60)

# Weeks in remission of the treated group, Freireich et al. (1963), with the published curve: (week, share left, error).
REMISSIONS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PUBLISHED = [
    (6, 0.857, 0.0764), (7, 0.807, 0.0869), (10, 0.753, 0.0963), (13, 0.690, 0.1068), (16, 0.627, 0.1141),
    (22, 0.538, 0.1282), (23, 0.448, 0.1346),
]  # fmt: skip


def test_a_published_example() -> None:
    """The curve of the 6-MP group is the one in the textbooks, the median 23 weeks, its interval 13 and open."""
    curve = survival(REMISSIONS, [bool(one) for one in RELAPSED])
    found = [(step.time, step.left, step.error) for step in curve.steps]
    assert [time for time, _, _ in found] == [time for time, _, _ in PUBLISHED]
    for (_, left, error), (_, wanted, wanted_error) in zip(found, PUBLISHED, strict=True):
        assert left == pytest.approx(wanted, abs=6e-4)
        assert error == pytest.approx(wanted_error, abs=6e-5)
    assert (curve.n, curve.events, curve.median, curve.longest) == (21, 9, 23, 35)
    assert curve.median_interval == (13, None)


def test_a_known_truth() -> None:
    """With a third unfinished, the estimate finds the true median, which the median of the finished ones misses by far."""
    draw = random.Random(7)
    truth = 60.0
    finish = [draw.expovariate(math.log(2) / truth) for _ in range(4000)]
    watched = [draw.uniform(10, 180) for _ in finish]
    times = [min(pair) for pair in zip(finish, watched, strict=True)]
    done = [end <= until for end, until in zip(finish, watched, strict=True)]
    curve = survival(times, done)
    low, high = curve.median_interval
    assert curve.median == pytest.approx(truth, rel=0.05)
    assert low is not None
    assert high is not None
    assert low < truth < high
    assert high - low < 10
    finished = [time for time, was_done in zip(times, done, strict=True) if was_done]
    assert statistics.median(finished) < 0.75 * truth


@pytest.mark.parametrize("size", [40, 200])
def test_the_interval_holds_what_it_promises(size: int) -> None:
    """Of many samples the interval of the median holds the truth in about 95 of 100."""
    draw = random.Random(size)
    held = 0
    for _ in range(400):
        finish = [draw.expovariate(math.log(2) / 30) for _ in range(size)]
        until = [draw.uniform(20, 120) for _ in range(size)]
        curve = survival(
            [min(pair) for pair in zip(finish, until, strict=True)],
            [end <= last for end, last in zip(finish, until, strict=True)],
        )
        low, high = curve.median_interval
        held += low is not None and low <= 30 and (high is None or high >= 30)
    assert 0.91 <= held / 400 <= 0.985


@given(LIVES)
def test_what_always_holds(lives: list[tuple[int, bool]]) -> None:
    """A curve falls, stays within its interval, and without unfinished ones is the plain share that is left."""
    times, done = [time for time, _ in lives], [one for _, one in lives]
    curve = survival(times, done)
    shares = [1.0, *(step.left for step in curve.steps)]
    assert all(before > after for before, after in itertools.pairwise(shares))
    assert all(
        0 <= step.low <= step.left + 1e-12 and step.left - 1e-12 <= step.high <= 1 for step in curve.steps
    )
    assert sum(step.events for step in curve.steps) == curve.events == sum(done)
    whole = survival(times, [True] * len(times))
    for step in whole.steps:
        assert step.left == pytest.approx(sum(time > step.time for time in times) / len(times), abs=1e-9)
    if times:
        assert whole.mean_until(60) == pytest.approx(statistics.fmean(times), abs=1e-9)
        assert whole.median == statistics.median_low(times)
        assert whole.left_at(-1) == 1.0
        assert whole.left_at(60) == pytest.approx(0.0, abs=1e-12)


def test_edges() -> None:
    """Nobody gives an empty curve; nobody finished gives no median; nonsense is refused."""
    assert survival([], []).median is None
    assert survival([3.0, 5.0], [False, False]).median_interval == (None, None)
    assert survival([3.0], [True]).median_interval == (3.0, None)
    for times, done in (([-1.0], [True]), ([math.nan], [True]), ([1.0], [])):
        with pytest.raises(ValueError):
            survival(times, done)
