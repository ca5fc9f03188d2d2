"""Canned replies and macros on a ticket: what ``/`` and ``M`` offer, the preview, applying; whom ``@`` offers."""

import json
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from people.requests import StaffRequest, page
from tickets.macro_lists import macros_for
from tickets.mentions import people_who_see
from tickets.models import Macro, Ticket
from tickets.pages.answers import refused
from tickets.pages.composing import undo_seconds_of
from tickets.pages.conversations import head_parts
from tickets.pages.lists import list_state
from tickets.pages.tickets import visible_ticket
from tickets.rich_text import without_escapes
from tickets.services.apply_macro import MacroResult, apply_macro, count_use, preview_macro
from tickets.services.reply_to_ticket import NewerMessage

IN_POPUP = 12
IN_MENU = 40
MOST_PEOPLE = 10


@page("tickets.note")
@require_GET
def canned(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """What ``/`` offers while somebody writes: texts with their variables replaced, filtered by ``q``."""
    found = visible_ticket(request, ticket_id)
    text = _asked(request)
    offered = macros_for(request.viewer, found, text=text, limit=IN_POPUP, via=_via(request))
    return render(request, "tickets/_canned.html", {"ticket": found, "offered": offered, "q": text})


@page("tickets.note")
@require_GET
def macro_menu(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """What the macro menu offers, filtered by ``macro_q``."""
    found = visible_ticket(request, ticket_id)
    text = _asked(request, "macro_q")
    offered = macros_for(request.viewer, found, text=text, limit=IN_MENU, by_folder=True, via=_via(request))
    return render(request, "tickets/_macro_menu.html", {"ticket": found, "offered": offered, "q": text})


@page("tickets.note")
@require_GET
def macro_preview(request: StaffRequest, ticket_id: int, macro_id: int) -> HttpResponse:
    """The dialog that shows what a macro would do here."""
    found = visible_ticket(request, ticket_id)
    macro = _macro(request, macro_id)
    preview = preview_macro(ticket=found, macro=macro, by=request.viewer, via=_via(request))
    newest = found.messages.exclude(kind="note").order_by("-pk").values_list("pk", flat=True).first()
    parts = {
        "ticket": found,
        "macro": macro,
        "preview": preview,
        "state": list_state(request, request.viewer, found),
        "newest": newest or 0,
        "token": uuid4().hex,
        "unfilled": ["{{" + name + "}}" for name in preview.unfilled],
        "reply": without_escapes(preview.reply) if preview.fit is None else preview.fit.text,
        "note": without_escapes(preview.note),
    }
    return render(request, "tickets/_macro_preview.html", parts)


@page("tickets.note")
@require_POST
def macro_apply(request: StaffRequest, ticket_id: int, macro_id: int) -> HttpResponse:
    """Apply a macro; the answer is the header, and what belongs into the composer as a trigger."""
    found = visible_ticket(request, ticket_id)
    seen = request.POST.get("seen", "")
    try:
        result = apply_macro(
            ticket=found,
            macro=_macro(request, macro_id),
            by=request.viewer,
            token=request.POST.get("token", "")[:64],
            seen_message_id=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None,
            # The page puts it where the person's cursor is.
            keep_draft=False,
            undo_seconds=undo_seconds_of(request.user),
        )
    except NewerMessage as newer:
        return refused(ValidationError(str(newer)))
    except ValidationError as error:
        return refused(error)
    return _applied(request, ticket_id, result)


def _applied(request: StaffRequest, ticket_id: int, result: MacroResult) -> HttpResponse:
    """The header after a macro; nothing open when the macro has moved the ticket out of sight."""
    triggers: dict[str, Any] = {"toast": {"text": _said(result)}, "macro-applied": {"ticket": ticket_id}}
    seconds = undo_seconds_of(request.user)
    if result.answer is not None and seconds:
        undo = reverse("inbox-undo", args=[ticket_id, result.answer.pk])
        triggers["toast"] |= {"undo_url": undo, "seconds": seconds}
    if result.draft:
        triggers["composer-insert"] = {"text": result.draft, "kind": "reply"}
        if result.unfilled:
            named = ", ".join("{{" + name + "}}" for name in result.unfilled)
            triggers["toast"] = {"text": _("Fill in by hand: %s") % named, "tone": "bad"}
    try:
        again = visible_ticket(request, ticket_id)
    except Http404:
        state = list_state(request, request.viewer)
        response = render(request, "tickets/_nothing_open.html", {"state": state, "oob": True})
        response["HX-Retarget"] = "#conversation"
        response["HX-Push-Url"] = state.url
        triggers.pop("composer-insert", None)
    else:
        state = list_state(request, request.viewer, again)
        response = render(request, "tickets/_head.html", head_parts(again, request.viewer, state))
    response["HX-Trigger-After-Swap"] = json.dumps(triggers)
    return response


def _said(result: MacroResult) -> str:
    """What a macro did in one line."""
    done = list(result.acts)
    if result.answer is not None:
        done.append(_("answered"))
    if result.note is not None:
        done.append(_("note added"))
    if not done:
        return _("Text inserted")
    if len(done) > 2:
        return ngettext("%d thing done", "%d things done", len(done)) % len(done)
    return " · ".join(done)


@page("tickets.note")
@require_POST
def macro_use(request: StaffRequest, ticket_id: int, macro_id: int) -> HttpResponse:
    """Count that a canned reply was inserted."""
    visible_ticket(request, ticket_id)
    count_use(macro=_macro(request, macro_id), by=request.viewer)
    return HttpResponse(status=204)


@page("tickets.note")
@require_GET
def mentionable(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Whom ``@`` offers: people who see the ticket and whose name has a word that begins with ``q``."""
    found = visible_ticket(request, ticket_id)
    return render(
        request, "tickets/_mentionable.html", {"people": _people(found, _asked(request)), "ticket": found}
    )


def _people(ticket: Ticket, text: str) -> list[Any]:
    fitting = Q()
    for word in text.split():
        fitting &= Q(name__istartswith=word) | Q(name__icontains=f" {word}")
    people = people_who_see(ticket).filter(fitting).order_by("name", "pk")[:MOST_PEOPLE]
    # The assignee is the most likely one.
    return sorted(people, key=lambda user: user.pk != ticket.assignee_id)


def _macro(request: StaffRequest, macro_id: int) -> Macro:
    macro = Macro.objects.visible_to(request.viewer).filter(pk=macro_id).first()
    if macro is None:
        raise Http404(_("There is no such macro."))
    return macro


def _via(request: StaffRequest) -> int | None:
    """The way that is chosen in the composer, None for the obvious one."""
    via = request.GET.get("via", "")
    return int(via) if via.isascii() and via.isdigit() and len(via) < 18 else None


def _asked(request: StaffRequest, name: str = "q") -> str:
    return request.GET.get(name, "").replace("\x00", "")[:80].strip()
