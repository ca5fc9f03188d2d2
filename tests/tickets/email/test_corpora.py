"""Five hundred damaged mails through the measured parser and the ledger; the short form of ``bench/mail_corpora.py``."""

import pytest

from bench.mail_corpora import measure_ledger, measure_parser, mutations
from tests.tickets.email.damage import SAMPLES

pytestmark = pytest.mark.django_db


@pytest.mark.timeout(300)
def test_damaged_mails_end_in_one_state_within_the_caps() -> None:
    mails = SAMPLES + list(mutations(SAMPLES, 500, seed=0))
    parsed = measure_parser(mails)
    assert sum(parsed["parser"].values()) == len(mails)
    assert (parsed["uncaught"], parsed["over_the_caps"]) == (0, 0), parsed
    ended = measure_ledger(mails)
    assert ended["ledger_rows"] == ended["expected_rows"]
    assert (ended["not_final"], ended["our_errors"]) == (0, 0), ended
    assert ended["second_time_changed"] == []
