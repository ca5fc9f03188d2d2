"""Pages of how tickets hang together: follow, copies, links, merge and back, split, move a message."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from customers.models import Contact
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.linked_tickets import candidates
from tickets.models import Follower, Message, Ticket, TicketLink
from tickets.pages.answers import reason, refused, with_toast
from tickets.pages.lists import list_state
from tickets.pages.tickets import conversation_answer, panel_answer, visible_ticket
from tickets.services.copy_contacts import add_cc, remove_cc
from tickets.services.follow_ticket import follow_ticket, unfollow_ticket
from tickets.services.link_tickets import link_tickets, unlink_tickets
from tickets.services.merge_tickets import merge_tickets, unmerge_ticket
from tickets.services.move_message import move_message, split_ticket, subject_of_split

# Where a dialog names the chosen ticket, by purpose.
_FIELDS = {"merge": "into", "move": "to", "link": "other"}
CLOSE_DIALOG = b'<div id="dialogs" hx-swap-oob="true"></div>'


# --- the menu of a ticket ---------------------------------------------------------------------------------------------


@page("tickets.view")
@require_GET
def more(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The menu behind the dots in the header."""
    return _menu(request, visible_ticket(request, ticket_id))


def _menu(request: StaffRequest, ticket: Ticket) -> HttpResponse:
    viewer = request.viewer
    parts = {
        "ticket": ticket,
        "state": list_state(request, viewer, ticket),
        "follows": Follower.objects.filter(ticket=ticket, user_id=viewer.user_id or 0).exists(),
        "can_edit": viewer.can("tickets.edit"),
        "is_merged": ticket.merged_into_id is not None,
    }
    return render(request, "tickets/_head_more.html", parts)


@page("tickets.view")
@require_POST
def follow(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Follow the ticket, or no longer (``on`` is empty)."""
    found = visible_ticket(request, ticket_id)
    if request.POST.get("on"):
        follow_ticket(ticket=found, by=request.viewer)
        words = _("You follow #%d now") % found.number
    else:
        unfollow_ticket(ticket=found, by=request.viewer)
        words = _("You no longer follow #%d") % found.number
    return with_toast(_menu(request, found), words)


# --- choosing another ticket ------------------------------------------------------------------------------------------


@page("tickets.view")
@require_GET
def choices(request: StaffRequest, ticket_id: int, purpose: str) -> HttpResponse:
    """Tickets to choose from in a dialog: ``q`` narrows them."""
    found = visible_ticket(request, ticket_id)
    words = request.GET.get("q", "").replace("\x00", "")[:200]
    return render(request, "tickets/_ticket_choices.html", _choices(request.viewer, found, purpose, words))


def _choices(
    viewer: Viewer, ticket: Ticket, purpose: str, words: str = "", *, chosen: Ticket | None = None
) -> dict[str, Any]:
    """The suggestions of a dialog; ``purpose`` is merge, move or link, else Http404 is raised. ``chosen`` was chosen before:
    it stands among them."""
    if purpose not in _FIELDS:
        raise Http404(_("There is no such dialog."))
    rows = candidates(viewer, ticket, words, any_customer=purpose != "move", closed_too=purpose == "link")
    if chosen is not None and chosen not in rows:
        rows = [chosen, *rows]
    return {
        "choices": rows,
        "ticket": ticket,
        "words": words,
        "name": _FIELDS[purpose],
        "purpose": purpose,
        "chosen": None if chosen is None else chosen.pk,
    }


def _chosen_ticket(request: StaffRequest, ticket: Ticket, purpose: str) -> Ticket:
    """The ticket that a form or an address names by id, or the only one that the words searched for fit.

    Raises ValidationError when none is chosen, Http404.
    """
    name = _FIELDS[purpose]
    chosen = request.POST.get(name) or request.GET.get(name, "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) <= 18:
        return visible_ticket(request, int(chosen))
    words = request.POST.get("q", "").replace("\x00", "")[:200]
    fitting: list[Ticket] = _choices(request.viewer, ticket, purpose, words)["choices"] if words else []
    if len(fitting) != 1:
        raise ValidationError({name: _("Choose a ticket.")})
    return fitting[0]


def _undoing(request: StaffRequest) -> bool:
    """Whether a toast asks: it takes no answer but words."""
    return "undo" in request.GET


def _opened(request: StaffRequest, ticket_id: int, words: str, undo_url: str) -> HttpResponse:
    """Open a ticket in the conversation pane, close the dialog, offer the way back."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    response = conversation_answer(request, found, state, with_context=True)
    response.content += CLOSE_DIALOG
    response["HX-Retarget"] = "#conversation"
    response["HX-Reswap"] = "outerHTML"
    response["HX-Push-Url"] = state.ticket_url(found.pk)
    return with_toast(response, words, undo_url=undo_url)


# --- merging ----------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_http_methods(["GET", "POST"])
def merge(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The dialog; merging opens the ticket that goes on."""
    found = visible_ticket(request, ticket_id)
    error, chosen, is_unconfirmed = "", None, False
    if request.method == "POST":
        try:
            chosen = _chosen_ticket(request, found, "merge")
            done = merge_tickets(
                ticket=found,
                into=chosen,
                by=request.viewer,
                # Given for the ticket that the warning was about, not for one that was chosen afterwards.
                confirm_different_requesters=request.POST.get("confirm_different_requesters")
                == str(chosen.pk),
            )
        except ValidationError as refusal:
            if _undoing(request):
                return refused(refusal)
            error = reason(refusal)
            is_unconfirmed = "confirm_different_requesters" in getattr(refusal, "error_dict", {})
        else:
            words = _("#%(number)d is merged into #%(target)d") % {
                "number": found.number,
                "target": done.target.number,
            }
            if _undoing(request):
                return with_toast(HttpResponse(status=204), words)
            undo = f"{reverse('inbox-unmerge', args=[found.pk])}?undo=1"
            return _opened(request, done.target_id, words, undo)
    parts = _choices(request.viewer, found, "merge", chosen=chosen)
    parts |= {"error": error, "is_unconfirmed": is_unconfirmed}
    return render(request, "tickets/_merge_dialog.html", parts, status=422 if error else 200)


@page("tickets.edit")
@require_POST
def unmerge(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Take the merge back and show the ticket again, or the links of the ticket that it stood ``beside``."""
    found = visible_ticket(request, ticket_id)
    try:
        unmerge_ticket(ticket=found, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    words = _("#%d stands alone again") % found.number
    if _undoing(request):
        return with_toast(HttpResponse(status=204), words)
    beside = request.GET.get("beside", "")
    if beside.isascii() and beside.isdigit() and len(beside) <= 18:
        return with_toast(panel_answer(request, visible_ticket(request, int(beside)), "linked"), words)
    state = list_state(request, request.viewer, found)
    again = visible_ticket(request, ticket_id)
    return with_toast(conversation_answer(request, again, state, with_context=True), words)


# --- splitting and moving ---------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_http_methods(["GET", "POST"])
def split(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """The dialog; splitting opens the new ticket."""
    found = visible_ticket(request, ticket_id)
    message = _message(found, message_id)
    error = ""
    subject = request.POST.get("subject", "") or subject_of_split(message)
    if request.method == "POST":
        try:
            made = split_ticket(ticket=found, message=message, subject=subject, by=request.viewer)
        except ValidationError as refusal:
            error = reason(refusal)
        else:
            words = _("#%d is a ticket of its own now") % made.number
            undo = f"{reverse('inbox-merge', args=[made.pk])}?into={found.pk}&undo=1"
            return _opened(request, made.pk, words, undo)
    parts = {"ticket": found, "message": message, "subject": subject, "error": error}
    return render(request, "tickets/_split_dialog.html", parts, status=422 if error else 200)


@page("tickets.edit")
@require_http_methods(["GET", "POST"])
def move(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """The dialog; moving opens the ticket that has the message now."""
    found = visible_ticket(request, ticket_id)
    message = _message(found, message_id)
    error = ""
    if request.method == "POST":
        try:
            target = _chosen_ticket(request, found, "move")
            move_message(message=message, to=target, by=request.viewer)
        except ValidationError as refusal:
            if _undoing(request):
                return refused(refusal)
            error = reason(refusal)
        else:
            words = _("The message is in #%d now") % target.number
            if _undoing(request):
                return with_toast(HttpResponse(status=204), words)
            back = reverse("inbox-move-message", args=[target.pk, message.pk])
            return _opened(request, target.pk, words, f"{back}?to={found.pk}&undo=1")
    parts = _choices(request.viewer, found, "move") | {"message": message, "error": error}
    return render(request, "tickets/_move_dialog.html", parts, status=422 if error else 200)


def _message(ticket: Ticket, message_id: int) -> Message:
    found = Message.objects.filter(ticket=ticket, pk=message_id).select_related("contact", "author").first()
    if found is None:
        raise Http404(_("There is no such message."))
    return found


# --- links ------------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_http_methods(["GET", "POST"])
def link(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The dialog; a new link shows in its panel."""
    found = visible_ticket(request, ticket_id)
    role = request.POST.get("role", "related")
    error = ""
    if request.method == "POST":
        try:
            other = _chosen_ticket(request, found, "link")
            link_tickets(ticket=found, other=other, role=role, by=request.viewer)
        except ValidationError as refusal:
            error = reason(refusal)
        else:
            response = _panel(request, found, "linked")
            response.content += CLOSE_DIALOG
            response["HX-Retarget"] = "#panel-linked"
            response["HX-Reswap"] = "innerHTML"
            return with_toast(response, _("Linked with #%d") % other.number)
    parts = _choices(request.viewer, found, "link") | {"role": role, "error": error}
    return render(request, "tickets/_link_dialog.html", parts, status=422 if error else 200)


@page("tickets.edit")
@require_POST
def unlink(request: StaffRequest, ticket_id: int, link_id: int) -> HttpResponse:
    """Remove a link; answers the panel."""
    found = visible_ticket(request, ticket_id)
    row = TicketLink.objects.filter(pk=link_id).select_related("from_ticket", "to_ticket").first()
    if row is None or found.pk not in {row.from_ticket_id, row.to_ticket_id}:
        raise Http404(_("There is no such link."))
    try:
        unlink_tickets(link=row, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    except Ticket.DoesNotExist:
        raise Http404(_("There is no such link.")) from None
    return with_toast(_panel(request, found, "linked"), _("The link is removed"))


# --- copies -----------------------------------------------------------------------------------------------------------


@page("tickets.reply")
@require_POST
def copy(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Put somebody in copy (``email``); answers the panel."""
    found = visible_ticket(request, ticket_id)
    try:
        row = add_cc(ticket=found, email=request.POST.get("email", ""), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return with_toast(_panel(request, found, "people"), _("%s gets copies from now on") % row.contact)


@page("tickets.reply")
@require_POST
def uncopy(request: StaffRequest, ticket_id: int, contact_id: int) -> HttpResponse:
    """Take somebody out of copy; answers the panel."""
    found = visible_ticket(request, ticket_id)
    contact = Contact.objects.filter(pk=contact_id, carbon_copies__ticket=found).first()
    if contact is None:
        raise Http404(_("Nobody like that is in copy."))
    try:
        remove_cc(ticket=found, contact=contact, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return with_toast(_panel(request, found, "people"), _("%s gets no copies any more") % contact)


def _panel(request: StaffRequest, ticket: Ticket, key: str) -> HttpResponse:
    return panel_answer(request, visible_ticket(request, ticket.pk), key)
