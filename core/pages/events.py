"""Operations: the event log with its seal."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from core.events import event_types
from core.pages.guard import is_partial, page
from core.pages.querystring import with_query
from core.selectors import EventFilter, event_lines, event_rows, seal_status

SHOWN = 50


class EventFilterForm(forms.Form):
    """The filter of the event log, from the query string."""

    verb = forms.ChoiceField(label=_("What"), required=False)
    actor = forms.ChoiceField(
        label=_("Who"),
        required=False,
        choices=[
            ("", _("Anybody")),
            ("staff", _("Staff")),
            ("contact", _("Customers")),
            ("api_key", _("API keys")),
            ("system", _("The system")),
            ("anonymous", _("Strangers")),
        ],
    )
    subject = forms.RegexField(
        r"^[a-z_]+:\d+$",
        label=_("About"),
        required=False,
        widget=forms.TextInput({"placeholder": "ticket:12"}),
        error_messages={"invalid": _("Write it like ticket:12 or account:7.")},
    )
    on = forms.DateField(label=_("Day"), required=False, widget=forms.DateInput({"type": "date"}))
    before = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups: dict[str, list[tuple[str, str]]] = {}
        for event_type in event_types():
            app = event_type.verb.partition(".")[0]
            groups.setdefault(app, []).append((event_type.verb, event_type.verb))
        self.fields["verb"].choices = [("", _("Everything")), *groups.items()]  # type: ignore[attr-defined]


@page("operations.view")
def events(request: HttpRequest) -> HttpResponse:
    """Show events, newest first, in pages by ``seq``; htmx gets further rows alone."""
    form = EventFilterForm(request.GET or None)
    wanted = EventFilter()
    if form.is_bound and form.is_valid():
        wanted = EventFilter(**{name: value for name, value in form.cleaned_data.items() if value})
    status = seal_status()
    rows = list(event_rows(wanted)[: SHOWN + 1])
    next_url = ""
    if len(rows) > SHOWN:
        next_url = f"{with_query(request)}&before={rows[SHOWN - 1].seq}"  # type: ignore[attr-defined]
    context = {
        "form": form,
        "lines": event_lines(rows[:SHOWN], status.sealed_to),
        "status": status,
        "next_url": next_url,
        "oob": is_partial(request),
        "filtered": any(request.GET.get(name) for name in ("verb", "actor", "subject", "on")),
    }
    return render(request, "core/_event_rows.html" if is_partial(request) else "core/events.html", context)
