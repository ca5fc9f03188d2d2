"""Settings: webhooks. Secrets are shown once, in the answer that makes them."""

import json
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core import formatting
from core.pages.forms import FormPage, ListItem, ListPage, PostButton, done, form_page, list_page, submitted
from core.pages.querystring import with_query
from integrations.access import endpoint_viewer
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.pages.forms import ReplayForm, WebhookForm
from integrations.payload import NotVisible, body_of
from integrations.selectors import delivery_counts, delivery_list, event_rows, webhook_list
from integrations.services.replay_deliveries import replay_delivery, replay_failed
from integrations.services.save_webhook import delete_webhook, rotate_webhook_secret, save_webhook, secret_of
from integrations.services.switch_webhook import switch_webhook
from integrations.services.try_webhook import try_webhook
from people.requests import StaffRequest, is_partial, page
from people.viewer import Viewer

SHOWN = 50


@page("integrations.manage")
def webhooks(request: StaffRequest) -> HttpResponse:
    """List the endpoints with how they stand."""
    items = [
        ListItem(
            name=endpoint.name,
            url=reverse("settings-webhook", args=[endpoint.pk]),
            sub=f"{endpoint.host} · {', '.join(endpoint.patterns)}",
            chips=[state_of(endpoint)],
            right=_waiting(endpoint),
        )
        for endpoint in webhook_list(request.viewer)
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Webhooks"),
            lead=_(
                "Other systems are told what happens here, signed, in order, and again until they have it."
            ),
            new_url=reverse("settings-webhook-new"),
            new_label=_("New webhook"),
            empty_title=_("Tell another system what happens"),
            empty_text=_("Each event is posted to an address of yours within seconds."),
            icon="send",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("integrations.manage")
def webhook_new(request: StaffRequest) -> HttpResponse:
    """Add an endpoint and show its secret, this once."""
    initial = {"patterns": "tickets.*", "scopes": ["tickets:read"]}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and (made := submitted(form, save_webhook, by=request.viewer)):
        return _show_secret(request, made, secret_of(made))
    frame = FormPage(
        heading=_("New webhook"), back_url=reverse("settings-webhooks"), save_label=_("Create webhook")
    )
    return form_page(request, form, frame, template="integrations/webhook.html", events=event_rows())


@require_http_methods(["GET", "POST"])
@page("integrations.manage")
def webhook_form(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Change an endpoint; everything that can be done with it starts here."""
    endpoint = _endpoint(request, webhook_id)
    form = WebhookForm(request.POST or None, initial=WebhookForm.initial_of(endpoint))
    if (
        request.method == "POST"
        and submitted(form, save_webhook, endpoint=endpoint, by=request.viewer) is not None
    ):
        return done(request, _("Webhook saved."), "settings-webhooks")
    frame = FormPage(
        heading=endpoint.name,
        back_url=reverse("settings-webhooks"),
        facts=_facts(endpoint),
        buttons=_buttons(endpoint),
    )
    context = {"endpoint": endpoint, "events": event_rows()}
    return form_page(request, form, frame, template="integrations/webhook.html", **context)


@require_POST
@page("integrations.manage")
def webhook_switch(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Switch an endpoint to the other state."""
    endpoint = _endpoint(request, webhook_id)
    is_active = not endpoint.is_active
    switch_webhook(endpoint=endpoint, is_active=is_active, by=request.viewer)
    text = _("The webhook is on.") if is_active else _("The webhook is off; what waits is not sent.")
    return done(request, text, reverse("settings-webhook", args=[webhook_id]))


@require_POST
@page("integrations.manage")
def webhook_secret(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Replace the secret and show the new one, this once."""
    endpoint = _endpoint(request, webhook_id)
    secret = rotate_webhook_secret(endpoint=endpoint, by=request.viewer)
    endpoint.refresh_from_db()
    return _show_secret(request, endpoint, secret)


@require_POST
@page("integrations.manage")
def webhook_test(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Send a test event and show what comes of it."""
    delivery = try_webhook(endpoint=_endpoint(request, webhook_id), by=request.viewer)
    return redirect("settings-webhook-delivery", webhook_id, delivery.pk)


@require_POST
@page("integrations.manage")
def webhook_delete(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Delete an endpoint with its log."""
    delete_webhook(endpoint=_endpoint(request, webhook_id), by=request.viewer)
    return done(request, _("Webhook deleted."), "settings-webhooks")


@page("integrations.manage")
def webhook_log(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """List the deliveries of an endpoint by state; htmx gets the list alone."""
    return _log(request, _endpoint(request, webhook_id), ReplayForm(initial={"since": _a_day_ago()}))


@require_POST
@page("integrations.manage")
def webhook_replay(request: StaffRequest, webhook_id: int) -> HttpResponse:
    """Send again what has failed since a moment."""
    endpoint = _endpoint(request, webhook_id)
    form = ReplayForm(request.POST)
    found = submitted(form, replay_failed, endpoint=endpoint, by=request.viewer)
    if found is None:
        return _log(request, endpoint, form)
    again, left = found
    text = ngettext("%(n)s event is sent again.", "%(n)s events are sent again.", again) % {"n": again}
    if left:
        text += " " + ngettext("%(n)s more has failed.", "%(n)s more have failed.", left) % {"n": left}
    return done(request, text, reverse("settings-webhook-log", args=[webhook_id]))


@page("integrations.manage")
def webhook_delivery(request: StaffRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """Show one delivery: what is sent and what the receiver said. Reads itself again while it is on its way."""
    delivery = _delivery(request, webhook_id, delivery_id)
    context = {
        "delivery": delivery,
        "facts": _delivery_facts(delivery),
        "tone": _TONES[delivery.state],
        "is_waiting": delivery.state == WebhookDelivery.State.PENDING,
        "may_replay": not delivery.is_test
        and delivery.endpoint.is_active
        and delivery.state != WebhookDelivery.State.PENDING,
    }
    if is_partial(request):
        return render(request, "integrations/_delivery.html", context)
    return render(request, "integrations/delivery.html", {**context, "body": _body(delivery)})


@require_POST
@page("integrations.manage")
def delivery_replay(request: StaffRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """Send one delivery again."""
    delivery = _delivery(request, webhook_id, delivery_id)
    again = replay_delivery(delivery=delivery, by=request.viewer)
    text = _("It is being sent again.") if again else _("It is on its way already.")
    return done(request, text, reverse("settings-webhook-delivery", args=[webhook_id, delivery_id]))


def state_of(endpoint: WebhookEndpoint) -> tuple[str, str]:
    """Return the chip of an endpoint: text and tone."""
    if not endpoint.is_active:
        return (_("Switched off"), "bad" if endpoint.disabled_reason else "")
    if endpoint.failing_since is not None:
        return (_("Failing"), "warn")
    return (_("On"), "good")


_TONES: dict[str, str] = {
    WebhookDelivery.State.PENDING: "",
    WebhookDelivery.State.DELIVERED: "good",
    WebhookDelivery.State.FAILED: "bad",
    WebhookDelivery.State.WITHHELD: "warn",
}


def _log(request: StaffRequest, endpoint: WebhookEndpoint, form: ReplayForm) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in WebhookDelivery.State.values else ""
    rows = delivery_list(endpoint, state=state)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: SHOWN + 1])
    counts = delivery_counts(endpoint)
    tabs = [
        {
            "label": label,
            "url": with_query(request, state=value),
            "current": state == value,
            "count": counts.get(value, 0) if value else sum(counts.values()),
        }
        for value, label in [("", _("All")), *WebhookDelivery.State.choices]
    ]
    context = {
        "endpoint": endpoint,
        "rows": [{"row": row, "tone": _TONES[row.state]} for row in shown[:SHOWN]],
        "tabs": tabs,
        "state": state,
        "form": form,
        "failed": counts.get("failed", 0) + counts.get("withheld", 0),
        "next_url": f"{with_query(request)}&before={shown[SHOWN - 1].pk}" if len(shown) > SHOWN else "",
    }
    template = "integrations/_webhook_log.html" if is_partial(request) else "integrations/webhook_log.html"
    return render(request, template, context, status=422 if form.is_bound else 200)


def _a_day_ago() -> datetime:
    return timezone.localtime(timezone.now() - timedelta(days=1))


def _waiting(endpoint: WebhookEndpoint) -> str:
    count: int = endpoint.waiting  # type: ignore[attr-defined]
    return ngettext("%(n)s waiting", "%(n)s waiting", count) % {"n": count} if count else ""


def _facts(endpoint: WebhookEndpoint) -> list[tuple[str, str]]:
    keeper = endpoint.kept_by or endpoint.kept_by_key
    facts = [
        (_("State"), state_of(endpoint)[0]),
        (_("Kept by"), str(keeper) if keeper else _("nobody")),
        (_("Last accepted"), _moment(endpoint.last_delivered_at)),
    ]
    if endpoint.failing_since is not None:
        facts.append((_("Failing since"), _moment(endpoint.failing_since)))
    if endpoint.waits_until is not None:
        facts.append((_("Next attempt"), _moment(endpoint.waits_until)))
    if endpoint.previous_valid_until is not None and endpoint.previous_valid_until > timezone.now():
        facts.append((_("The secret before is valid until"), _moment(endpoint.previous_valid_until)))
    return facts


def _buttons(endpoint: WebhookEndpoint) -> list[PostButton]:
    def button(label: str, name: str, confirm: str = "") -> PostButton:
        return PostButton(label, reverse(f"settings-webhook-{name}", args=[endpoint.pk]), confirm)

    if endpoint.is_active:
        switch = button(
            _("Switch off"), "switch", _("What waits is not sent, and what happens meanwhile is not told.")
        )
    else:
        switch = button(_("Switch on"), "switch")
    return [
        button(_("Send a test event"), "test"),
        switch,
        button(
            _("Replace the secret"),
            "secret",
            _("The new one is shown once. For a day everything is signed with both, so nothing is missed."),
        ),
        button(_("Delete"), "delete", _("Its log is deleted too, and what waits is not sent.")),
    ]


def _delivery_facts(delivery: WebhookDelivery) -> list[tuple[str, str, str]]:
    status = str(delivery.status_code or _("none"))
    took = _("%d ms") % delivery.duration_ms if delivery.duration_ms is not None else ""
    facts = [
        (_("Identifier"), delivery.message_id, ""),
        (_("Attempts"), str(delivery.attempts), ""),
        (_("Answer"), status if delivery.attempts else "–", took),
        (_("Last attempt"), _moment(delivery.last_attempt_at), ""),
    ]
    if delivery.next_attempt_at is not None:
        facts.append((_("Next attempt"), _moment(delivery.next_attempt_at), ""))
    return facts


def _body(delivery: WebhookDelivery) -> str:
    """What would be sent now, laid out for reading; "" when the endpoint may not be told of it any more."""
    viewer = endpoint_viewer(delivery.endpoint)
    if delivery.is_test:
        viewer = Viewer(kind="webhook")
    if viewer is None:
        return ""
    try:
        return json.dumps(json.loads(body_of(delivery, viewer)), indent=2, ensure_ascii=False)
    except NotVisible:
        return ""


def _moment(moment: datetime | None) -> str:
    return formatting.absolute(moment)


def _show_secret(request: StaffRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    return render(request, "integrations/webhook_secret.html", {"endpoint": endpoint, "secret": secret})


def _endpoint(request: StaffRequest, webhook_id: int) -> WebhookEndpoint:
    return get_object_or_404(webhook_list(request.viewer), pk=webhook_id)


def _delivery(request: StaffRequest, webhook_id: int, delivery_id: int) -> WebhookDelivery:
    rows = delivery_list(_endpoint(request, webhook_id))
    return get_object_or_404(
        rows.select_related("event__detail", "event__position", "endpoint__kept_by", "endpoint__kept_by_key"),
        pk=delivery_id,
    )
