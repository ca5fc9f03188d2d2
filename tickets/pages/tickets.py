"""One ticket in the inbox: its conversation, what can be done with it, and the panels beside it."""

import logging
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from people.models import Team
from people.requests import StaffRequest, is_partial, page
from tickets.assignment_story import assignment_story
from tickets.conversation import MessageItem, conversation
from tickets.drafts import kept_drafts, writing_on
from tickets.models import Category, Message, Status, Ticket
from tickets.pages.answers import reason, refused, with_toast
from tickets.pages.composing import (
    OPENS_NEXT,
    Attempt,
    Posted,
    SomebodyReplying,
    Written,
    composer_parts,
    read_post,
    write,
)
from tickets.pages.conversations import (
    head_parts,
    message_parts,
    routing_choices,
    thread_parts,
)
from tickets.pages.inbox import list_parts, person
from tickets.pages.lists import ListState, list_state
from tickets.pages.message_html import has_remote_images
from tickets.recipients import recipients_of_answer
from tickets.registry import panels, panels_for
from tickets.selectors import assignable_people, next_in_list, ticket_of
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.change_status import change_status
from tickets.services.correct_routing import confirm_routing, correct_routing
from tickets.services.mark_read import mark_read
from tickets.services.reply_to_ticket import NewerMessage
from tickets.services.retry_delivery import retry_delivery
from tickets.ticket_facts import golden_case_of

logger = logging.getLogger(__name__)
Row = TypeVar("Row", Category, Team)


def visible_ticket(request: StaffRequest, ticket_id: int) -> Ticket:
    """The ticket with what its page shows; raises Http404 when the viewer may not see it."""
    try:
        return ticket_of(request.viewer, ticket_id)
    except Ticket.DoesNotExist:
        raise Http404(_("There is no such ticket, or it belongs to a private team.")) from None


@page("tickets.view")
@require_GET
def ticket(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The inbox with a ticket open."""
    found = visible_ticket(request, ticket_id)
    return _whole_page(request, found, list_state(request, request.viewer, found))


def _whole_page(
    request: StaffRequest, ticket: Ticket, state: ListState, attempt: Attempt | None = None
) -> HttpResponse:
    parts = list_parts(request, state, selected=ticket.pk) | _conversation_parts(
        request, ticket, state, attempt
    )
    return render(request, "tickets/inbox.html", parts, status=200 if attempt is None else 422)


@page("tickets.view")
@require_GET
def conversation_pane(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The conversation alone, with the panels beside it; what a row of the list loads."""
    found = visible_ticket(request, ticket_id)
    return conversation_answer(request, found, list_state(request, request.viewer, found), with_context=True)


def _conversation_parts(
    request: StaffRequest, ticket: Ticket, state: ListState, attempt: Attempt | None = None
) -> dict[str, Any]:
    viewer = request.viewer
    drafts = writing_on(ticket, viewer)
    parts = thread_parts(ticket, viewer, state, drafts)
    composer = None
    if ticket.merged_into_id is None:
        composer = composer_parts(
            ticket,
            request.user,
            viewer,
            state,
            drafts=drafts,
            newest_message=parts["newest_message"],
            attempt=attempt,
            recipients=recipients_of_answer(ticket, parts["read_messages"]),
            messages=parts["read_messages"],
        )
    return {
        **head_parts(ticket, viewer, state, parts["read_messages"]),
        **parts,
        "composer": composer,
        "kept_drafts": kept_drafts(drafts) if composer is None else [],
        "marks_read": ticket.unread and parts["may_mark"],
        "panels": panels_for(viewer, ticket),
    }


def conversation_answer(
    request: StaffRequest,
    ticket: Ticket,
    state: ListState,
    *,
    attempt: Attempt | None = None,
    with_context: bool = False,
) -> HttpResponse:
    """The conversation for htmx; 422 when what was written is shown again with the reason."""
    parts = _conversation_parts(request, ticket, state, attempt) | {"with_context": with_context}
    status = 422 if attempt is not None and (attempt.error or attempt.warning) else 200
    return render(request, "tickets/_conversation_answer.html", parts, status=status)


@page("tickets.view")
@require_GET
def head(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Header and prediction as they are now."""
    return head_answer(request, visible_ticket(request, ticket_id))


def head_answer(request: StaffRequest, ticket: Ticket) -> HttpResponse:
    """The header for htmx."""
    state = list_state(request, request.viewer, ticket)
    return render(request, "tickets/_head.html", head_parts(ticket, request.viewer, state))


@page("tickets.view")
@require_GET
def thread(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The messages and lines as they are now."""
    return thread_answer(request, ticket_id)


def thread_answer(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The thread for htmx."""
    return _thread(request, visible_ticket(request, ticket_id))


def _thread(request: StaffRequest, ticket: Ticket) -> HttpResponse:
    state = list_state(request, request.viewer, ticket)
    return render(
        request,
        "tickets/_thread.html",
        thread_parts(ticket, request.viewer, state, writing_on(ticket, request.viewer)),
    )


@page("tickets.view")
@require_GET
def message(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """One message, as text or (``form``) as HTML in a frame, with pictures from elsewhere only when asked."""
    found = visible_ticket(request, ticket_id)
    form = request.GET.get("form", "text")
    state = list_state(request, request.viewer, found)
    for item in conversation(found, request.viewer):
        if isinstance(item, MessageItem) and item.id == message_id:
            parts = message_parts(item, found, request.viewer, state, form=form if item.has_html else "text")
            if parts["frame_url"]:
                html = Message.objects.values_list("body_html", flat=True).get(pk=message_id)
                parts["has_remote_images"] = has_remote_images(html)
            return render(request, "ui/message.html", {"message": parts, "ticket": found})
    raise Http404(_("There is no such message."))


@page("tickets.view")
@require_POST
def read(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The person has the ticket in front of them."""
    mark_read(ticket=visible_ticket(request, ticket_id), by=request.viewer)
    return HttpResponse(status=204)


# --- writing ----------------------------------------------------------------------------------------------------------


@page("tickets.view")
@require_POST
def messages(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Send the composer: an answer or a note. Whatever is refused comes back with its text."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    posted = read_post(request)
    following = _following(request, found, state) if posted.after in OPENS_NEXT else None
    try:
        done = write(request, found, posted)
    except NewerMessage as newer:
        warning = _("%s wrote while you were writing. Read it, then send again: your text is below.") % (
            newer.message.author or newer.message.contact or _("Somebody")
        )
        attempt = _attempt(posted, warning=warning)
    except SomebodyReplying as others:
        names = ", ".join(one.name for one in others.people)
        warning = _("%s is writing an answer too. Send again to send yours anyway.") % names
        told = tuple(sorted(posted.anyway | {one.user_id for one in others.people}))
        attempt = _attempt(posted, warning=warning, anyway=told)
    except ValidationError as error:
        attempt = _attempt(posted, error=reason(error))
    else:
        return _after_writing(
            request, found, state, done, opens_next=posted.after in OPENS_NEXT, following=following
        )
    again = visible_ticket(request, ticket_id)
    if is_partial(request):
        return conversation_answer(request, again, state, attempt=attempt)
    return _whole_page(request, again, state, attempt)


def _attempt(posted: Posted, **why: Any) -> Attempt:
    """What was posted, to be shown again."""
    return Attempt(
        posted.body,
        posted.kind,
        cc=posted.cc,
        via=posted.via,
        into=posted.into,
        template=posted.template,
        template_values=posted.template_values,
        **why,
    )


def _after_writing(
    request: StaffRequest,
    ticket: Ticket,
    state: ListState,
    done: Written,
    *,
    opens_next: bool,
    following: int | None,
) -> HttpResponse:
    """The conversation again, or the one that follows in the list."""
    if not is_partial(request):
        return redirect(state.ticket_url(following or ticket.pk))
    if not opens_next:
        response = conversation_answer(request, visible_ticket(request, ticket.pk), state)
    else:
        response = _next_conversation(request, state, following)
    return with_toast(response, done.text, undo_url=done.undo_url, seconds=done.seconds)


def _following(request: StaffRequest, ticket: Ticket, state: ListState) -> int | None:
    try:
        return next_in_list(
            request.viewer, ticket=ticket, view=state.view, sort=state.sort, filters=state.filters
        )
    except (LookupError, ValidationError):
        return None


def _next_conversation(request: StaffRequest, state: ListState, following: int | None) -> HttpResponse:
    """The ticket that follows, or that the list has come to its end."""
    if following is None:
        parts = {"state": state, "is_end": True, "oob": True}
        response = render(request, "tickets/_nothing_open.html", parts)
        response["HX-Push-Url"] = state.url
        return response
    response = conversation_answer(request, visible_ticket(request, following), state, with_context=True)
    response["HX-Push-Url"] = state.ticket_url(following)
    return response


@page("tickets.reply")
@require_POST
def retry(request: StaffRequest, ticket_id: int, message_id: int) -> HttpResponse:
    """Send an answer again that failed."""
    found = visible_ticket(request, ticket_id)
    failed = Message.objects.filter(ticket=found, pk=message_id).first()
    if failed is None:
        raise Http404(_("There is no such message."))
    try:
        retry_delivery(message=failed, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return with_toast(_thread(request, found), _("Queued again"))


# --- properties -------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_POST
def status(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Give the ticket another status; the address may name it (``to``), as the way back in a toast does."""
    found = visible_ticket(request, ticket_id)
    before = found.status
    wanted = request.POST.get("status") or request.GET.get("to", "")
    try:
        changed = change_status(ticket=found, status=wanted, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    back = "open" if before.category == Status.Category.NEW else before.key
    undo = f"{reverse('inbox-status', args=[found.pk])}?to={back}"
    text = _("#%(number)d is now: %(status)s") % {"number": found.number, "status": changed.status}
    return with_toast(head_answer(request, visible_ticket(request, ticket_id)), text, undo_url=undo)


@page("tickets.edit")
@require_POST
def resolve_next(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Resolve the ticket and open the one that follows it in the list."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    following = _following(request, found, state)
    back = "open" if found.status.category == Status.Category.NEW else found.status_id
    try:
        change_status(ticket=found, status="resolved", by=request.viewer)
    except ValidationError as error:
        return refused(error)
    response = _next_conversation(request, state, following)
    undo = f"{reverse('inbox-status', args=[found.pk])}?to={back}"
    return with_toast(response, _("#%d is resolved") % found.number, undo_url=undo)


@page("tickets.edit")
@require_POST
def priority(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Give the ticket another priority."""
    found = visible_ticket(request, ticket_id)
    try:
        change_priority(ticket=found, priority=request.POST.get("priority", ""), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return head_answer(request, visible_ticket(request, ticket_id))


@page("tickets.view")
@require_GET
def assignees(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Who can be given the ticket, with their load."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    people = assignable_people(found)
    context = {"ticket": found, "people": people, "state": state, "story": assignment_story(found)}
    return render(request, "tickets/_assignees.html", context)


@page("tickets.assign")
@require_POST
def assign(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Give the ticket to a person (``assignee``), or back to its team."""
    found = visible_ticket(request, ticket_id)
    try:
        assign_ticket(ticket=found, assignee=person(request.POST.get("assignee", "")), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return head_answer(request, visible_ticket(request, ticket_id))


@page("tickets.view")
@require_GET
def routing_menu(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The categories and teams that the ticket can be moved to."""
    found = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, found)
    parts = routing_choices(found) | {"state": state, "may_keep": request.viewer.can("ml.audit")}
    if parts["may_keep"]:
        parts["golden"] = golden_case_of(found, request.viewer)
    return render(request, "tickets/_routing_choices.html", parts)


@page("tickets.edit")
@require_POST
def routing(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Correct the routing: another category, another team."""
    found = visible_ticket(request, ticket_id)
    category = _chosen(Category, request.POST.get("category", ""))
    team = _chosen(Team, request.POST.get("team", ""))
    try:
        correct_routing(ticket=found, by=request.viewer, category=category, team=team)
    except ValidationError as error:
        return refused(error)
    return after_routing(request, ticket_id, _("Moved. The classifier will learn from it."))


@page("tickets.edit")
@require_POST
def confirm(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Say that the classifier was right."""
    try:
        confirm_routing(ticket=visible_ticket(request, ticket_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return after_routing(request, ticket_id, _("Confirmed. The classifier will learn from it."))


def after_routing(request: StaffRequest, ticket_id: int, words: str) -> HttpResponse:
    """The header again; a ticket that went to a private team is not the person's to see any more."""
    try:
        again = visible_ticket(request, ticket_id)
    except Http404:
        state = list_state(request, request.viewer)
        response = render(request, "tickets/_nothing_open.html", {"state": state, "oob": True})
        response["HX-Retarget"] = "#conversation"
        response["HX-Push-Url"] = state.url
        return with_toast(response, _("The ticket went to a private team."))
    return with_toast(head_answer(request, again), words)


def _chosen(model: type[Row], chosen: str) -> Row | None:
    if not chosen:
        return None
    found = (
        model._default_manager.filter(pk=int(chosen)).first()
        if chosen.isascii() and chosen.isdigit()
        else None
    )
    if found is None:
        raise Http404(_("There is no such choice."))
    return found


# --- panels -----------------------------------------------------------------------------------------------------------


@page("tickets.view")
@require_GET
def context(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The pane of panels beside a ticket."""
    found = visible_ticket(request, ticket_id)
    parts = {
        "ticket": found,
        "state": list_state(request, request.viewer, found),
        "panels": panels_for(request.viewer, found),
    }
    return render(request, "tickets/_context.html", parts)


@page("tickets.view")
@require_GET
def panel(request: StaffRequest, ticket_id: int, key: str) -> HttpResponse:
    """One panel; an app above may have brought it."""
    return panel_answer(request, visible_ticket(request, ticket_id), key)


def panel_answer(request: StaffRequest, found: Ticket, key: str) -> HttpResponse:
    """A panel beside a ticket; raises Http404 for one that the viewer does not get."""
    if key not in panels or not panels.get(key).visible_to(request.viewer, found):
        raise Http404(_("There is no such panel."))
    part = panels.get(key)
    try:
        with transaction.atomic():
            parts = {**part.context(request.viewer, found), "ticket": found, "panel": part}
            return render(request, part.template_name(), parts)
    except Exception:
        # whatever another app's panel runs into, the agent can go on answering
        logger.exception("panel %s of ticket %s failed", key, found.pk)
        return render(request, "tickets/_panel_failed.html", {"ticket": found, "panel": part})
