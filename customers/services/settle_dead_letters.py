"""Try rejected product usage again, or give it up; one item, or all that were rejected for a reason."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.any_of import AnyOf
from core.job_runner import start_job
from core.models import Job
from customers.events import USAGE_LETTERS_DROPPED, USAGE_LETTERS_RETRIED
from customers.models import UsageDeadLetter
from customers.services.ingest_usage import once_more, take_items
from customers.services.keep_dead_letters import DROPPED, PASSED, forget_letters
from customers.usage_items import OLDEST, REASONS, Verdict, read_item
from people.viewer import Viewer

JOB_KIND = "customers.settle_usage_letters"
RETRY, DROP = "retry", "drop"
AT_ONCE = 500


def settle_all(*, action: str, reason: str = "", by: Viewer) -> Job:
    """Start a job that tries all letters again or drops them, or those with a reason; raises ValidationError."""
    _require(action, by)
    if action not in (RETRY, DROP):
        raise ValidationError({"action": _("Choose retry or drop.")})
    if reason and reason not in REASONS:
        raise ValidationError({"reason": _("There is no such reason.")})
    return start_job(
        kind=JOB_KIND,
        key=f"{action}:{reason}",
        by=by,
        params={"action": action, "reason": reason},
        requested_by_id=by.user_id,
    )


def settle_one(*, letter: UsageDeadLetter, action: str, by: Viewer) -> Verdict:
    """Try a letter again, or drop it; returns what became of it. Raises ValidationError when it is gone."""
    _require(action, by)
    if action == DROP:
        verdict = Verdict(letter.message_id, DROPPED)
        if not drop_letters(letter_ids=[letter.pk], by=by):
            raise ValidationError({"letter": _("This item was settled meanwhile.")})
        return verdict
    verdicts = retry_letters(letter_ids=[letter.pk], by=by)
    if letter.pk not in verdicts:
        raise ValidationError({"letter": _("This item was settled meanwhile.")})
    return verdicts[letter.pk]


def retry_letters(*, letter_ids: list[int], by: Viewer) -> dict[int, Verdict]:
    """Try up to AT_ONCE letters again in one transaction; returns the verdicts of those that were still there by id.

    An item is dated as on its first try. One that is rejected again keeps its letter with the new reason.
    """
    _require(RETRY, by)
    by = by.lent("usage.write")
    judged: dict[int, Verdict] = {}

    def take() -> list[Verdict]:
        judged.clear()
        now = timezone.now()
        for source, letters in _locked(letter_ids).items():
            read = [
                read_item(
                    json.loads(letter.item),
                    letter.received_at,
                    timedelta(seconds=letter.skew_seconds),
                    now - OLDEST,
                )
                if letter.is_whole
                else Verdict(letter.message_id, "rejected", letter.reason)
                for letter in letters
            ]
            verdicts = take_items(read, by, now, source)
            judged.update({letter.pk: one for letter, one in zip(letters, verdicts, strict=True)})
            # What was taken before under the same id needs no letter.
            known = [letter for letter in letters if judged[letter.pk].status == "duplicate"]
            forget_letters(
                source=source, letters=[(letter.pk, letter.received_at) for letter in known], outcome=PASSED
            )
            for letter in letters:
                letter.reason, letter.tried_at = judged[letter.pk].reason, now
                letter.attempts += 1
            again = [letter for letter in letters if judged[letter.pk].status == "rejected"]
            UsageDeadLetter.objects.bulk_update(again, ["reason", "tried_at", "attempts"])
        if judged:
            outcomes = Counter(one.reason or one.status for one in judged.values())
            USAGE_LETTERS_RETRIED.record(by=by, subject_id=min(judged), detail={"outcomes": dict(outcomes)})
        return list(judged.values())

    once_more(take)
    return judged


@transaction.atomic
def drop_letters(*, letter_ids: list[int], by: Viewer) -> int:
    """Give letters up; returns how many were still there."""
    _require(DROP, by)
    number = 0
    for source, letters in _locked(letter_ids).items():
        number += len(letters)
        forget_letters(
            source=source, letters=[(letter.pk, letter.received_at) for letter in letters], outcome=DROPPED
        )
    if number:
        USAGE_LETTERS_DROPPED.record(by=by, subject_id=min(letter_ids), detail={"items": number})
    return number


def next_letters(*, reason: str, after: int) -> list[int]:
    """Return the ids of the next letters of a reason, at most AT_ONCE; of any when it is empty."""
    letters = UsageDeadLetter.objects.filter(pk__gt=after).order_by("pk")
    if reason:
        letters = letters.filter(reason=reason)
    return list(letters.values_list("pk", flat=True)[:AT_ONCE])


def _locked(letter_ids: list[int]) -> dict[str, list[UsageDeadLetter]]:
    """Return the letters that are still there by source, for this transaction alone."""
    found: dict[str, list[UsageDeadLetter]] = {}
    for letter in UsageDeadLetter.objects.select_for_update().filter(AnyOf("pk", letter_ids)).order_by("pk"):
        found.setdefault(letter.source, []).append(letter)
    return found


def _require(action: str, by: Viewer) -> None:
    """Operators may, and so may who sends usage."""
    if not by.can("usage.write"):
        by.require("operations.manage" if action == DROP else "operations.retry")


def as_shown(letter: UsageDeadLetter) -> Any:
    """Return the item of a letter as it came; its text (JSON of ASCII letters) when too large, or no answer can hold it."""
    if not letter.is_whole:
        return letter.item
    item = json.loads(letter.item)
    try:
        json.dumps(item, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # half of a surrogate pair, infinity
        return letter.item
    return item
