"""Reads of integrations' pages and REST."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from core.events import event_type
from integrations.catalogue import PERMISSION_OF, TEST_TYPE, VERBS, WEBHOOK_SCOPES
from integrations.models import WebhookDelivery, WebhookEndpoint
from people.viewer import Viewer


def webhook_list(viewer: Viewer) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints a viewer may see, by name, with ``waiting`` (deliveries on their way)."""
    waiting = Count("deliveries", filter=Q(deliveries__state=WebhookDelivery.State.PENDING))
    rows = WebhookEndpoint.objects.visible_to(viewer).select_related("kept_by", "kept_by_key", "created_by")
    return rows.prefetch_related("teams").annotate(waiting=waiting).order_by("name")


def delivery_list(
    endpoint: WebhookEndpoint, *, state: str = "", type_name: str = ""
) -> QuerySet[WebhookDelivery]:
    """Return the log of an endpoint, newest first; raises ValidationError for a state or type that there is not."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).select_related("outbound", "endpoint")
    if state:
        if state not in WebhookDelivery.State.values:
            known = ", ".join(WebhookDelivery.State.values)
            raise ValidationError({"state": _("Choose from: %s.") % known})
        rows = rows.filter(state=state)
    if type_name:
        if type_name not in VERBS | {TEST_TYPE}:
            raise ValidationError({"type": _("No event is called “%s”.") % type_name})
        rows = rows.filter(event_type=type_name)
    return rows.order_by("-pk")


def delivery_counts(endpoint: WebhookEndpoint) -> dict[str, int]:
    """Return how many deliveries of an endpoint there are in each state."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).order_by()
    return dict(rows.values_list("state").annotate(n=Count("pk")))


def event_rows() -> list[dict[str, Any]]:
    """Return every event that can be told with its sentence and the scopes of which one is needed, by verb."""
    rows = []
    for verb, permission in sorted(PERMISSION_OF.items()):
        declared = event_type(verb)
        scopes = [scope for scope, allowed in WEBHOOK_SCOPES.items() if permission in allowed]
        rows.append({"type": verb, "sentence": str(declared.sentence) if declared else "", "scopes": scopes})
    return rows
