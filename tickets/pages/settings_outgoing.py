"""Settings: the server by which the answers of an e-mail inbox leave."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import FormPage, ListItem, PostButton, add_errors, done, form_page, submitted
from people.requests import StaffRequest, page
from tickets.channel import Trial
from tickets.channels.email.selectors import outgoing_of, pauses_of
from tickets.channels.email.services.save_outgoing import remove_outgoing, save_outgoing, try_outgoing
from tickets.models import Inbox, OutgoingServer
from tickets.pages.settings_forms import OutgoingForm

State = OutgoingServer.State
_TONES = {State.NEW: "", State.OK: "good"}


def outgoing_items(request: StaffRequest, inbox: Inbox) -> list[ListItem]:
    """The outgoing server of an inbox as a line of a settings list; none where answers leave by the common server."""
    outgoing = outgoing_of(request.viewer, inbox)
    if outgoing is None:
        return []
    url = reverse("settings-outgoing", args=[inbox.pk])
    return [ListItem(name=str(outgoing), url=url, sub=outgoing.error, chips=_chips(outgoing))]


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def outgoing_form(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Show how the outgoing server of an inbox is, and change it. A try answers with what it found alone."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel="email")
    outgoing = outgoing_of(request.viewer, inbox)
    initial: dict[str, object] = {"port": 587, "security": "starttls"}
    if outgoing is not None:
        names = ("host", "port", "security", "account", "username")
        initial = {name: getattr(outgoing, name) for name in names}
    form = OutgoingForm(request.POST or None, initial=initial)
    if outgoing is not None and outgoing.sealed_password:
        form.fields["password"].help_text = _("Leave it empty to keep the one that is stored.")
    if request.method == "POST" and "try" in request.POST:
        found = {"trial": _tried(request, form, inbox), "form": form, "tried": True}
        return render(request, "tickets/settings/_mailbox_trial.html", found)
    if (
        request.method == "POST"
        and submitted(form, save_outgoing, inbox=inbox, by=request.viewer) is not None
    ):
        return done(request, _("Outgoing server saved."), reverse("settings-outgoing", args=[inbox.pk]))
    frame = FormPage(
        heading=_("Outgoing server of %s") % inbox.name,
        lead=_("Answers of this inbox leave by this server. Without one they leave by the common server."),
        back_url=reverse("settings-inbox", args=[inbox.pk]),
        buttons=[] if outgoing is None else [_remove_button(inbox)],
    )
    context = {
        "outgoing": outgoing,
        "chips": [] if outgoing is None else _chips(outgoing),
        "pauses": [] if outgoing is None else pauses_of(outgoing),
    }
    return form_page(request, form, frame, "tickets/settings/outgoing.html", **context)


@require_POST
@page("settings.manage")
def outgoing_remove(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Take the server away."""
    outgoing = get_object_or_404(OutgoingServer.objects.visible_to(request.viewer), inbox=inbox_id)
    remove_outgoing(outgoing=outgoing, by=request.viewer)
    text = _("The outgoing server is removed. Answers leave by the common server.")
    return done(request, text, reverse("settings-inbox", args=[inbox_id]))


def _tried(request: StaffRequest, form: OutgoingForm, inbox: Inbox) -> Trial | None:
    """Try the words of the form; None when it cannot be tried, and the form says why."""
    if not form.is_valid():
        return None
    try:
        return try_outgoing(**form.cleaned_data, inbox=inbox, by=request.viewer)
    except ValidationError as error:
        add_errors(form, error)
        return None


def _chips(outgoing: OutgoingServer) -> list[tuple[str, str]]:
    return [(str(outgoing.get_state_display()), _TONES.get(State(outgoing.state), "bad"))]


def _remove_button(inbox: Inbox) -> PostButton:
    return PostButton(
        _("Remove"),
        reverse("settings-outgoing-remove", args=[inbox.pk]),
        confirm=_("Its password is forgotten, and answers leave by the common server."),
    )
