"""Acts on many tickets from the inbox: the menus, the act, its progress and report, the way back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from people.models import Team, User
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.bulk_acts import BULK_KINDS
from tickets.category_tree import category_path, sorted_by_path
from tickets.list_views import view_of
from tickets.models import BulkAct, BulkItem, Category, Macro, Tag, Ticket, TicketType
from tickets.pages.answers import refused, with_toast
from tickets.pages.inbox import changed_parts
from tickets.pages.lists import ListState, list_state
from tickets.selectors import ids_in_view, tickets_in_view
from tickets.services.assign_ticket import WORKING_ROLES
from tickets.services.change_many import (
    MOST_CHOSEN,
    MOST_OF_VIEW,
    cancel_bulk_act,
    may_undo,
    own_bulk_acts,
    start_bulk_act,
    undo_bulk_act,
)

SHOWN_FAILURES = 50
# Buttons that carry their value in their own name.
_DIRECT = ("status", "priority", "assignee", "type", "macro")


@page("tickets.view")
@require_GET
def bulk_people(request: StaffRequest) -> HttpResponse:
    """The people that a selection can be given to."""
    people = User.objects.filter(is_active=True, role__in=WORKING_ROLES)
    return render(request, "tickets/_bulk_people.html", {"people": people})


@page("tickets.view")
@require_GET
def bulk_more(request: StaffRequest) -> HttpResponse:
    """Everything else that can be done to a selection: tags, type, team and category, snooze, merge, macro."""
    now = timezone.localtime()
    tomorrow = (now + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    monday = tomorrow + timedelta(days=(7 - tomorrow.weekday()) % 7)
    parts = {
        "tags": Tag.objects.filter(is_active=True)[:200],
        "types": TicketType.objects.filter(is_active=True),
        "teams": Team.objects.filter(is_active=True),
        "categories": [
            (one, category_path(one.pk))
            for one in sorted_by_path(list(Category.objects.filter(is_active=True)))
        ],
        "macros": Macro.objects.visible_to(request.viewer).filter(is_active=True, kind=Macro.Kind.MACRO),
        "moments": [
            (_("In 4 hours"), (now + timedelta(hours=4)).isoformat(timespec="minutes")),
            (_("Tomorrow, 09:00"), tomorrow.isoformat(timespec="minutes")),
            (_("Monday, 09:00"), monday.isoformat(timespec="minutes")),
            (_("In a week"), (tomorrow + timedelta(days=6)).isoformat(timespec="minutes")),
        ],
        "can_edit": request.viewer.can("tickets.edit"),
    }
    return render(request, "tickets/_bulk_more.html", parts)


@page("tickets.view")
@require_POST
def bulk(request: StaffRequest) -> HttpResponse:
    """Do the act of the pressed button to the chosen tickets, or to all of the list; says what became of it."""
    state = list_state(request, request.viewer)
    act, value = _asked(request)
    request.viewer.require(BULK_KINDS[act].permission)
    chosen = _chosen(request, state)
    try:
        done = start_bulk_act(act=act, value=value, ticket_ids=chosen, by=request.viewer)
    except ValidationError as error:
        if hasattr(error, "error_dict") and "tickets" in error.error_dict and len(chosen) <= MOST_OF_VIEW:
            return with_toast(HttpResponse(), _("0 of %d changed") % len(chosen))
        return refused(error)
    return _answer(request, done, state, chosen)


def _asked(request: StaffRequest) -> tuple[str, dict[str, Any]]:
    """The act and its raw value; raises Http404 for none."""
    data = request.POST
    for name in _DIRECT:
        if name in data:
            return name, {name: data[name]}
    if "team" in data or "category" in data:
        return "routing", {"team": data.get("team", ""), "category": data.get("category", "")}
    if "until" in data:
        return "snooze", {"until": _moment(data["until"])}
    act = data.get("act", "")
    if act == "tags":
        return act, {"add": data.get("tags_add", ""), "remove": data.get("tags_remove", "")}
    if act == "snooze":
        return act, {"until": _moment(data.get("snooze_until", ""))}
    if act == "merge":
        return act, {
            "into": _by_number(request.viewer, data.get("merge_into", "")),
            "confirm_different_requesters": data.get("confirm_different_requesters") == "1",
        }
    raise Http404(_("There is no such act."))


def _moment(text: str) -> str:
    """A moment as forms send it, without a zone: in the person's."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        return ""
    return (moment if moment.tzinfo else timezone.make_aware(moment)).isoformat()


def _by_number(viewer: Viewer, text: str) -> str:
    """The id of the ticket with this number; the text itself when there is none, so that the refusal names it."""
    number = text.strip().removeprefix("#")
    if not number.isascii() or not number.isdecimal() or len(number) > 17:
        return text
    found = Ticket.objects.visible_to(viewer).filter(number=int(number)).values_list("pk", flat=True).first()
    return text if found is None else str(found)


def _chosen(request: StaffRequest, state: ListState) -> list[int]:
    """The ticked tickets, or a snapshot of all that are in the list now."""
    if request.POST.get("everything") == "1":
        try:
            tickets = tickets_in_view(request.viewer, view=state.view, filters=state.filters)
        except (LookupError, ValidationError):
            raise Http404(_("There is no such list.")) from None
        return list(tickets.order_by("pk").values_list("pk", flat=True)[: MOST_OF_VIEW + 1])
    ticked = [
        one for one in request.POST.getlist("ticket") if one.isascii() and one.isdigit() and len(one) < 18
    ]
    return [int(one) for one in ticked][:MOST_CHOSEN]


def _answer(
    request: StaffRequest, done: BulkAct, state: ListState, changed: Sequence[int], words: str = ""
) -> HttpResponse:
    """The report, with the changed rows when the act was small enough to be over already."""
    parts = report_parts(done, state)
    if not parts["is_running"]:
        parts |= _changed(request.viewer, state, changed)
    response = render(request, "tickets/_bulk_done.html", parts)
    if parts["is_running"] or parts["failures"]:
        return response
    text = words or _("%(done)d of %(total)d changed") % {
        "done": parts["done"],
        "total": max(parts["total"], len(changed)),
    }
    return with_toast(response, text, undo_url=parts["undo_url"])


def _changed(viewer: Viewer, state: ListState, changed: Sequence[int]) -> dict[str, Any]:
    try:
        rule = view_of(viewer, state.view)
        ids = list(changed)[:MOST_CHOSEN]
        in_view = set(ids_in_view(viewer, ids, view=rule, sort=state.sort, filters=state.filters))
    except (LookupError, ValidationError):
        return {}
    return changed_parts(viewer, state, rule, ids, in_view)


def report_parts(done: BulkAct, state: ListState) -> dict[str, Any]:
    """Variables of ``tickets/_bulk_report.html``: how far the act is, what failed and why, whether it can be taken back."""
    undoing = bool(done.undo_state)
    counts = dict(
        done.items.values("state").annotate(number=Count("pk")).order_by().values_list("state", "number")
    )
    states = BulkItem.State
    failed = [states.KEPT, states.UNDO_FAILED] if undoing else [states.REFUSED, states.FAILED]
    failures = done.items.filter(state__in=failed).select_related("ticket").order_by("pk")[:SHOWN_FAILURES]
    is_running = BulkAct.State.RUNNING in {done.state, done.undo_state}
    left = counts.get(states.DONE, 0) if undoing else counts.get(states.WAITING, 0)
    not_done = sum(counts.get(state, 0) for state in failed)
    total = counts.get(states.UNDONE, 0) + not_done + left if undoing else done.total
    good = (
        counts.get(states.UNDONE, 0) if undoing else counts.get(states.DONE, 0) + counts.get(states.SAME, 0)
    )
    return {
        "bulk": done,
        "state": state,
        "undoing": undoing,
        "is_running": is_running,
        "done": good,
        "total": total,
        "progress": total - left,
        "same": 0 if undoing else counts.get(states.SAME, 0),
        "failures": [(f"#{item.ticket.number}", item.ticket.subject, item.reason) for item in failures],
        "failed": not_done,
        "undo_url": f"{reverse('inbox-bulk-undo', args=[done.reference])}?{state.query}"
        if may_undo(done)
        else "",
        "report_url": f"{reverse('inbox-bulk-report', args=[done.reference])}?{state.query}",
        "cancel_url": f"{reverse('inbox-bulk-cancel', args=[done.reference])}?{state.query}"
        if is_running and not undoing
        else "",
    }


def _own(request: StaffRequest, reference: str) -> BulkAct:
    found = own_bulk_acts(request.viewer).filter(reference=reference).first()
    if found is None:
        raise Http404(_("There is no such act."))
    return found


@page("tickets.view")
@require_GET
def bulk_report(request: StaffRequest, reference: str) -> HttpResponse:
    """How far an act is, and what became of it; asks again by itself while it runs."""
    parts = report_parts(_own(request, reference), list_state(request, request.viewer))
    return render(request, "tickets/_bulk_report.html", parts)


@page("tickets.view")
@require_POST
def bulk_undo(request: StaffRequest, reference: str) -> HttpResponse:
    """Take an act back; what somebody has changed since stays and is named."""
    state = list_state(request, request.viewer)
    found = _own(request, reference)
    ids = list(
        found.items.filter(state=BulkItem.State.DONE).values_list("ticket_id", flat=True)[:MOST_CHOSEN]
    )
    try:
        back = undo_bulk_act(bulk=found, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    number = back.items.filter(state=BulkItem.State.UNDONE).count()
    response = _answer(request, back, state, ids, words=_("%d taken back") % number)
    response["HX-Retarget"] = "#bulk-result"
    response["HX-Reswap"] = "innerHTML"
    return response


@page("tickets.view")
@require_POST
def bulk_cancel(request: StaffRequest, reference: str) -> HttpResponse:
    """Leave alone what has not been changed yet."""
    stopped = cancel_bulk_act(bulk=_own(request, reference), by=request.viewer)
    parts = report_parts(stopped, list_state(request, request.viewer))
    return render(request, "tickets/_bulk_report.html", parts)
