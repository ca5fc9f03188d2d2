"""Calls: the log, one call with its write-up, what is on one's screen, calls that somebody writes down."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import FormPage, add_errors, done, form_page
from core.pages.querystring import with_query
from customers.models import Contact
from customers.phone_numbers import shown_number
from people.requests import StaffRequest, is_partial, page
from tickets.calls import call_list, calls_on_screen, open_tickets_of, recording_name, recording_of, talk_time
from tickets.file_scans import release
from tickets.models import Call, Ticket
from tickets.pages.answers import refused, with_toast
from tickets.phone_lines import dial_url
from tickets.services.log_call import log_call
from tickets.services.write_up_call import claim_call, write_up_call

SHOWN = 50
NEW = "new"
_ICONS = {
    Call.State.MISSED: "phone-x",
    Call.State.VOICEMAIL: "record-mail",
    Call.State.RINGING: "phone-ringing",
    Call.State.ANSWERED: "phone-call",
}
_SOUNDS = frozenset(
    {"audio/mpeg", "audio/mp3", "audio/wav", "audio/x-wav", "audio/ogg", "audio/mp4", "audio/webm"}
)


class LogForm(forms.Form):
    """A call that nobody has told of."""

    direction = forms.ChoiceField(
        label=gettext_lazy("Who called whom?"),
        choices=Call.Direction.choices,
        initial=Call.Direction.OUTBOUND,
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=40,
        required=False,
        widget=forms.TextInput({"inputmode": "tel", "autocomplete": "off"}),
    )
    started_at = forms.DateTimeField(
        label=gettext_lazy("When"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: now."),
    )
    minutes = forms.DecimalField(
        label=gettext_lazy("Length in minutes"),
        min_value=0,
        max_value=1440,
        max_digits=6,
        decimal_places=1,
        required=False,
    )
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), choices=Call.Outcome.choices, required=False)
    note = forms.CharField(
        label=gettext_lazy("What was said"),
        max_length=10_000,
        required=False,
        widget=forms.Textarea({"rows": 5}),
    )


class WriteUpForm(forms.Form):
    """What came of a call."""

    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=10_000, required=False, widget=forms.Textarea({"rows": 3})
    )
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), choices=Call.Outcome.choices, required=False)
    ticket = forms.ChoiceField(label=gettext_lazy("Ticket"), required=False)

    def __init__(self, *arguments: Any, choices: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["ticket"].choices = choices  # type: ignore[attr-defined]


@page("tickets.view")
@require_GET
def calls(request: StaffRequest) -> HttpResponse:
    """The log, newest first, by state and person; htmx gets the rows alone."""
    asked = {name: request.GET.get(name, "")[:60] for name in ("state", "direction", "agent", "number")}
    if asked["state"] not in Call.State.values:
        asked["state"] = ""
    if asked["direction"] not in Call.Direction.values:
        asked["direction"] = ""
    place = request.GET.get("from", "")
    start = int(place) if place.isascii() and place.isdecimal() and len(place) < 7 else 0
    rows = call_list(request.viewer, asked).prefetch_related("contact__identities")
    found = list(rows[start : start + SHOWN + 1])
    tabs = [
        {
            "label": str(label),
            "url": with_query(request, state=value, **{"from": ""}),
            "current": asked["state"] == value,
        }
        for value, label in [
            ("", _("All")),
            (Call.State.MISSED, _("Missed")),
            (Call.State.VOICEMAIL, _("Voicemail")),
            (Call.State.ENDED, _("Answered")),
        ]
    ]
    context = {
        "rows": [call_parts(one, request) for one in found[:SHOWN]],
        "tabs": tabs,
        "asked": asked,
        "mine_url": with_query(request, agent="" if asked["agent"] == "me" else "me", **{"from": ""}),
        "next_url": with_query(request, **{"from": str(start + SHOWN)}) if len(found) > SHOWN else "",
        "query": request.GET.urlencode(),
        "may_note": request.viewer.can("tickets.note"),
        "is_filtered": any(asked.values()),
    }
    template = "tickets/_call_rows.html" if is_partial(request) else "tickets/calls.html"
    return render(request, template, context)


@page("tickets.view")
@require_http_methods(["GET", "POST"])
def call(request: StaffRequest, call_id: int) -> HttpResponse:
    """One call; whoever may write notes writes it up here."""
    found = _find(request, call_id)
    form = _form(request, found)
    if request.method == "POST":
        if _write_up(request, found, form):
            return done(request, _("Saved."), reverse("call", args=[found.pk]))
        found = _find(request, call_id)
    context = call_parts(found, request) | {
        "form": form,
        "may_note": request.viewer.can("tickets.note"),
        "facts": _facts(found),
    }
    return render(request, "tickets/call.html", context, status=422 if form.is_bound and form.errors else 200)


@page("tickets.note")
@require_GET
def screen(request: StaffRequest) -> HttpResponse:
    """What is on the person's screen now: nothing, most of the time."""
    return _screen(request)


@page("tickets.note")
@require_POST
def take(request: StaffRequest, call_id: int) -> HttpResponse:
    """Say that oneself has answered."""
    try:
        claim_call(call=_find(request, call_id), by=request.viewer)
    except ValidationError as error:
        return refused(error)
    return _screen(request)


@page("tickets.note")
@require_POST
def write_up(request: StaffRequest, call_id: int) -> HttpResponse:
    """Save the note from the screen; with a new ticket go there."""
    found = _find(request, call_id)
    form = _form(request, found)
    if not _write_up(request, found, form):
        return refused(ValidationError([str(text) for texts in form.errors.values() for text in texts]))
    found.refresh_from_db()
    if form.cleaned_data["ticket"] == NEW and _seen_ticket(request, found) is not None:
        return HttpResponse(
            status=204, headers={"HX-Redirect": reverse("inbox-ticket", args=[found.ticket_id])}
        )
    return with_toast(_screen(request), _("The call is written up.") if found.wrapped_at else _("Saved."))


@page("tickets.note")
@require_http_methods(["GET", "POST"])
def new_call(request: StaffRequest) -> HttpResponse:
    """Write down a call; ``?ticket=`` or ``?contact=`` says whom it was with."""
    ticket = _named(request, "ticket", Ticket.objects.visible_to(request.viewer).select_related("contact"))
    contact = (
        _named(request, "contact", Contact.objects.visible_to(request.viewer)) if ticket is None else None
    )
    person = contact if ticket is None else ticket.contact
    form = LogForm(request.POST or None, initial={"number": _first_number(person)})
    if request.method == "POST" and form.is_valid():
        told = dict(form.cleaned_data)
        minutes = told.pop("minutes")
        seconds = None if minutes is None else int(timedelta(minutes=float(minutes)).total_seconds())
        try:
            saved = log_call(
                **told, duration_seconds=seconds, ticket=ticket, contact=contact, by=request.viewer
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            url = (
                reverse("call", args=[saved.pk])
                if ticket is None
                else reverse("inbox-ticket", args=[ticket.pk])
            )
            return done(request, _("The call is written down."), url)
    back = reverse("calls") if ticket is None else reverse("inbox-ticket", args=[ticket.pk])
    lead = "" if person is None else _("With %s.") % person
    return form_page(
        request, form, FormPage(heading=_("Log a call"), lead=lead, back_url=back), "tickets/call_new.html"
    )


@page("tickets.view")
@require_GET
def recording(request: StaffRequest, call_id: int) -> HttpResponse:
    """The recording, to be heard on the page or fetched; 403 with the reason for one that is held back."""
    found = _find(request, call_id)
    if not found.recording_key:
        raise Http404(_("There is no recording."))
    release(found.recording_sha256)
    try:
        content = recording_of(found)
    except (FileNotFoundError, ValueError):
        raise Http404(_("The file is not in the storage any more.")) from None
    kind = found.recording_type if found.recording_type in _SOUNDS else "application/octet-stream"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = content_disposition_header(False, recording_name(found)) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def call_parts(found: Call, request: StaffRequest) -> dict[str, Any]:
    """Return a call as templates draw it. No query for one that was read by ``call_list``."""
    state = Call.State(found.state)
    return {
        "call": found,
        "icon": _ICONS.get(
            state, "phone-incoming" if found.direction == Call.Direction.INBOUND else "phone-outgoing"
        ),
        "tone": "bad" if state == Call.State.MISSED else "",
        "number": shown_number(found.number) if found.number else _("withheld"),
        "dial_url": dial_url(found.number),
        "length": talk_time(found.duration_seconds),
        "recording_url": reverse("call-recording", args=[found.pk]) if found.recording_key else "",
        "plays": found.recording_type in _SOUNDS,
        "ticket": _seen_ticket(request, found),
    }


def _sees(request: StaffRequest, ticket: Ticket) -> bool:
    """Whether the viewer may be told of the ticket; only private teams ask for a look."""
    return (
        request.viewer.can("tickets.all_teams")
        or Ticket.objects.visible_to(request.viewer).filter(pk=ticket.pk).exists()
    )


def _screen(request: StaffRequest) -> HttpResponse:
    found = calls_on_screen(request.viewer)
    tickets = open_tickets_of(request.viewer, [one.contact_id for one in found if one.contact_id])
    cards = [
        call_parts(one, request)
        | {
            "form": WriteUpForm(
                auto_id=f"call-{one.pk}-%s",
                initial=_initial(request, one),
                choices=_choices(request, one, tickets.get(one.contact_id or 0, [])),
            ),
            "open_tickets": tickets.get(one.contact_id or 0, []),
            "is_mine": one.agent_id == request.viewer.user_id,
        }
        for one in found
    ]
    return render(request, "tickets/_screen_pop.html", {"cards": cards})


def _find(request: StaffRequest, call_id: int) -> Call:
    rows = Call.objects.visible_to(request.viewer).select_related(
        "contact__account", "agent", "ticket", "inbox"
    )
    return get_object_or_404(rows, pk=call_id)


def _form(request: StaffRequest, found: Call) -> WriteUpForm:
    tickets = open_tickets_of(request.viewer, [found.contact_id] if found.contact_id else [])
    return WriteUpForm(
        request.POST or None,
        initial=_initial(request, found),
        choices=_choices(request, found, tickets.get(found.contact_id or 0, [])),
    )


def _seen_ticket(request: StaffRequest, found: Call) -> Ticket | None:
    """The ticket of a call; None also when the viewer may not be told of it."""
    return found.ticket if found.ticket is not None and _sees(request, found.ticket) else None


def _initial(request: StaffRequest, found: Call) -> dict[str, str]:
    ticket = _seen_ticket(request, found)
    return {"note": found.note, "outcome": found.outcome, "ticket": "" if ticket is None else str(ticket.pk)}


def _choices(request: StaffRequest, found: Call, tickets: list[Ticket]) -> list[tuple[str, str]]:
    """The tickets that the call can be put to: its own, the open ones of the caller, a new one. It stays in a ticket that the
    viewer does not see."""
    own = _seen_ticket(request, found)
    if own is None and found.ticket is not None:
        return [("", _("A ticket that you do not see"))]
    known = {one.pk: str(one) for one in ([own] if own else []) + tickets}
    offered = [(str(pk), words) for pk, words in known.items()]
    if found.ticket is None:
        offered = [("", _("No ticket")), *offered, (NEW, _("A new ticket"))]
    return offered


def _write_up(request: StaffRequest, found: Call, form: WriteUpForm) -> bool:
    if not form.is_valid():
        return False
    chosen = form.cleaned_data["ticket"]
    ticket = (
        Ticket.objects.visible_to(request.viewer).filter(pk=int(chosen)).first()
        if chosen.isdecimal()
        else None
    )
    try:
        write_up_call(
            call=found,
            note=form.cleaned_data["note"],
            outcome=form.cleaned_data["outcome"],
            ticket=ticket,
            opens=chosen == NEW,
            by=request.viewer,
        )
    except ValidationError as error:
        add_errors(form, error)
        return False
    return True


def _named(request: StaffRequest, name: str, rows: Any) -> Any:
    """The visible row that the address names, None where it names none; raises Http404 for one that is not there."""
    value = request.GET.get(name, "")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Http404
    return get_object_or_404(rows, pk=int(value))


def _first_number(person: Contact | None) -> str:
    if person is None:
        return ""
    return next((one.value for one in person.identities.all() if one.kind == "phone"), "")


def _facts(found: Call) -> list[tuple[str, Any, str]]:
    facts: list[tuple[str, Any, str]] = [
        (_("Direction"), found.get_direction_display(), ""),
        (_("Our line"), shown_number(found.line) if found.line else "–", ""),
        (_("Agent"), found.agent or "–", ""),
    ]
    if found.inbox is not None:
        facts.append((_("Inbox"), found.inbox.name, ""))
    return facts
