"""Settings: canned replies and macros, one's own and those that are shared."""

from typing import Any
from uuid import uuid4

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import ListItem, ListPage, done, list_page, submitted
from people.models import Team
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.channel_texts import answering_channels
from tickets.conditions import in_words
from tickets.macro_lists import macros_of
from tickets.macro_variables import VARIABLES, unknown_variables, values_for
from tickets.macro_variables import render as render_text
from tickets.message_text import one_line
from tickets.models import Macro, Ticket
from tickets.pages.condition_form import ConditionFormField
from tickets.registry import MacroAction, actions_in_order, macro_actions
from tickets.services.apply_macro import words_of
from tickets.services.save_macro import delete_macro, may_change, save_macro


class MacroForm(forms.Form):
    """A macro without its actions, which are rows of their own."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[
            (Macro.Kind.CANNED, gettext_lazy("Canned reply: a text for the composer")),
            (Macro.Kind.MACRO, gettext_lazy("Macro: a reply, a note and actions, together")),
        ],
        initial=Macro.Kind.CANNED,
        widget=forms.RadioSelect,
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    shortcut = forms.CharField(
        label=gettext_lazy("Shortcut"),
        max_length=32,
        required=False,
        help_text=gettext_lazy("What is typed after / in the composer, for example refund."),
    )
    folder = forms.CharField(label=gettext_lazy("Folder"), max_length=60, required=False)
    reply = forms.CharField(
        label=gettext_lazy("Reply"), required=False, max_length=20_000, widget=forms.Textarea({"rows": 8})
    )
    sends = forms.BooleanField(
        label=gettext_lazy("Send the reply at once (otherwise it is put into the composer)"), required=False
    )
    note = forms.CharField(
        label=gettext_lazy("Private note"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea({"rows": 3}),
    )
    scope = forms.ChoiceField(label=gettext_lazy("For"), choices=Macro.Scope.choices)
    team = forms.ModelChoiceField(
        label=gettext_lazy("Team"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        empty_label="–",
    )
    condition = ConditionFormField(
        label=gettext_lazy("Offered on"),
        required=False,
        help_text=gettext_lazy("Without a condition it is offered on every ticket."),
    )
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Only for answers by"),
        choices=answering_channels,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Without a choice it is offered for every channel. Texts lose their form where a channel has none."
        ),
    )
    position = forms.IntegerField(label=gettext_lazy("Order"), min_value=0, max_value=999, initial=0)
    is_active = forms.BooleanField(label=gettext_lazy("Active: is offered"), required=False, initial=True)

    def __init__(self, *args: Any, viewer: Viewer, folders: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["folder"].widget.attrs["list"] = "macro-folders"
        self.folders = folders
        if not viewer.can("tickets.share_macros"):
            del self.fields["scope"], self.fields["team"]

    @staticmethod
    def initial_of(macro: Macro) -> dict[str, Any]:
        """Return what the form shows for a macro."""
        names = (
            "kind", "name", "shortcut", "folder", "reply", "sends", "note", "scope", "condition", "channels",
            "position", "is_active",
        )  # fmt: skip
        return {name: getattr(macro, name) for name in names} | {"team": macro.team_id}


@page("tickets.note")
@require_GET
def macros(request: StaffRequest) -> HttpResponse:
    """List what the person may use, by folder; those that it may not change lead nowhere."""
    items = [_item(macro, request.viewer) for macro in macros_of(request.viewer)]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Macros and canned replies"),
            lead=_("Texts for the composer (type /) and things that are done together (press M)."),
            new_url=reverse("settings-macro-new"),
            new_label=_("New macro"),
            empty_title=_("Write once what you write every day"),
            empty_text=_("A canned reply is a text with variables; a macro also changes the ticket."),
            icon="bolt",
        ),
    )


def _item(macro: Macro, viewer: Viewer) -> ListItem:
    shown = [macro.folder, f"/{macro.shortcut}" if macro.shortcut else "", _what(macro)]
    chips = [] if macro.is_active else [(_("Inactive"), "")]
    chips.append((macro.get_kind_display(), ""))
    chips.append((macro.team.name if macro.team else macro.get_scope_display(), ""))
    used = ngettext("used once", "used %(count)d times", macro.use_count) % {"count": macro.use_count}
    return ListItem(
        name=macro.name,
        url=reverse("settings-macro", args=[macro.pk]) if may_change(macro, viewer) else "",
        sub=" · ".join(part for part in shown if part),
        chips=chips,
        right=used if macro.use_count else _("not used yet"),
    )


def _what(macro: Macro) -> str:
    acts = ", ".join(words_of(one) for one in macro.actions)
    return acts or one_line(macro.reply or macro.note, 80)


@page("tickets.note")
@require_http_methods(["GET", "POST"])
def macro_form(request: StaffRequest, macro_id: int | None = None) -> HttpResponse:
    """Create or change a macro."""
    macro = _own(request, macro_id) if macro_id else None
    folders = sorted(set(macros_of(request.viewer).exclude(folder="").values_list("folder", flat=True)))
    initial = MacroForm.initial_of(macro) if macro else {}
    form = MacroForm(request.POST or None, initial=initial, viewer=request.viewer, folders=folders)
    actions = _sent_actions(request) if request.method == "POST" else list(macro.actions) if macro else []
    if request.method == "POST":
        saved = submitted(form, save_macro, macro=macro, actions=actions, by=request.viewer)
        if saved is not None:
            unknown = unknown_variables(f"{saved.reply} {saved.note}")
            text = _("Macro saved.")
            if unknown:
                named = ", ".join("{{" + name + "}}" for name in unknown)
                text += " " + _("Not variables, they stay as they are: %s.") % named
            return done(request, text, "settings-macros")
    parts = {
        "form": form,
        "macro": macro,
        "rows": [_row(one) for one in actions if one.get("action") in macro_actions],
        "addable": [action for action in actions_in_order() if _is_usable(action)],
        "variables": [("{{" + name + "}}", label) for name, (label, _value) in VARIABLES.items()],
        "condition_words": in_words(macro.condition) if macro and macro.condition else "",
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "tickets/settings/macro.html", parts, status=status)


@page("tickets.note")
@require_POST
def macro_delete(request: StaffRequest, macro_id: int) -> HttpResponse:
    """Delete a macro."""
    macro = _own(request, macro_id)
    delete_macro(macro=macro, by=request.viewer)
    return done(request, _("“%s” is deleted.") % macro.name, "settings-macros")


@page("tickets.note")
@require_GET
def macro_action_row(request: StaffRequest) -> HttpResponse:
    """An empty row for one more action (``add_action``)."""
    key = request.GET.get("add_action", "")
    if not key:
        return HttpResponse(status=204)
    if key not in macro_actions:
        raise Http404(_("There is no such action."))
    return render(request, "tickets/settings/_macro_action.html", {"row": _row({"action": key})})


@page("tickets.note")
@require_POST
def macro_try(request: StaffRequest) -> HttpResponse:
    """The texts of the form as they would be for the newest ticket that the person sees."""
    newest = Ticket.objects.visible_to(request.viewer).order_by("-pk")
    ticket = newest.select_related("contact", "account", "inbox", "team", "status").first()
    values = values_for(ticket, request.viewer) if ticket else {}
    texts = {name: render_text(request.POST.get(name, "")[:20_000], values) for name in ("reply", "note")}
    unfilled = [*texts["reply"].unfilled, *texts["note"].unfilled]
    parts = {
        "ticket": ticket,
        "reply": texts["reply"].plain,
        "note": texts["note"].plain,
        "unfilled": ["{{" + name + "}}" for name in dict.fromkeys(unfilled)],
    }
    return render(request, "tickets/settings/_macro_try.html", parts)


def _own(request: StaffRequest, macro_id: int) -> Macro:
    macro = Macro.objects.visible_to(request.viewer).filter(pk=macro_id).first()
    if macro is None or not may_change(macro, request.viewer):
        raise Http404(_("There is no such macro, or it is not yours to change."))
    return macro


def _is_usable(action: MacroAction) -> bool:
    """Whether the action has something to choose from; custom fields and types need not exist."""
    fields = action.fields().values()
    return all(field.widget.choices for field in fields if isinstance(field.widget, forms.Select))


def _sent_actions(request: StaffRequest) -> list[dict[str, Any]]:
    """The rows of the form in their order on the page."""
    sent = []
    for row in request.POST.getlist("row")[:50]:
        key = request.POST.get(f"{row}-action", "")
        names = macro_actions.get(key).fields() if key in macro_actions else {}
        sent.append({"action": key, **{name: request.POST.get(f"{row}-{name}", "") for name in names}})
    return sent


def _row(action: dict[str, Any]) -> dict[str, Any]:
    """One action as the template draws it."""
    part = macro_actions.get(action["action"])
    prefix = f"a{uuid4().hex[:8]}"
    shown = {name: _as_typed(value) for name, value in action.items() if name != "action"}
    drawn = type("ActionForm", (forms.Form,), dict(part.fields()))(prefix=prefix, initial=shown)
    return {"id": prefix, "action": part, "fields": list(drawn)}


def _as_typed(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
