"""Plan what endpoints are told of new events, and write it down for sending."""

from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from core.models import Event
from core.outbox import enqueue_outbound
from customers.models import Account
from integrations.access import endpoint_viewer
from integrations.catalogue import PERMISSION_OF, wanted_verbs
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.services.switch_webhook import disable_webhook
from people.viewer import Viewer
from tickets.models import Ticket

WEBHOOK_KIND = "integrations.webhook"


def plan_deliveries(*, events: Sequence[Event]) -> int:
    """Write one delivery with its row of the outbox for each event that an active endpoint wants and may see; returns how many.

    Runs in the caller's transaction. An event that is planned again finds its row by the key. An endpoint that nobody keeps any
    more is switched off.
    """
    endpoints = list(
        WebhookEndpoint.objects.filter(is_active=True)
        .select_related("kept_by", "kept_by_key")
        .prefetch_related("teams")
    )
    if not endpoints:
        return 0
    tickets = Ticket.objects.in_bulk({event.ticket_id for event in events if event.ticket_id is not None})
    tiers = dict(
        Account.objects.filter(
            pk__in={event.account_id for event in events if event.account_id is not None}
        ).values_list("pk", "tier")
    )
    planned = 0
    for endpoint in endpoints:
        viewer = endpoint_viewer(endpoint)
        if viewer is None:
            disable_webhook(
                endpoint=endpoint, reason=_("Nobody keeps it: who set it up has left or may not any more.")
            )
            continue
        wanted = wanted_verbs(endpoint.patterns)
        found = [
            event
            for event in events
            if event.verb in wanted
            and event.recorded_at >= endpoint.active_since
            and viewer.can(PERMISSION_OF[event.verb])
            and _passes(endpoint, event, tickets.get(event.ticket_id or 0), tiers)
        ]
        planned += _write(endpoint, _seen(found, viewer))
    return planned


def _passes(endpoint: WebhookEndpoint, event: Event, ticket: Ticket | None, tiers: dict[int, str]) -> bool:
    """Whether the filters of an endpoint let an event through."""
    if endpoint.tiers and tiers.get(event.account_id or 0) not in endpoint.tiers:
        return False
    if endpoint.channels and (ticket is None or ticket.channel not in endpoint.channels):
        return False
    team_ids = {team.pk for team in endpoint.teams.all()}
    return not team_ids or (ticket is not None and ticket.team_id in team_ids)


def _seen(events: Collection[Event], viewer: Viewer) -> list[Event]:
    """Those whose ticket, if they are about one, the viewer may see; one query."""
    ticket_ids = {event.ticket_id for event in events if event.ticket_id is not None}
    if not ticket_ids:
        return list(events)
    seen = set(Ticket.objects.visible_to(viewer).filter(pk__in=ticket_ids).values_list("pk", flat=True))
    return [
        event
        for event in events
        if event.ticket_id is None or event.ticket_id in seen or PERMISSION_OF[event.verb] != "tickets.view"
    ]


def _write(endpoint: WebhookEndpoint, events: Sequence[Event]) -> int:
    rows = []
    for event in events:
        message_id = f"evt_{event.pk}_{endpoint.pk}"
        outbound = enqueue_outbound(
            kind=WEBHOOK_KIND,
            idempotency_key=f"webhook:{message_id}",
            payload={"delivery": message_id},
            account_id=event.account_id,
            ticket_id=event.ticket_id,
            # While the receiver is down what is new waits behind what is older.
            not_before=endpoint.waits_until,
        )
        rows.append(
            WebhookDelivery(
                endpoint=endpoint,
                event=event,
                event_type=event.verb,
                message_id=message_id,
                outbound=outbound,
            )
        )
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
