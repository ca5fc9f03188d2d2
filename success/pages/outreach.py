"""The outreach log: every mail, and why it was sent, held back or dropped; and the limits of outreach."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from people.requests import StaffRequest, page
from success.gate import Gate
from success.limits import current_policy, is_outreach_on
from success.models import Outreach, Playbook
from success.pages.tabs import success_tabs
from success.selectors import outreach_log
from success.services.save_limits import save_limits

PAGE = 50
GATES = [
    (Gate.SWITCH, gettext_lazy("Outreach switched off")),
    (Gate.ENROLMENT, gettext_lazy("Enrolment over")),
    (Gate.CONSENT, gettext_lazy("Consent")),
    (Gate.HARD, gettext_lazy("Never again")),
    (Gate.SOFT, gettext_lazy("Wrong moment")),
    (Gate.PRESSURE, gettext_lazy("Too many mails")),
    (Gate.QUIET, gettext_lazy("Quiet hours")),
    (Gate.PASSED, gettext_lazy("All passed")),
]


class LimitsForm(forms.Form):
    """Switch, caps and hours."""

    is_on = forms.BooleanField(
        label=gettext_lazy("Outreach may leave"),
        required=False,
        help_text=gettext_lazy(
            "Off stops every outreach mail at once; mails that wait are asked about again later."
        ),
    )
    contact_per_day = forms.IntegerField(
        label=gettext_lazy("Mails to a contact in 24 hours"), min_value=0, max_value=10
    )
    contact_per_week = forms.IntegerField(
        label=gettext_lazy("Mails to a contact in 7 days"), min_value=0, max_value=50
    )
    contact_per_month = forms.IntegerField(
        label=gettext_lazy("Mails to a contact in 30 days"), min_value=0, max_value=100
    )
    account_per_week = forms.IntegerField(
        label=gettext_lazy("Mails to an account in 7 days"), min_value=0, max_value=200
    )
    opens = forms.TimeField(
        label=gettext_lazy("Not before"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("In the contact's time zone, else the account's; Monday to Friday."),
    )
    closes = forms.TimeField(
        label=gettext_lazy("Not after"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def clean(self) -> dict[str, Any]:
        """Leave at least an hour a day."""
        values = super().clean() or {}
        opens, closes = values.get("opens"), values.get("closes")
        if opens and closes and (closes.hour * 60 + closes.minute) - (opens.hour * 60 + opens.minute) < 60:
            self.add_error("closes", _("Leave at least one hour a day."))
        return values


@page("success.view")
@require_GET
def outreach_list(request: StaffRequest) -> HttpResponse:
    """Show mails newest first; htmx gets the next rows alone."""
    chosen = {name: request.GET.get(name, "") for name in ("state", "gate", "playbook", "account")}
    rows = outreach_log(
        request.viewer,
        state=chosen["state"],
        gate=chosen["gate"],
        playbook_id=_number(chosen["playbook"]),
        account_id=_number(chosen["account"]),
        before=_number(request.GET.get("before", "")),
    )
    mails = list(rows[: PAGE + 1])
    more = len(mails) > PAGE
    mails = mails[:PAGE]
    query = {name: value for name, value in chosen.items() if value}
    context = {
        "mails": mails,
        "filters": _filters(request, query),
        "clear_url": reverse("outreach-list") if query else "",
        "next_url": f"{reverse('outreach-list')}?{urlencode({**query, 'before': mails[-1].pk})}"
        if more
        else None,
        "tabs": success_tabs("outreach-list"),
        "is_on": is_outreach_on(),
        "may_manage": request.viewer.can("success.manage"),
    }
    if request.headers.get("HX-Request") and request.GET.get("before"):
        return render(request, "success/_outreach_rows.html", {**context, "oob": True})
    return render(request, "success/outreach_list.html", context)


@page("success.view")
@require_GET
def outreach_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """Show one mail with its text and every verdict."""
    mail = get_object_or_404(outreach_log(request.viewer), pk=pk)
    return render(
        request,
        "success/outreach_detail.html",
        {"mail": mail, "gate_labels": dict(GATES), "tabs": success_tabs("outreach-list")},
    )


@page("success.manage")
def outreach_limits(request: StaffRequest) -> HttpResponse:
    """Show and change the switch, the caps and the hours."""
    policy = current_policy()
    fields = (
        "contact_per_day",
        "contact_per_week",
        "contact_per_month",
        "account_per_week",
        "opens",
        "closes",
    )
    initial = {"is_on": is_outreach_on(), **{name: getattr(policy, name) for name in fields}}
    form = LimitsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        save_limits(
            values={
                **{name: values[name] for name in fields[:4]},
                "opens": values["opens"].strftime("%H:%M"),
                "closes": values["closes"].strftime("%H:%M"),
            },
            is_on=values["is_on"],
            by=request.viewer,
        )
        messages.success(request, _("Saved."))
        return redirect("outreach-list")
    status = 422 if form.is_bound else 200
    context = {"form": form, "tabs": success_tabs("outreach-list")}
    return render(request, "success/outreach_limits.html", context, status=status)


def _filters(request: StaffRequest, query: dict[str, str]) -> list[dict[str, Any]]:
    """Return the filter bar: one entry per filter, each choice a link."""
    playbooks = [(str(pk), name) for pk, name in Playbook.objects.order_by("name").values_list("pk", "name")]
    known: list[tuple[str, str, list[tuple[str, Any]]]] = [
        ("state", _("State"), list(Outreach.State.choices)),
        ("gate", _("Gate"), [(gate.value, label) for gate, label in GATES]),
        ("playbook", _("Playbook"), playbooks),
    ]
    bar = []
    for name, label, choices in known:
        value = query.get(name, "")
        others = {key: text for key, text in query.items() if key != name}
        bar.append(
            {
                "label": label,
                "value": dict(choices).get(value, _("any")),
                "remove_url": f"?{urlencode(others)}" if value else "",
                "options": [
                    {"label": text, "url": f"?{urlencode({**others, name: key})}", "selected": key == value}
                    for key, text in choices
                ],
            }
        )
    if account := query.get("account"):
        others = {key: text for key, text in query.items() if key != "account"}
        bar.append({"label": _("Account"), "value": f"#{account}", "remove_url": f"?{urlencode(others)}"})
    return bar


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
