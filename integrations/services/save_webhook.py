"""Create, change and delete endpoints of webhooks, and replace their secrets."""

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.guarded_http import RefusedAddress, check_url
from customers.models import Account
from integrations.access import ALL_TEAMS, rights_asked_for
from integrations.catalogue import EVERYTHING, PERMISSION_OF, WEBHOOK_SCOPES, permissions_of, verbs_of
from integrations.events import WEBHOOK_DELETED, WEBHOOK_SAVED, WEBHOOK_SECRET_ROTATED
from integrations.models import WebhookEndpoint
from people.models import Team
from people.viewer import Viewer
from tickets.webhook_keys import signing_secret

GRACE = timedelta(hours=24)
MOST_PATTERNS = 100
MOST_CHANNELS = 50


@transaction.atomic
def save_webhook(
    *,
    name: str,
    url: str,
    patterns: Collection[str],
    scopes: Collection[str],
    by: Viewer,
    description: str = "",
    includes_private_teams: bool = False,
    teams: Collection[Team] = (),
    tiers: Collection[str] = (),
    channels: Collection[str] = (),
    endpoint: WebhookEndpoint | None = None,
) -> WebhookEndpoint:
    """Save an endpoint, without ``endpoint`` a new one; who saves it keeps it from then on.

    Raises ValidationError naming the field: of an address that can never be called, patterns that name no event, or scopes that
    tell more than ``by`` may see.
    """
    by.require("integrations.manage")
    row = (
        WebhookEndpoint(signing_token=secrets.token_hex(32), created_by_id=by.user_id)
        if endpoint is None
        else WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    )
    if endpoint is not None:
        # What it is told already must not be led elsewhere by who may not see it.
        require_rights(row.scopes, row.includes_private_teams, by)
    scopes = _known("scopes", scopes, WEBHOOK_SCOPES)
    require_rights(scopes, includes_private_teams, by)
    old_url = row.url
    changes: dict[str, Any] = apply_changes(
        row,
        name=name.strip(),
        url=_callable(url.strip()),
        description=description.strip(),
        patterns=_patterns(patterns, scopes),
        scopes=scopes,
        includes_private_teams=includes_private_teams,
        tiers=_known("tiers", tiers, Account.Tier.values),
        channels=_channels(channels),
    )
    if "url" in changes:
        # An address may hold a secret: the log tells its host.
        changes["url"] = [urlsplit(old_url).hostname or "", row.host]
    row.kept_by_id, row.kept_by_key_id = by.user_id, by.api_key_id
    row.full_clean()
    row.save()
    before, after = sorted(row.teams.values_list("pk", flat=True)), sorted(team.pk for team in teams)
    if before != after:
        row.teams.set(teams)
        changes["teams"] = [before, after]
    if changes or endpoint is None:
        WEBHOOK_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def delete_webhook(*, endpoint: WebhookEndpoint, by: Viewer) -> None:
    """Delete an endpoint with its log; what waits for it is not sent."""
    by.require("integrations.manage")
    WEBHOOK_DELETED.record(
        by=by, subject_id=endpoint.pk, detail={"name": endpoint.name, "host": endpoint.host}
    )
    endpoint.delete()


@transaction.atomic
def rotate_webhook_secret(*, endpoint: WebhookEndpoint, by: Viewer) -> str:
    """Replace the secret and return the new one; the one before signs as well for GRACE."""
    by.require("integrations.manage")
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    require_rights(row.scopes, row.includes_private_teams, by)
    row.previous_token = row.signing_token
    row.previous_valid_until = timezone.now() + GRACE
    row.signing_token = secrets.token_hex(32)
    row.save(update_fields=["previous_token", "previous_valid_until", "signing_token", "updated_at"])
    WEBHOOK_SECRET_ROTATED.record(
        by=by, subject_id=row.pk, detail={"name": row.name, "previous_valid_until": row.previous_valid_until}
    )
    return secret_of(row)


def secret_of(endpoint: WebhookEndpoint) -> str:
    """Return the secret as the receiver enters it; shown when it is made, and never again."""
    return signing_secret(endpoint.signing_token)


def require_rights(scopes: Collection[str], includes_private_teams: bool, by: Viewer) -> None:
    """Raise ValidationError unless ``by`` may see all that an endpoint with these settings is told."""
    missing = rights_asked_for(list(scopes), includes_private_teams) - by.permissions
    if ALL_TEAMS in missing:
        raise ValidationError(
            {"includes_private_teams": _("You may not see the tickets of private teams yourself.")}
        )
    beyond = [scope for scope in scopes if WEBHOOK_SCOPES.get(scope, frozenset()) & missing]
    if beyond:
        raise ValidationError({"scopes": _("You may not see this yourself: %s.") % ", ".join(sorted(beyond))})


def _callable(url: str) -> str:
    try:
        check_url(url)
    except RefusedAddress as error:
        raise ValidationError({"url": _("This cannot be called: %s.") % error}) from error
    return url


def _known(field: str, wanted: Collection[str], known: Collection[str]) -> list[str]:
    if unknown := sorted(set(wanted) - set(known)):
        raise ValidationError(
            {field: _("There is no %(one)s. Choose from: %(known)s.") % {
                "one": f"“{unknown[0]}”", "known": ", ".join(known)
            }}
        )  # fmt: skip
    if field == "scopes" and not wanted:
        raise ValidationError({field: _("Choose what it may be told.")})
    return sorted(set(wanted))


def _patterns(patterns: Collection[str], scopes: Collection[str]) -> list[str]:
    found = sorted({pattern.strip() for pattern in patterns} - {""})
    if not found:
        raise ValidationError({"patterns": _("Name at least one event.")})
    if len(found) > MOST_PATTERNS:
        raise ValidationError({"patterns": _("At most %d patterns.") % MOST_PATTERNS})
    allowed = permissions_of(scopes)
    for pattern in found:
        verbs = verbs_of(pattern)
        if not verbs:
            raise ValidationError({"patterns": _("No event is called “%s”.") % pattern})
        if pattern != EVERYTHING and not any(PERMISSION_OF[verb] in allowed for verb in verbs):
            raise ValidationError({"patterns": _("“%s” needs another scope.") % pattern})
    return [EVERYTHING] if EVERYTHING in found else found


def _channels(channels: Collection[str]) -> list[str]:
    found = sorted({channel.strip().lower() for channel in channels} - {""})
    if len(found) > MOST_CHANNELS or any(len(channel) > 32 for channel in found):
        raise ValidationError({"channels": _("At most %d channels, each by its key.") % MOST_CHANNELS})
    return found
