"""Correcting what a conversation says, from the chips below a message and from the panel."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from people.requests import StaffRequest, page
from tickets.families import family_ids
from tickets.models import ConversationSignal, Message
from tickets.pages.answers import refused
from tickets.pages.tickets import thread_answer, visible_ticket
from tickets.panels.signals import signal_parts
from tickets.promises.deadlines import CLOSE
from tickets.registry import panels
from tickets.services.judge_signal import add_signal, judge_signal


@page("tickets.edit")
@require_POST
def signal(request: StaffRequest, ticket_id: int, signal_id: int) -> HttpResponse:
    """Say what became of a signal (``state``), or of a promise by when it is due (``due_on``); ``from`` is thread or panel."""
    ticket = visible_ticket(request, ticket_id)
    found = get_object_or_404(
        ConversationSignal.objects.visible_to(request.viewer),
        pk=signal_id,
        message__ticket__in=family_ids(ticket),
    )
    try:
        judge_signal(
            signal=found, state=request.POST.get("state", ""), due_at=_due_at(request), by=request.viewer
        )
    except ValidationError as error:
        return refused(error)
    if request.POST.get("from") == "thread":
        return thread_answer(request, ticket_id)
    return _panel(request, ticket_id)


@page("tickets.edit")
@require_POST
def signals(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Add what the model has missed (``kind``) to a customer's message (``message``)."""
    ticket = visible_ticket(request, ticket_id)
    number = request.POST.get("message", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 18):
        raise Http404(_("There is no such message."))
    message = get_object_or_404(Message, pk=int(number), ticket__in=family_ids(ticket))
    try:
        add_signal(message=message, kind=request.POST.get("kind", ""), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return _panel(request, ticket_id)


def _panel(request: StaffRequest, ticket_id: int) -> HttpResponse:
    parts = signal_parts(request.viewer, visible_ticket(request, ticket_id))
    return render(request, "tickets/_panels/signals.html", parts | {"panel": panels.get("signals")})


def _due_at(request: StaffRequest) -> datetime | None:
    """The end of work of the chosen day."""
    chosen = request.POST.get("due_on", "")
    if not chosen:
        return None
    try:
        day = parse_date(chosen)
    except ValueError:
        day = None
    if day is None:
        raise ValidationError({"due_at": _("Give a day.")})
    return datetime.combine(day, CLOSE, timezone.get_current_timezone())
