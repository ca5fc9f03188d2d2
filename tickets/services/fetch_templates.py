"""Fetch the templates that a provider has approved for an inbox."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.outbox import PermanentFailure, TemporaryFailure
from people.viewer import Viewer, system_viewer
from tickets.channel import Template
from tickets.connections import channel_of, connection_of
from tickets.events import TEMPLATES_FETCHED
from tickets.models import ChannelTemplate, Inbox
from tickets.registry import channels

logger = logging.getLogger(__name__)


def fetch_templates(*, inbox: Inbox, by: Viewer) -> int:
    """Ask the provider for its templates and keep them; returns how many can be sent.

    Not in a transaction: it may take as long as the provider does. Raises ValidationError with the provider's words.
    """
    by.require("settings.manage")
    channel = channel_of(inbox)
    if not channel.capabilities.templates:
        raise ValidationError(_("This channel has no templates."))
    try:
        found = channel.fetch_templates(connection_of(inbox))
    except (PermanentFailure, TemporaryFailure) as error:
        raise ValidationError(str(error)) from error
    return _keep(inbox, found, by)


def fetch_all_templates(*, until: datetime | None = None) -> int:
    """Fetch those of every active inbox; one that cannot be asked stops no other. Returns how many were asked."""
    keys = [one.key for one in channels if one.capabilities.templates and one.settings is not None]
    asked = 0
    for inbox in Inbox.objects.filter(is_active=True, channel__in=keys).order_by("pk"):
        if until is not None and timezone.now() >= until:
            break
        asked += 1
        try:
            fetch_templates(inbox=inbox, by=system_viewer("task"))
        except ValidationError as error:
            logger.warning("the templates of inbox %s could not be fetched: %s", inbox.pk, error.messages)
    return asked


@transaction.atomic
def _keep(inbox: Inbox, found: Sequence[Template], by: Viewer) -> int:
    now = timezone.now()
    before = set(_told(inbox))
    for one in found:
        ChannelTemplate.objects.update_or_create(
            inbox=inbox,
            name=one.name[:512],
            language=one.language[:16],
            defaults={
                "body": one.body,
                "category": one.category[:40],
                "state": one.state[:40],
                "is_usable": one.is_approved and bool(one.body),
                "fetched_at": now,
            },
        )
    ChannelTemplate.objects.filter(inbox=inbox, fetched_at__lt=now).update(is_usable=False, state="gone")
    after = set(_told(inbox))
    usable = sum(one[-1] for one in after)
    if before != after:
        TEMPLATES_FETCHED.record(by=by, subject_id=inbox.pk, detail={"usable": usable, "known": len(after)})
    return usable


def _told(inbox: Inbox) -> list[tuple[str, str, str, bool]]:
    rows = ChannelTemplate.objects.filter(inbox=inbox)
    return list(rows.values_list("name", "language", "body", "is_usable"))
