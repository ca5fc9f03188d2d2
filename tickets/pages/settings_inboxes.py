"""Settings: inboxes of every channel, each with its form, its health, a test of the connection and what its provider sent."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import formatting
from core.pages.forms import FormPage, ListItem, ListPage, add_errors, done, form_page, list_page
from core.pages.querystring import with_query
from people.requests import StaffRequest, page
from tickets.channel import Channel, Trial
from tickets.channels.email.services.poll_drop_folder import drop_folder
from tickets.connections import channel_of, connection_of, hook_url, secrets_of
from tickets.models import ChannelHealth, ChannelPayload, Inbox, MailLedger
from tickets.pages.settings_forms import InboxForm
from tickets.pages.settings_mailboxes import mailbox_items
from tickets.pages.settings_outgoing import outgoing_items
from tickets.registry import channel_parts, channels, connectable_channels
from tickets.services.fetch_templates import fetch_templates
from tickets.services.save_inbox import connect_inbox, save_inbox, try_inbox
from tickets.services.take_payload import retry_payload

SHOWN = 50
_TONES = {
    ChannelHealth.State.OK: "good",
    ChannelHealth.State.REFUSED: "bad",
    ChannelHealth.State.UNREACHABLE: "bad",
}
_COLUMNS = ("address", "from_name", "signature")


@page("settings.manage")
def inboxes(request: StaffRequest) -> HttpResponse:
    """List the inboxes with how their channels are and when each received its last message."""
    mails = dict(MailLedger.objects.order_by().values_list("inbox_id").annotate(last=Max("received_at")))
    items = []
    for inbox in Inbox.objects.select_related("default_team", "health").order_by("-is_active", "name"):
        health = health_of(inbox)
        last = max(filter(None, [mails.get(inbox.pk), health and health.last_in_at]), default=None)
        team = inbox.default_team.name if inbox.default_team else _("triage")
        label = channel_parts(inbox.channel)[1]
        items.append(
            ListItem(
                name=inbox.name,
                url=reverse("settings-inbox", args=[inbox.pk]),
                sub=" · ".join(part for part in (label, inbox.address, team) if part),
                chips=_chips(inbox, health),
                right=_("last message %(age)s ago") % {"age": formatting.age(last)}
                if last
                else _("no message yet"),
            )
        )
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Inboxes"),
            lead=_("Every way in which customers reach you, and under which name answers leave."),
            new_url=reverse("settings-inbox-new"),
            new_label=_("New inbox"),
            empty_title=_("Connect an inbox"),
            empty_text=_("Tickets appear as soon as one channel is connected."),
            icon="mail",
        ),
    )


@require_GET
@page("settings.manage")
def channel_choice(request: StaffRequest) -> HttpResponse:
    """Choose what a new inbox is connected to."""
    items = [
        ListItem(
            name=str(channel.label),
            url=reverse("settings-inbox-connect", args=[channel.key]),
            sub=str(channel.lead),
        )
        for channel in connectable_channels()
    ]
    frame = ListPage(heading=_("New inbox"), lead=_("How do these customers reach you?"), icon="mail")
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def inbox_new(request: StaffRequest, channel: str) -> HttpResponse:
    """Connect an inbox of a channel."""
    if channel not in channels or channels.get(channel).settings is None:
        raise Http404(_("There is no such channel."))
    return _inbox_page(request, channels.get(channel), None)


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def inbox_form(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Show how an inbox is, and change it."""
    inbox = get_object_or_404(Inbox.objects.select_related("health"), pk=inbox_id)
    return _inbox_page(request, channel_of(inbox), inbox)


@require_POST
@page("settings.manage")
def templates(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Fetch the templates of an inbox, and show them."""
    inbox = get_object_or_404(Inbox, pk=inbox_id)
    parts: dict[str, Any] = {"inbox": inbox}
    try:
        fetch_templates(inbox=inbox, by=request.viewer)
    except ValidationError as error:
        parts["error"] = " ".join(error.messages)
    return render(request, "tickets/settings/_templates_card.html", parts)


@page("settings.manage")
def payloads(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """What the provider of an inbox has sent, newest first."""
    inbox = get_object_or_404(Inbox, pk=inbox_id)
    state = request.GET.get("state", "")
    before = request.GET.get("before", "")
    rows = ChannelPayload.objects.visible_to(request.viewer).filter(inbox=inbox).defer("body")
    if state in ChannelPayload.State.values:
        rows = rows.filter(state=state)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows.order_by("-pk")[: SHOWN + 1])
    more = with_query(request, before=str(shown[SHOWN - 1].pk)) if len(shown) > SHOWN else ""
    tabs = [
        {"label": str(label), "url": with_query(request, state=value, before=""), "current": state == value}
        for value, label in [("", _("All")), *ChannelPayload.State.choices]
    ]
    parts = {"inbox": inbox, "payloads": shown[:SHOWN], "tabs": tabs, "more_url": more}
    return render(request, "tickets/settings/payloads.html", parts)


@page("settings.manage")
def payload(request: StaffRequest, inbox_id: int, payload_id: int) -> HttpResponse:
    """One call of a provider as it came, and what became of it."""
    row = get_object_or_404(
        ChannelPayload.objects.visible_to(request.viewer).select_related("inbox", "ticket"),
        pk=payload_id,
        inbox=inbox_id,
    )
    text = bytes(row.body).decode("utf-8", "replace")
    return render(request, "tickets/settings/payload.html", {"payload": row, "text": text[:100_000]})


@require_POST
@page("operations.retry")
def payload_retry(request: StaffRequest, inbox_id: int, payload_id: int) -> HttpResponse:
    """Have a failed payload read again."""
    row = get_object_or_404(ChannelPayload.objects.visible_to(request.viewer), pk=payload_id, inbox=inbox_id)
    url = reverse("settings-payload", args=[inbox_id, payload_id])
    if retry_payload(payload=row, by=request.viewer):
        return done(request, _("It is read again within seconds."), url)
    return done(request, _("It has not failed: nothing to do."), url)


def health_of(inbox: Inbox) -> ChannelHealth | None:
    """How the channel of an inbox is; None before anything has passed."""
    return getattr(inbox, "health", None)


def _inbox_page(request: StaffRequest, channel: Channel, inbox: Inbox | None) -> HttpResponse:
    """Save or show the two forms. A try answers with what it found alone: the page keeps what was typed."""
    common = InboxForm(request.POST or None, initial=_common_initial(inbox, channel))
    own = _own_form(request, channel, inbox)
    if request.method == "POST" and "try" in request.POST:
        found = {"trial": _tried(request, channel, own, inbox), "form": own, "tried": True}
        return render(request, "tickets/settings/_mailbox_trial.html", found)
    if request.method == "POST" and inbox is not None and "connect" in request.POST:
        return _connect(request, inbox)
    if request.method == "POST" and common.is_valid() and own.is_valid():
        try:
            saved = save_inbox(
                **common.cleaned_data,
                settings=own.cleaned_data,
                channel=channel.key,
                inbox=inbox,
                by=request.viewer,
            )
        except ValidationError as error:
            _spread(error, common, own)
        else:
            return done(request, _("Inbox saved."), reverse("settings-inbox", args=[saved.pk]))
    return _show(request, channel, inbox, common, own)


def _connect(request: StaffRequest, inbox: Inbox) -> HttpResponse:
    try:
        trial = connect_inbox(inbox=inbox, by=request.viewer)
    except ValidationError as error:
        trial = Trial(False, " ".join(error.messages))
    return render(request, "tickets/settings/_mailbox_trial.html", {"trial": trial, "tried": True})


def _show(
    request: StaffRequest, channel: Channel, inbox: Inbox | None, common: InboxForm, own: forms.Form
) -> HttpResponse:
    health = None if inbox is None else health_of(inbox)
    frame = FormPage(
        heading=inbox.name if inbox else _("New inbox: %s") % channel.label,
        lead=str(channel.lead),
        back_url=reverse("settings-inboxes"),
        facts=[] if inbox is None else _facts(inbox, channel),
    )
    context: dict[str, Any] = {
        "inbox": inbox,
        "channel": channel,
        "health": health,
        "chips": [] if inbox is None else _chips(inbox, health),
        "has_hook": inbox is not None and channel.has_hook(inbox.config),
        "hook_url": hook_url(inbox) if inbox and channel.has_hook(inbox.config) else "",
        "own_fields": [own[name] for name in own.fields],
        "own_errors": own.non_field_errors(),
        "can_try": type(channel).try_connection is not Channel.try_connection,
        "can_connect": inbox is not None and type(channel).connect_hook is not Channel.connect_hook,
        "items": mailbox_items(request, inbox) if inbox else [],
        "outgoing_items": outgoing_items(request, inbox) if inbox and channel.key == "email" else [],
        "capabilities": _capability_words(channel),
        "own_media": own.media,
        "connection": connection_of(inbox) if inbox else None,
        "card": channel.card(inbox) if inbox else {},
    }
    if own.is_bound and own.errors and not common.errors:
        common.add_error(None, [])
    status_form = own if own.is_bound and own.errors else common
    response = form_page(request, common, frame, "tickets/settings/inbox.html", **context)
    if status_form.is_bound and status_form.errors:
        response.status_code = 422
    return response


def _own_form(request: StaffRequest, channel: Channel, inbox: Inbox | None) -> forms.Form:
    assert channel.settings is not None  # noqa: S101 - the callers have looked
    initial: dict[str, Any] = {}
    known: dict[str, str] = {}
    if inbox is not None:
        initial = inbox.config | {name: getattr(inbox, name) for name in _COLUMNS}
        known = secrets_of(inbox)
    form = channel.settings(request.POST or None, initial=initial)
    for name in channel.secrets:
        if known.get(name):
            form.fields[name].required = False
            form.fields[name].help_text = _("Leave it empty to keep the one that is stored.")
    return form


def _common_initial(inbox: Inbox | None, channel: Channel) -> dict[str, Any]:
    if inbox is None:
        return {"name": "" if channel.key == "email" else str(channel.label), "is_active": True}
    return {"name": inbox.name, "default_team": inbox.default_team_id, "is_active": inbox.is_active}


def _tried(request: StaffRequest, channel: Channel, own: forms.Form, inbox: Inbox | None) -> Trial | None:
    """Try the words of the form; None when it cannot be tried, and the form says why."""
    if not own.is_valid():
        return None
    try:
        return try_inbox(channel=channel.key, settings=own.cleaned_data, inbox=inbox, by=request.viewer)
    except ValidationError as error:
        add_errors(own, error)
        return None


def _spread(error: ValidationError, common: forms.Form, own: forms.Form) -> None:
    """Put each refusal beside its field, whichever form has it."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
    for name, errors in by_field.items():
        if name in own.fields:
            own.add_error(name, errors)
        else:
            common.add_error(name if name in common.fields else None, errors)


def _chips(inbox: Inbox, health: ChannelHealth | None) -> list[tuple[str, str]]:
    chips = [] if inbox.is_active else [(_("Inactive"), "")]
    if health is not None and health.state in _TONES:
        chips.append((str(health.get_state_display()), _TONES[ChannelHealth.State(health.state)]))
    if health is not None and health.alarm == ChannelHealth.Alarm.SILENT:
        chips.append((_("Silent"), "warn"))
    return chips


def _facts(inbox: Inbox, channel: Channel) -> list[tuple[str, Any]]:
    if channel.key != "email":
        return []
    rows = MailLedger.objects.filter(inbox=inbox)
    last = rows.aggregate(last=Max("received_at"))["last"]
    return [
        (_("Drop folder"), drop_folder(inbox)),
        (_("Last mail"), formatting.absolute(last) if last else _("none yet")),
        (_("Mails in the ledger"), rows.count()),
    ]


def _capability_words(channel: Channel) -> list[tuple[str, str]]:
    """What the channel can carry, as terms and words."""
    able = channel.capabilities
    words: list[tuple[str, str]] = []
    if able.threading:
        words.append((_("One ticket"), str(able.threading)))
    if able.longest_text is not None:
        words.append((_("Longest message"), _("%d characters") % able.longest_text))
    if not able.files:
        words.append((_("Files"), _("none")))
    elif able.largest_file is not None:
        words.append((_("Largest file"), _("%d MB") % (able.largest_file // 1_000_000)))
    if able.reply_window is not None:
        hours = int(able.reply_window.total_seconds() // 3600)
        words.append((_("Free answers"), _("until %d hours after the customer's last message") % hours))
    return words
