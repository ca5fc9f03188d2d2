"""What the survey after a solution asks, when and of whom; the token of its link; who gave which answer.

The settings are one JSON value (``tickets.satisfaction``). A token is a random word signed for this purpose alone: neither a
copy of the database nor guessing makes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Setting
from tickets.events import TICKET_RATED
from tickets.models import SatisfactionSurvey

KEY = "tickets.satisfaction"
CHANGE_DAYS = 7
LOW, GOOD = 2, 4
LONGEST_COMMENT = 4000
# Older solutions are not asked about: after a long pause nobody gets a pile of questions.
LATEST = timedelta(days=3)
_SALT = "tickets.satisfaction"

# Worst first; the faces are for plain-text mails.
_ICONS = ("mood-angry", "mood-sad", "mood-empty", "mood-smile", "mood-happy")
_WORDS = (
    (gettext_lazy("Very bad"), ":-(("),
    (gettext_lazy("Bad"), ":-("),
    (gettext_lazy("Neither good nor bad"), ":-|"),
    (gettext_lazy("Good"), ":-)"),
    (gettext_lazy("Very good"), ":-))"),
)
# Score, word, icon, face.
SCALE: tuple[tuple[int, str | Promise, str, str], ...] = tuple(
    (score, word, icon, face)
    for score, (icon, (word, face)) in enumerate(zip(_ICONS, _WORDS, strict=True), start=1)
)
SCORES = frozenset(score for score, *_rest in SCALE)


@dataclass(frozen=True)
class SatisfactionRules:
    """``condition`` is of ``tickets.conditions``: which tickets are asked about. A contact is asked once in ``pause_days``."""

    is_on: bool = False
    delay_hours: int = 2
    question: str = ""
    condition: dict[str, Any] = field(default_factory=dict)
    pause_days: int = 14

    def asked(self) -> str:
        """Return the question in force."""
        return self.question or _("How did we do?")


def current_rules() -> SatisfactionRules:
    """Return the rules in force; what is not stored has its default. One query."""
    stored = Setting.objects.filter(key=KEY).values_list("value", flat=True).first() or {}
    known = SatisfactionRules.__dataclass_fields__
    return SatisfactionRules(**{name: value for name, value in stored.items() if name in known})


def word_of(score: int | None) -> str:
    """Return what a score means, empty for none."""
    return next((str(word) for one, word, *_rest in SCALE if one == score), "")


def words_of_rating(verb: str, detail: Mapping[str, Any]) -> str | None:
    """Return what a customer said as the end of a line in the conversation; None for other events."""
    score = detail.get("score")
    return f"{word_of(score)} ({score}/5)" if verb == TICKET_RATED.verb and score in SCORES else None


def token_of(survey: SatisfactionSurvey) -> str:
    """Return the token of a survey's link, in letters that survive every mail program."""
    return _signer().sign(survey.nonce)


def feedback_url(survey: SatisfactionSurvey, score: int | None = None) -> str:
    """Return the address of the survey's page, with a face already chosen when ``score`` is given."""
    url = str(settings.SITE_URL) + reverse("feedback", args=[token_of(survey)])
    return url if score is None else f"{url}?score={score}"


def survey_of(token: str) -> SatisfactionSurvey | None:
    """Return the survey of a token, None for anything that we did not sign."""
    try:
        nonce = _signer().unsign(token)
    except BadSignature:
        return None
    return SatisfactionSurvey.objects.select_related("ticket", "contact").filter(nonce=nonce).first()


def _signer() -> Signer:
    return Signer(salt=_SALT, sep=".")
