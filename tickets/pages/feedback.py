"""The public page behind the faces in the survey's mail.

Looking never rates: mail scanners open every link. The link's token is the only proof, so strangers get the same page for
every token and learn nothing from it.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from people.login_pauses import may_give_feedback
from people.pages.addresses import network_address
from tickets.models import SatisfactionSurvey
from tickets.satisfaction import LONGEST_COMMENT, SCALE, SCORES, current_rules, survey_of, word_of
from tickets.services.rate_ticket import may_change, note_opening, rate_ticket


# Mail programs open the page without cookies, so there can be no CSRF token; the signed link is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def feedback(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the question with the clicked face chosen; POST rates and shows the thanks, with room for more words."""
    if request.method == "POST":
        return _rate(request, token)
    if request.method == "GET":
        note_opening(token=token)
    survey = survey_of(token)
    stored = None if survey is None else survey.score
    score = _score(request.GET.get("score", "")) or stored
    comment = "" if survey is None else survey.comment
    closed = survey is not None and not may_change(survey, timezone.now())
    return _page(request, score=stored if closed else score, comment=comment, closed=closed)


def _rate(request: HttpRequest, token: str) -> HttpResponse:
    score = _score(request.POST.get("score", ""))
    comment = request.POST.get("comment", "")[: LONGEST_COMMENT + 1]
    if not may_give_feedback(network_address(request)):
        text = _("Too many answers came from your network. Please try again later.")
        return _page(request, score=score, comment=comment, error=text, status=429)
    if score is None:
        return _page(request, comment=comment, error=_("Choose one of the five faces."), status=422)
    if len(comment) > LONGEST_COMMENT:
        text = _("A comment has at most %d characters.") % LONGEST_COMMENT
        return _page(request, score=score, comment=comment, error=text, status=422)
    survey: SatisfactionSurvey | None = None
    try:
        survey = rate_ticket(token=token, score=score, comment=comment)
    except ValidationError as error:
        return _page(request, score=score, comment=comment, error=error.messages[0], closed=True, status=422)
    shown = comment.strip() if survey is None else survey.comment
    return _page(request, score=score, comment=shown, done=True)


def _score(text: str) -> int | None:
    return int(text) if text in {str(score) for score in SCORES} else None


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    faces = [
        {"score": score, "word": word, "icon": icon, "chosen": score == context.get("score")}
        for score, word, icon, _face in SCALE
    ]
    values = {
        "question": current_rules().asked(),
        "faces": faces,
        "word": word_of(context.get("score")),
        "longest": LONGEST_COMMENT,
        **context,
    }
    return render(request, "tickets/feedback.html", values, status=status)
