"""The public pages behind the link in every outreach mail: say no at once, or choose topics.

The answer is the same for every token, so that the pages tell a stranger nothing.
"""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from customers.models import ConsentEvent
from customers.services.record_consent import record_consent
from people.viewer import contact_viewer
from success.gate_facts import consent_status
from success.services.withdraw_consent import withdraw_by_token
from success.topics import TOPICS
from success.unsubscribe_tokens import outreach_of, recipient_of


class TopicsForm(forms.Form):
    """What the contact wants to get."""

    topics = forms.MultipleChoiceField(
        label=gettext_lazy("Send me"), choices=TOPICS, widget=forms.CheckboxSelectMultiple, required=False
    )


# RFC 8058: mail programs post here without cookies, so there can be no CSRF token; the signed link is the proof.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button and changes nothing (scanners follow links); POST withdraws consent at once. Always 200."""
    done = request.method == "POST"
    if done:
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        withdraw_by_token(token=token, source="one-click" if one_click else "unsubscribe page")
    return render(request, "success/unsubscribe.html", {"token": token, "done": done})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def mail_topics(request: HttpRequest, token: str) -> HttpResponse:
    """Show and change the topics; without a token of ours the form is empty and changes nothing."""
    outreach = outreach_of(token)
    contact = recipient_of(outreach) if outreach else None
    granted = ConsentEvent.Status.GRANTED
    wanted = [
        topic
        for topic, _label in TOPICS
        if outreach and contact and consent_status(contact, outreach.channel, topic) == granted
    ]
    form = TopicsForm(request.POST if request.method == "POST" else None, initial={"topics": wanted})
    saved = request.method == "POST" and form.is_valid()
    if saved and outreach is not None and contact is not None:
        for topic, _label in TOPICS:
            chosen = topic in form.cleaned_data["topics"]
            if chosen or topic in wanted:
                record_consent(
                    contact=contact,
                    status=granted if chosen else ConsentEvent.Status.WITHDRAWN,
                    source="topics page",
                    basis="own choice",
                    channel=outreach.channel,
                    topic=topic,
                    by=contact_viewer(contact.pk, "page"),
                )
    return render(request, "success/mail_topics.html", {"token": token, "form": form, "saved": saved})
