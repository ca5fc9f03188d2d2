"""Operations: events that a subscriber could not take, per stream."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from core.models import DeadLetter, SubscriberPosition
from core.pages.forms import done
from core.pages.guard import is_partial, page
from core.selectors import OPEN_LETTERS, event_lines, parked_streams
from core.sequencing import last_seq
from core.services.dead_letters import drop_letter, retry_stream
from core.subscription import subscribers


class DropForm(forms.Form):
    """Why an event is given up."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@page("operations.view")
def dead_letters(request: HttpRequest) -> HttpResponse:
    """List parked streams and where every subscriber stands; htmx gets the lists alone."""
    streams = parked_streams()
    for_words = [item.letter.event for item in streams]
    for event, item in zip(for_words, streams, strict=True):
        event.seq = item.letter.seq  # type: ignore[attr-defined]
    lines = event_lines(for_words, 0)
    context = {
        "streams": [
            {
                "letter": item.letter,
                "waiting": item.waiting,
                "label": _label(item.letter.subscriber),
                "line": line,
            }
            for item, line in zip(streams, lines, strict=True)
        ],
        "subscribers": _positions(),
        "drop_form": DropForm(),
        "may_drop": request.viewer.can("operations.manage"),  # type: ignore[attr-defined]
    }
    template = "core/_dead_letters.html" if is_partial(request) else "core/dead_letters.html"
    return render(request, template, context)


@require_POST
@page("operations.retry")
def dead_letter_retry(request: HttpRequest, letter_id: int) -> HttpResponse:
    """Apply the parked event and those behind it."""
    letter = get_object_or_404(DeadLetter, pk=letter_id, state__in=OPEN_LETTERS)
    applied = retry_stream(letter=letter, by=request.viewer)  # type: ignore[attr-defined]
    if not applied:
        return done(request, _("It failed again; the new error is shown."), "dead-letters")
    text = ngettext("%(count)s event was applied.", "%(count)s events were applied.", applied)
    return done(request, text % {"count": applied}, "dead-letters")


@require_POST
@page("operations.manage")
def dead_letter_drop(request: HttpRequest, letter_id: int) -> HttpResponse:
    """Give one event up, with a reason."""
    letter = get_object_or_404(DeadLetter, pk=letter_id, state__in=OPEN_LETTERS)
    form = DropForm(request.POST)
    if not form.is_valid():
        return done(request, _("Nothing was dropped: a reason is needed."), "dead-letters")
    drop_letter(letter=letter, reason=form.cleaned_data["reason"], by=request.viewer)  # type: ignore[attr-defined]
    return done(
        request, _("The event was dropped. Retry the stream to apply those behind it."), "dead-letters"
    )


def _label(key: str) -> str:
    return str(subscribers.get(key).label or key) if key in subscribers else key


def _positions() -> list[dict[str, object]]:
    """Return every shard with how far it has come; a position may lag behind while nothing concerns the subscriber."""
    head = last_seq()
    return [
        {"row": row, "label": _label(row.subscriber), "behind": max(0, head - row.seq)}
        for row in SubscriberPosition.objects.order_by("subscriber", "shard")
    ]
