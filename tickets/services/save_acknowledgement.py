"""Change the acknowledgement of an inbox; pause it when it writes too much, and let it go on."""

from dataclasses import asdict, replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer, system_viewer
from tickets.acknowledgements import CONFIG_KEY, MAX_TEXT, AcknowledgementRules, rules_of
from tickets.events import ACKNOWLEDGEMENT_PAUSED, ACKNOWLEDGEMENT_SAVED
from tickets.macro_variables import unknown_variables
from tickets.models import Inbox


@transaction.atomic
def save_acknowledgement(*, inbox: Inbox, is_on: bool, by: Viewer, text: str = "") -> AcknowledgementRules:
    """Store whether an inbox acknowledges, and in which words (empty: the usual). Raises ValidationError naming the field."""
    by.require("settings.manage")
    if len(text) > MAX_TEXT:
        raise ValidationError({"text": _("At most %d characters.") % MAX_TEXT})
    unknown = unknown_variables(text)
    if unknown:
        raise ValidationError({"text": _("There is no variable of this name: %s") % ", ".join(unknown)})
    row = Inbox.objects.select_for_update().get(pk=inbox.pk)
    if row.channel != "email":
        raise ValidationError(_("Only mail inboxes acknowledge."))
    return _store(row, replace(rules_of(row), is_on=is_on, text=text.strip()), by=by)


@transaction.atomic
def resume_acknowledgement(*, inbox: Inbox, by: Viewer) -> AcknowledgementRules:
    """Let an inbox acknowledge again after the breaker opened."""
    by.require("settings.manage")
    row = Inbox.objects.select_for_update().get(pk=inbox.pk)
    return _store(row, replace(rules_of(row), paused_at="", why=""), by=by)


@transaction.atomic
def pause_acknowledgement(*, inbox_id: int, why: str) -> None:
    """Open the breaker of an inbox, once, and have those who manage it told."""
    row = Inbox.objects.select_for_update().get(pk=inbox_id)
    rules = rules_of(row)
    if rules.paused_at:
        return
    by = system_viewer("mail")
    _write(row, replace(rules, paused_at=timezone.now().isoformat(), why=why))
    ACKNOWLEDGEMENT_PAUSED.record(by=by, subject_id=row.pk, detail={"why": why})


def _store(row: Inbox, rules: AcknowledgementRules, *, by: Viewer) -> AcknowledgementRules:
    before = rules_of(row)
    if rules != before:
        _write(row, rules)
        detail = {"before": asdict(before), "after": asdict(rules)}
        ACKNOWLEDGEMENT_SAVED.record(by=by, subject_id=row.pk, detail=detail)
    return rules


def _write(row: Inbox, rules: AcknowledgementRules) -> None:
    row.config = {**row.config, CONFIG_KEY: asdict(rules)}
    row.save(update_fields=["config"])
