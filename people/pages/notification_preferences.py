"""How one wants to be told: what, on which channel, when mails are sent."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.models import NotificationPreference
from core.notifications import DEFAULT_DIGEST_AT, channels_of, kinds_in_order
from core.pages.forms import done, submitted
from core.services.save_notification_preference import save_notification_preference
from people.requests import StaffRequest, page


class PreferenceForm(forms.Form):
    """The rhythm of mails and the quiet hours; the grid of channels is read beside it."""

    mail_mode = forms.ChoiceField(
        label=gettext_lazy("Mails are sent"),
        choices=NotificationPreference.MailMode.choices,
        widget=forms.RadioSelect,
    )
    digest_at = forms.TimeField(
        label=gettext_lazy("Daily mail at"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("Of what happened since the last one, when mails are sent once a day."),
    )
    quiet_from = forms.TimeField(
        label=gettext_lazy("Quiet from"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("Quiet until"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    quiet_weekend = forms.BooleanField(label=gettext_lazy("Quiet on Saturday and Sunday"), required=False)


@require_http_methods(["GET", "POST"])
@page()
def notification_preferences(request: StaffRequest) -> HttpResponse:
    """Show and change how one is told."""
    row = NotificationPreference.objects.filter(user_id=request.user.pk).first()
    kinds = [kind for kind in kinds_in_order() if not kind.permission or request.viewer.can(kind.permission)]
    form = PreferenceForm(request.POST or None, initial=_initial(row))
    sent = request.POST.getlist("channel") if request.method == "POST" else None
    if sent is not None:
        kept = {} if row is None else row.channels
        shown = {
            kind.key: {"app": f"app:{kind.key}" in sent, "mail": f"mail:{kind.key}" in sent} for kind in kinds
        }
        saved = submitted(
            form,
            save_notification_preference,
            user_id=request.user.pk,
            by=request.viewer,
            # What the person cannot be told at present keeps what was chosen before.
            channels={key: one for key, one in kept.items() if key in {k.key for k in kinds_in_order()}}
            | shown,
        )
        if saved is not None:
            return done(request, _("Saved. It holds from now on."), "notification-preferences")
    lines = []
    for kind in kinds:
        in_app, by_mail = channels_of(kind.key, row)
        if sent is not None:
            in_app, by_mail = kind.always or f"app:{kind.key}" in sent, f"mail:{kind.key}" in sent
        lines.append({"kind": kind, "group": str(kind.group), "app": in_app, "mail": by_mail})
    context = {"form": form, "lines": lines, "zone": request.user.timezone.replace("_", " ")}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "people/notification_preferences.html", context, status=status)


def _initial(row: NotificationPreference | None) -> dict[str, Any]:
    if row is None:
        return {"mail_mode": NotificationPreference.MailMode.SOON, "digest_at": DEFAULT_DIGEST_AT}
    return {
        "mail_mode": row.mail_mode,
        "digest_at": row.digest_at or DEFAULT_DIGEST_AT,
        "quiet_from": row.quiet_from,
        "quiet_until": row.quiet_until,
        "quiet_weekend": row.quiet_weekend,
    }
