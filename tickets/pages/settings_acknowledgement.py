"""Settings: the automatic acknowledgement of a mail inbox."""

from datetime import datetime, timedelta

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from core import formatting
from core.models import Outbound
from core.pages.forms import FormPage, PostButton, done, form_page, submitted
from people.requests import StaffRequest, page
from tickets.acknowledgements import MAX_TEXT, SENDER_KIND, default_text, rules_of
from tickets.models import Inbox
from tickets.services.save_acknowledgement import resume_acknowledgement, save_acknowledgement


class AcknowledgementForm(forms.Form):
    """The switch and the words."""

    is_on = forms.BooleanField(
        label=gettext_lazy("Acknowledge mails that open a ticket"),
        required=False,
        help_text=gettext_lazy(
            "Never automatic mail, newsletters, lists or our own addresses; once for each ticket, and rarely for one address."
        ),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=MAX_TEXT,
        required=False,
        widget=forms.Textarea({"rows": 8}),
        help_text=gettext_lazy("Plain text with variables, as in macros. Empty: the usual words."),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def acknowledgement(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Show and change what an inbox answers by itself, how often it has, and whether it is paused."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel="email")
    rules = rules_of(inbox)
    here = reverse("settings-acknowledgement", args=[inbox.pk])
    form = AcknowledgementForm(
        request.POST or None, initial={"is_on": rules.is_on, "text": rules.text or default_text()}
    )
    if request.method == "POST":
        saved = submitted(form, save_acknowledgement, inbox=inbox, by=request.viewer)
        if saved is not None:
            return done(request, _("Acknowledgement saved."), here)
    sent = Outbound.objects.filter(
        kind=SENDER_KIND,
        payload__inbox=inbox.pk,
        state=Outbound.State.SENT,
        created_at__gt=timezone.now() - timedelta(days=30),
    )
    facts = [(_("Sent in 30 days"), formatting.plain(sent.count()))]
    buttons = []
    if rules.paused_at:
        since = formatting.absolute(datetime.fromisoformat(rules.paused_at))
        facts.append((_("Paused since"), f"{since}: {rules.why}"))
        url = reverse("settings-acknowledgement-resume", args=[inbox.pk])
        buttons.append(PostButton(_("Let it go on"), url))
    frame = FormPage(
        heading=_("Acknowledgement: %s") % inbox.name,
        lead=_("An automatic answer that says the mail has arrived."),
        back_url=reverse("settings-inbox", args=[inbox.pk]),
        facts=facts,
        buttons=buttons,
    )
    return form_page(request, form, frame)


@require_POST
@page("settings.manage")
def acknowledgement_resume(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """Let a paused inbox acknowledge again."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel="email")
    resume_acknowledgement(inbox=inbox, by=request.viewer)
    return done(request, _("It acknowledges again."), reverse("settings-acknowledgement", args=[inbox.pk]))
