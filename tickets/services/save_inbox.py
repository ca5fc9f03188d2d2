"""Create or change an inbox, and try its connection."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.models import Team
from people.viewer import Viewer
from tickets.channel import Channel, Trial
from tickets.connections import channel_of, connection_of, sealed, secrets_of
from tickets.events import INBOX_CONNECTED, INBOX_SAVED
from tickets.models import Inbox
from tickets.registry import channels

# Settings that are columns of their own, because lists and mails read them.
_COLUMNS = ("address", "from_name", "signature")


@transaction.atomic
def save_inbox(
    *,
    name: str,
    default_team: Team | None,
    by: Viewer,
    settings: Mapping[str, Any],
    channel: str = "email",
    is_active: bool = True,
    inbox: Inbox | None = None,
) -> Inbox:
    """Save an inbox; without ``inbox`` a new one of ``channel``. Raises ValidationError naming the field.

    ``settings`` are what the channel's form asks for. A secret that is left empty keeps the one that is stored. ``address`` is
    where answers come from; two active inboxes cannot share one. The name is also the drop folder's, so mails put into the
    folder of an old name wait there after a change. Secrets are in no event.
    """
    by.require("settings.manage")
    row = Inbox(channel=channel) if inbox is None else Inbox.objects.select_for_update().get(pk=inbox.pk)
    if row.channel not in channels or channel_of(row).settings is None:
        raise ValidationError({"channel": _("There is no such channel.")})
    part = channel_of(row)
    columns = {one: str(settings.get(one, getattr(row, one))).strip() for one in _COLUMNS}
    columns["address"] = columns["address"].lower()
    _refuse_shared_address(row, columns["address"], is_active)
    secrets = _secrets(part, row, settings)
    changes = apply_changes(
        row,
        **columns,
        name=name.strip(),
        config=row.config | part.clean_settings(_config(part, settings), secrets),
        default_team=default_team,
        is_active=is_active,
    )
    if secrets != secrets_of(row):
        row.sealed_secrets = sealed(secrets)
        changes["secrets"] = ["…", "…"]
    row.full_clean()
    row.save()
    if changes or inbox is None:
        INBOX_SAVED.record(by=by, subject_id=row.pk, detail=json.loads(json.dumps(changes, default=str)))
    return row


def try_inbox(*, channel: str, settings: Mapping[str, Any], by: Viewer, inbox: Inbox | None = None) -> Trial:
    """Ask the provider whether these settings work, without saving them. Raises ValidationError naming the field.

    Not in a transaction: it may take 15 seconds.
    """
    by.require("settings.manage")
    row = Inbox(channel=channel) if inbox is None else inbox
    part = channel_of(row)
    secrets = _secrets(part, row, settings)
    config = row.config | part.clean_settings(_config(part, settings), secrets)
    saved = connection_of(row)
    return part.try_connection(dataclasses.replace(saved, config=config, secrets=secrets))


def connect_inbox(*, inbox: Inbox, by: Viewer) -> Trial:
    """Have the provider of an inbox call our address; what came of it, in words. Raises ValidationError where that is done at
    the provider alone. Not in a transaction: it may take 15 seconds."""
    by.require("settings.manage")
    part = channel_of(inbox)
    if not part.is_hooked or type(part).connect_hook is Channel.connect_hook:
        raise ValidationError(_("This is done at the provider."))
    trial = part.connect_hook(connection_of(inbox))
    if trial.works:
        INBOX_CONNECTED.record(by=by, subject_id=inbox.pk)
    return trial


def _config(part: Channel, settings: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in settings.items():
        if name not in _COLUMNS and name not in part.secrets:
            kept[name] = getattr(value, "pk", value)
    return kept


def _secrets(part: Channel, row: Inbox, settings: Mapping[str, Any]) -> dict[str, str]:
    known = secrets_of(row)
    typed = {name: str(settings.get(name) or "") for name in part.secrets}
    return {name: value or known.get(name, "") for name, value in typed.items() if value or known.get(name)}


def _refuse_shared_address(row: Inbox, address: str, is_active: bool) -> None:
    others = Inbox.objects.filter(address__iexact=address, is_active=True).exclude(pk=row.pk)
    if address and is_active and others.exists():
        raise ValidationError({"address": _("Another inbox uses this address.")})
