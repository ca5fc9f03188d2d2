"""What a person changes about a ticket beside its conversation: tags, snooze, details, checklist, worked time."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.custom_fields import referable
from tickets.models import ChecklistItem, CustomField, Tag, Ticket, TicketType, TimeEntry
from tickets.pages.answers import reason, refused, with_toast
from tickets.pages.conversations import head_parts
from tickets.pages.lists import list_state
from tickets.pages.tickets import visible_ticket
from tickets.panels.details import details_parts
from tickets.panels.work import work_parts
from tickets.registry import panels
from tickets.services.change_language import change_language
from tickets.services.change_tags import change_tags
from tickets.services.change_type import change_type
from tickets.services.edit_checklist import add_step, change_step, delete_step, move_step
from tickets.services.log_time import change_time, delete_time, log_time
from tickets.services.set_field_values import set_field_values
from tickets.services.snooze_ticket import snooze_ticket, wake_ticket
from tickets.snooze_choices import snooze_choices
from tickets.worked_minutes import read_minutes

MOST_OFFERED = 12


# --- tags -------------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_http_methods(["GET", "POST"])
def tags(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The menu of tags; a post puts one on the ticket (``add``) or takes it away (``remove``)."""
    ticket = visible_ticket(request, ticket_id)
    parts: dict[str, Any] = {"ticket": ticket, "q": "", "oob": False, "error": ""}
    status = 200
    if request.method == "POST":
        add, remove = request.POST.getlist("add"), request.POST.getlist("remove")
        parts["oob"] = True
        try:
            change_tags(
                ticket=ticket, add=[one for one in add if one.strip()], remove=remove, by=request.viewer
            )
        except ValidationError as error:
            parts |= {"q": " ".join(add)[:60], "error": reason(error)}
            status = 422
        ticket = visible_ticket(request, ticket_id)
        parts["ticket"] = ticket
    parts["state"] = list_state(request, request.viewer, ticket)
    return render(
        request, "tickets/_tags_menu.html", parts | _tags_offered(ticket, parts["q"]), status=status
    )


@page("tickets.edit")
@require_GET
def tags_found(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """The entries of the menu of tags that contain ``q``."""
    ticket = visible_ticket(request, ticket_id)
    parts = {"ticket": ticket, "state": list_state(request, request.viewer, ticket)}
    q = request.GET.get("add", "")[:60].replace("\x00", "")
    return render(request, "tickets/_tags_found.html", parts | _tags_offered(ticket, q))


def _tags_offered(ticket: Ticket, q: str) -> dict[str, Any]:
    """The ticket's own tags and the first others that contain ``q``; three queries."""
    words = " ".join(q.lower().split())
    mine = [one.tag.name for one in ticket.ticket_tags.all()]
    others = Tag.objects.filter(is_active=True, name__contains=words).exclude(name__in=mine)
    found = list(others.values_list("name", flat=True)[:MOST_OFFERED])
    is_new = bool(words) and words not in mine and not Tag.objects.filter(name=words).exists()
    return {
        "mine": [name for name in mine if words in name],
        "others": found,
        "new": words if is_new else "",
    }


# --- snooze -----------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_GET
def snooze_menu(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """When the ticket can come back, in the person's time zone."""
    ticket = visible_ticket(request, ticket_id)
    now = timezone.localtime()
    parts = {
        "ticket": ticket,
        "state": list_state(request, request.viewer, ticket),
        "choices": snooze_choices(now),
        "soonest": now.strftime("%Y-%m-%dT%H:%M"),
    }
    return render(request, "tickets/_snooze_menu.html", parts)


@page("tickets.edit")
@require_POST
def snooze(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Put the ticket aside until ``until``; a time without zone is the person's own. The address may name it."""
    ticket = visible_ticket(request, ticket_id)
    before = ticket.snoozed_until
    try:
        until = _moment(request.POST.get("until") or request.GET.get("until", ""))
        changed = snooze_ticket(ticket=ticket, until=until, by=request.viewer)
    except ValidationError as error:
        return refused(error)
    words = date_format(timezone.localtime(changed.snoozed_until), "D j M, H:i")
    text = _("#%(number)d is put aside until %(time)s") % {"number": ticket.number, "time": words}
    undo = reverse("inbox-wake", args=[ticket.pk])
    if before is not None:
        undo = f"{reverse('inbox-snooze', args=[ticket.pk])}?until={before.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    return with_toast(_head(request, ticket_id), text, undo_url=undo)


@page("tickets.edit")
@require_POST
def wake(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Take the ticket back now."""
    ticket = wake_ticket(ticket=visible_ticket(request, ticket_id), by=request.viewer)
    return with_toast(_head(request, ticket_id), _("#%d is back") % ticket.number)


def _head(request: StaffRequest, ticket_id: int) -> HttpResponse:
    ticket = visible_ticket(request, ticket_id)
    state = list_state(request, request.viewer, ticket)
    return render(request, "tickets/_head.html", head_parts(ticket, request.viewer, state))


def _moment(written: str) -> datetime:
    """Read a moment; raises ValidationError."""
    try:
        moment = datetime.fromisoformat(written.replace(" ", "+"))
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    except (ValueError, OverflowError):
        raise ValidationError({"until": _("Choose a day and a time.")}) from None


# --- details ----------------------------------------------------------------------------------------------------------


@page("tickets.edit")
@require_POST
def details(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Set one property (``field``: type, language, or ``field:`` and a key) to ``value``."""
    ticket = visible_ticket(request, ticket_id)
    name = request.POST.get("field", "")
    try:
        _set(request, ticket, name)
    except ValidationError as error:
        if not name.startswith("field:"):
            return refused(error)
        typed = request.POST.getlist("value")
        key = name.removeprefix("field:")
        shown = typed if len(typed) > 1 else (typed or [""])[0]
        return _details(request, ticket_id, 422, refused={key: (shown, reason(error))}, open_field=key)
    is_multi = request.POST.get("keep") == "open"
    response = _details(request, ticket_id, open_field=name.removeprefix("field:") if is_multi else "")
    if name == "type":
        # the type has brought its steps
        response["HX-Trigger"] = "type-changed"
    return response


def _set(request: StaffRequest, ticket: Ticket, name: str) -> None:
    value = request.POST.get("value", "")
    if name == "type":
        change_type(ticket=ticket, type=_type(value), by=request.viewer)
    elif name == "language":
        change_language(ticket=ticket, language=value, by=request.viewer)
    elif name.startswith("field:"):
        key = name.removeprefix("field:")
        is_multi = CustomField.objects.filter(key=key, kind=CustomField.Kind.MULTI).exists()
        values = {key: [one for one in request.POST.getlist("value") if one] if is_multi else value}
        set_field_values(ticket=ticket, values=values, by=request.viewer)
    else:
        raise Http404(_("There is no such property."))


def _type(value: str) -> TicketType | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 18):
        raise Http404(_("There is no such type."))
    return get_object_or_404(TicketType, pk=int(value))


def _details(request: StaffRequest, ticket_id: int, status: int = 200, **parts: Any) -> HttpResponse:
    found = details_parts(request.viewer, visible_ticket(request, ticket_id), **parts)
    context = found | {"panel": panels.get("details")}
    return render(request, "tickets/_panels/details.html", context, status=status)


@page("tickets.edit")
@require_GET
def references(request: StaffRequest, ticket_id: int, key: str) -> HttpResponse:
    """What a reference can point to: the first whose name contains ``q``, or the ticket with this number."""
    ticket = visible_ticket(request, ticket_id)
    field = get_object_or_404(CustomField, key=key, kind=CustomField.Kind.REFERENCE, is_active=True)
    rows = found_references(field, request.GET.get("q", ""), request.viewer)
    found = [(row.pk, str(row)) for row in rows]
    return render(request, "tickets/_references.html", {"ticket": ticket, "key": key, "found": found})


def found_references(field: CustomField, typed: str, viewer: Viewer) -> list[Any]:
    """Return the first rows that a reference may point to whose name contains what was typed, or the ticket with this number."""
    q = typed.strip()[:60].replace("\x00", "")
    rows = referable(field.reference, viewer)
    column = "subject" if field.reference == CustomField.Reference.TICKET else "name"
    number = q.removeprefix("#")
    if column == "subject" and number.isascii() and number.isdigit() and len(number) < 18:
        rows = rows.filter(number=int(number))
    elif q:
        rows = rows.filter(**{f"{column}__icontains": q})
    if field.reference == CustomField.Reference.CONTACT:
        rows = rows.prefetch_related("identities")
    order = "-pk" if column == "subject" else "name"
    return list(rows.order_by(order)[:MOST_OFFERED])


# --- checklist and time -----------------------------------------------------------------------------------------------


def _work(request: StaffRequest, ticket_id: int, status: int = 200, **parts: Any) -> HttpResponse:
    found = work_parts(request.viewer, visible_ticket(request, ticket_id), **parts)
    return render(request, "tickets/_panels/work.html", found | {"panel": panels.get("work")}, status=status)


def _worked(
    request: StaffRequest, ticket_id: int, act: Callable[[], object], *, form: str = "", editing: int = 0
) -> HttpResponse:
    """Do it and show the panel; what is refused is shown with what was typed in ``form``."""
    try:
        act()
    except ValidationError as error:
        typed = {name: str(value) for name, value in request.POST.items()}
        return _work(
            request,
            ticket_id,
            422,
            refused=reason(error),
            refused_form=form,
            typed=typed,
            editing=editing,
        )
    except PermissionDenied as error:
        return refused(ValidationError(str(error)))
    return _work(request, ticket_id)


@page("tickets.edit")
@require_POST
def steps(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Add a step (``text``)."""
    ticket = visible_ticket(request, ticket_id)
    text = request.POST.get("text", "")
    return _worked(
        request, ticket_id, lambda: add_step(ticket=ticket, text=text, by=request.viewer), form="step"
    )


@page("tickets.edit")
@require_POST
def step(request: StaffRequest, ticket_id: int, step_id: int) -> HttpResponse:
    """Change a step: ``act`` is tick, untick, rename (``text``), up, down or delete."""
    ticket = visible_ticket(request, ticket_id)
    item = get_object_or_404(ChecklistItem, pk=step_id, ticket=ticket)
    viewer = request.viewer
    at = list(ticket.checklist.values_list("pk", flat=True)).index(item.pk)
    acts: dict[str, Callable[[], object]] = {
        "tick": lambda: change_step(item=item, is_done=True, by=viewer),
        "untick": lambda: change_step(item=item, is_done=False, by=viewer),
        "rename": lambda: change_step(item=item, text=request.POST.get("text", ""), by=viewer),
        "up": lambda: move_step(item=item, place=at - 1, by=viewer),
        "down": lambda: move_step(item=item, place=at + 1, by=viewer),
        "delete": lambda: delete_step(item=item, by=viewer),
    }
    act = acts.get(request.POST.get("act", ""))
    if act is None:
        raise Http404(_("There is no such act."))
    return _worked(request, ticket_id, act)


@page("tickets.note")
@require_http_methods(["GET", "POST"])
def times(request: StaffRequest, ticket_id: int) -> HttpResponse:
    """Log worked time (``minutes``, ``note``, ``worked_on``); a get shows the panel with one entry (``edit``) to correct."""
    ticket = visible_ticket(request, ticket_id)
    if request.method == "GET":
        wanted = request.GET.get("edit", "")
        return _work(request, ticket_id, editing=int(wanted) if wanted.isascii() and wanted.isdigit() else 0)
    return _worked(
        request,
        ticket_id,
        lambda: log_time(ticket=ticket, by=request.viewer, **_time_entry(request)),
        form="time",
    )


@page("tickets.note")
@require_POST
def entry(request: StaffRequest, ticket_id: int, entry_id: int) -> HttpResponse:
    """Correct an entry of one's own, or take it back (``act`` is delete)."""
    ticket = visible_ticket(request, ticket_id)
    row = get_object_or_404(TimeEntry, pk=entry_id, ticket=ticket)
    if request.POST.get("act") == "delete":
        return _worked(request, ticket_id, lambda: delete_time(entry=row, by=request.viewer))
    return _worked(
        request,
        ticket_id,
        lambda: change_time(entry=row, by=request.viewer, **_time_entry(request)),
        form="entry",
        editing=row.pk,
    )


def _time_entry(request: StaffRequest) -> dict[str, Any]:
    """Read minutes, note and day; raises ValidationError."""
    values: dict[str, Any] = {
        "minutes": read_minutes(request.POST.get("minutes", "")),
        "note": request.POST.get("note", ""),
    }
    if request.POST.get("worked_on"):
        try:
            values["worked_on"] = date.fromisoformat(request.POST["worked_on"])
        except ValueError:
            raise ValidationError({"worked_on": _("Give a date like 2026-03-31.")}) from None
    return values
