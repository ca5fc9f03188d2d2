"""Scores of surveys: values by hand, and intervals that hold what they promise."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.survey_scores import ces, csat, nps, wilson_interval


def test_by_hand() -> None:
    """60 answers at 50/30/20 give NPS 30 with a margin of 19.8; the others are plain shares."""
    score = nps([10] * 30 + [8] * 18 + [3] * 12)
    assert score.value == pytest.approx(30)
    assert score.low is not None
    assert 30 - score.low == pytest.approx(19.8, abs=0.05)
    assert score.can_be_ranked
    assert not nps([10] * 29).can_be_ranked
    assert (csat([5, 4, 3, 1]).value, csat([5, 4, 3, 1]).mean) == (0.5, 3.25)
    assert ces([7, 5, 4]).value == pytest.approx(2 / 3)
    assert nps([]).value is csat([]).low is ces([]).mean is None
    assert wilson_interval(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    for score_of, answer in ((nps, 11), (csat, 0), (ces, 8)):
        with pytest.raises(ValueError, match="answers are"):
            score_of([answer])


def test_the_interval_of_nps_holds_what_it_promises() -> None:
    """Of many samples about 95 of 100 intervals hold the truth."""
    draw = random.Random(3)
    held = 0
    for _ in range(600):
        answers = draw.choices([10, 8, 3], [0.5, 0.3, 0.2], k=60)
        score = nps(answers)
        held += score.low is not None and score.high is not None and score.low <= 30 <= score.high
    assert 0.92 <= held / 600 <= 0.98


@given(st.lists(st.integers(1, 5), min_size=1, max_size=80))
def test_shares_stay_in_their_interval(answers: list[int]) -> None:
    """Low, value, high in that order, within 0 and 1."""
    score = csat(answers)
    assert score.low is not None
    assert score.high is not None
    assert score.value is not None
    assert 0 <= score.low <= score.value <= score.high <= 1 + 1e-12
