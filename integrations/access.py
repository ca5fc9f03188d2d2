"""What an endpoint may be told: its scopes, within what its keeper may see at that moment.

An endpoint belongs to nobody's teams: tickets of private teams are told only to one that was saved with all of them.
"""

from django.utils import timezone

from integrations.catalogue import permissions_of
from integrations.models import WebhookEndpoint
from people.roles import PERMISSIONS
from people.viewer import Viewer
from tickets.webhook_keys import former_signing_keys, signing_key

ALL_TEAMS = "tickets.all_teams"


def rights_asked_for(scopes: list[str], includes_private_teams: bool) -> frozenset[str]:
    """Return the permissions that an endpoint with these settings is told by."""
    asked = permissions_of(scopes)
    return asked if includes_private_teams else asked - {ALL_TEAMS}


def endpoint_viewer(endpoint: WebhookEndpoint) -> Viewer | None:
    """Return the endpoint as a viewer; None when nobody who may set webhooks up keeps it any more."""
    held: frozenset[str] = frozenset()
    if endpoint.kept_by is not None:
        # Its teams do not matter, so they need not be read.
        held = PERMISSIONS[endpoint.kept_by.role] if endpoint.kept_by.is_active else held
    elif endpoint.kept_by_key is not None:
        held = endpoint.kept_by_key.as_viewer().permissions
    if "integrations.manage" not in held:
        return None
    asked = rights_asked_for(endpoint.scopes, endpoint.includes_private_teams)
    return Viewer(kind="webhook", permissions=asked & held, source="webhook")


def signing_keys(endpoint: WebhookEndpoint) -> list[bytes]:
    """Return the keys that sign for an endpoint: that of today, of the secret being replaced, of a former installation secret."""
    tokens = [endpoint.signing_token]
    if (
        endpoint.previous_token
        and endpoint.previous_valid_until
        and endpoint.previous_valid_until > timezone.now()
    ):
        tokens.append(endpoint.previous_token)
    today = [signing_key(token) for token in tokens]
    return today + [key for token in tokens for key in former_signing_keys(token)]
