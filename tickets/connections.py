"""Inboxes as their channels see them: settings with opened secrets, and the inbox behind the address a provider calls."""

import json
from collections.abc import Mapping

from django.conf import settings
from django.urls import reverse

from core.kept_rows import KeptRows
from core.secret_box import CannotOpen, seal, unseal
from people.models import Team
from tickets.channel import Channel, Connection
from tickets.models import Inbox
from tickets.registry import channels

PURPOSE = "inbox"


def connection_of(inbox: Inbox) -> Connection:
    """Return the connection of an inbox. Secrets that can no longer be opened are missing: they have to be entered again."""
    return Connection(inbox.pk, inbox.name, inbox.config, secrets_of(inbox), hook_url(inbox))


def channel_of(inbox: Inbox) -> Channel:
    """Return the channel of an inbox; raises LookupError for one that is no longer installed."""
    return channels.get(inbox.channel)


def secrets_of(inbox: Inbox) -> dict[str, str]:
    """Return the secrets of an inbox by the name of their field."""
    if not inbox.sealed_secrets:
        return {}
    try:
        opened: dict[str, str] = json.loads(unseal(inbox.sealed_secrets, purpose=PURPOSE))
    except CannotOpen:
        return {}
    return opened


def sealed(secrets: Mapping[str, str]) -> str:
    """Return secrets as an inbox stores them."""
    kept = {name: value for name, value in secrets.items() if value}
    return seal(json.dumps(kept), purpose=PURPOSE) if kept else ""


def hook_url(inbox: Inbox) -> str:
    """Return the public address that the provider of an inbox calls."""
    if not inbox.hook_key:
        return ""
    return f"{str(settings.SITE_URL).rstrip('/')}{reverse('channel-hook', args=[inbox.hook_key])}"


def hooked_inbox(key: str) -> Inbox | None:
    """Return the active inbox behind the last part of a hook address. No query while it is kept."""
    return _hooked.get().get(key)


def _read_hooked() -> dict[str, Inbox]:
    rows = Inbox.objects.filter(is_active=True).exclude(hook_key=None).select_related("default_team")
    return {str(row.hook_key): row for row in rows}


_hooked = KeptRows(_read_hooked, Inbox, Team)
