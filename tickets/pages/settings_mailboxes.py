"""Settings: the mailboxes of an inbox, each with its form, its health and what can be done with it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core import formatting
from core.pages.forms import (
    FormPage,
    ListItem,
    PostButton,
    add_errors,
    done,
    form_page,
    refused,
    submitted,
)
from people.requests import StaffRequest, page
from tickets.channel import Trial
from tickets.channels.email.selectors import mailboxes
from tickets.channels.email.services.save_mailbox import (
    fetch_now,
    pause_mailbox,
    remove_mailbox,
    resume_mailbox,
    save_mailbox,
    try_mailbox,
)
from tickets.models import Inbox, Mailbox
from tickets.pages.settings_forms import MailboxForm

State = Mailbox.State
_TONES = {State.OK: "good", State.PAUSED: "", State.NEW: ""}


def mailbox_items(request: StaffRequest, inbox: Inbox) -> list[ListItem]:
    """The mailboxes of an inbox as lines of a settings list."""
    return [
        ListItem(
            name=str(box),
            url=reverse("settings-mailbox", args=[box.pk]),
            sub=" · ".join(part for part in (box.folder, box.error) if part),
            chips=_chips(box),
            right=_("last mail %(age)s ago") % {"age": formatting.age(box.last_mail_at)}
            if box.last_mail_at
            else _("no mail yet"),
        )
        for box in mailboxes(request.viewer).filter(inbox=inbox)
    ]


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def mailbox_new(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Connect a mailbox to an inbox."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel="email")
    form = MailboxForm(request.POST or None, initial={"protocol": "imap", "port": 993, "folder": "INBOX"})
    frame = FormPage(
        heading=_("New mailbox"),
        lead=_("A folder on an IMAP server, or a POP3 account. Its mails are read and not changed there."),
        back_url=reverse("settings-inbox", args=[inbox.pk]),
    )
    return _answer(request, form, frame, inbox, None)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def mailbox_form(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """Show how a mailbox is, and change it."""
    box = get_object_or_404(mailboxes(request.viewer), pk=mailbox_id)
    names = ("protocol", "host", "port", "security", "account", "username", "folder", "delete_after_days")
    form = MailboxForm(request.POST or None, initial={name: getattr(box, name) for name in names})
    del form.fields["take_existing"]
    form.fields["password"].help_text = _("Leave it empty to keep the one that is stored.")
    frame = FormPage(
        heading=str(box),
        lead=_("Brings its mails into %(inbox)s.") % {"inbox": box.inbox.name},
        back_url=reverse("settings-inbox", args=[box.inbox_id]),
        buttons=_buttons(box),
    )
    return _answer(request, form, frame, box.inbox, box)


@require_POST
@page("settings.manage")
def mailbox_pause(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """Pause a mailbox, or resume a paused one."""
    box = get_object_or_404(mailboxes(request.viewer), pk=mailbox_id)
    url = reverse("settings-mailbox", args=[box.pk])
    if box.state == State.PAUSED:
        resume_mailbox(mailbox=box, by=request.viewer)
        return done(request, _("The mailbox is read again."), url)
    pause_mailbox(mailbox=box, by=request.viewer)
    return done(request, _("The mailbox is paused. Its mails wait on the server."), url)


@require_POST
@page("settings.manage")
def mailbox_fetch(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """Have the mailbox looked at now, or with ``missing`` the mails fetched that are missing."""
    box = get_object_or_404(mailboxes(request.viewer), pk=mailbox_id)
    url = reverse("settings-mailbox", args=[box.pk])
    missing = bool(request.POST.get("missing"))
    try:
        fetch_now(mailbox=box, by=request.viewer, missing=missing)
    except ValidationError as error:
        return refused(request, error, url)
    text = _("The missing mails are being fetched.") if missing else _("The mailbox is being looked at.")
    return done(request, text, url)


@require_POST
@page("settings.manage")
def mailbox_remove(request: StaffRequest, mailbox_id: int) -> HttpResponse:
    """Remove a mailbox."""
    box = get_object_or_404(mailboxes(request.viewer), pk=mailbox_id)
    remove_mailbox(mailbox=box, by=request.viewer)
    return done(
        request, _("The mailbox is removed. Its mails stay."), reverse("settings-inbox", args=[box.inbox_id])
    )


def _answer(
    request: StaffRequest, form: MailboxForm, frame: FormPage, inbox: Inbox, box: Mailbox | None
) -> HttpResponse:
    """Save or show the form. A try answers with what it found alone: the page keeps what was typed, the password too."""
    if request.method == "POST" and "try" in request.POST:
        found = {"trial": _tried(request, form, box), "form": form, "tried": True}
        return render(request, "tickets/settings/_mailbox_trial.html", found)
    if request.method == "POST":
        saved = submitted(form, save_mailbox, inbox=inbox, mailbox=box, by=request.viewer)
        if saved is not None:
            text = _("Mailbox saved. It is looked at within seconds.")
            return done(request, text, reverse("settings-mailbox", args=[saved.pk]))
    context: dict[str, Any] = {"mailbox": box}
    if box is not None:
        context |= {"chips": _chips(box), "missing": ", ".join(str(uid) for uid in box.missing[:50])}
    return form_page(request, form, frame, "tickets/settings/mailbox.html", **context)


def _tried(request: StaffRequest, form: MailboxForm, box: Mailbox | None) -> Trial | None:
    """Try the words of the form; None when it cannot be tried, and the form says why."""
    if not form.is_valid():
        return None
    words = {name: value for name, value in form.cleaned_data.items() if name != "take_existing"}
    try:
        return try_mailbox(**words, mailbox=box, by=request.viewer)
    except ValidationError as error:
        add_errors(form, error)
        return None


def _chips(box: Mailbox) -> list[tuple[str, str]]:
    chips = [(str(box.get_state_display()), _TONES.get(State(box.state), "bad"))]
    if box.alarm in (Mailbox.Alarm.SILENT, Mailbox.Alarm.MISSING):
        words = {Mailbox.Alarm.SILENT: _("Silent"), Mailbox.Alarm.MISSING: _("Mails missing")}
        chips.append((words[Mailbox.Alarm(box.alarm)], "warn"))
    return chips


def _buttons(box: Mailbox) -> list[PostButton]:
    pause = reverse("settings-mailbox-pause", args=[box.pk])
    remove = PostButton(
        _("Remove"),
        reverse("settings-mailbox-remove", args=[box.pk]),
        confirm=_("It is read no more and its password is forgotten. Mails stay, here and on the server."),
    )
    if box.state == State.PAUSED:
        return [PostButton(_("Resume"), pause), remove]
    return [PostButton(_("Fetch now"), reverse("settings-mailbox-fetch", args=[box.pk])),
            PostButton(_("Pause"), pause), remove]  # fmt: skip
