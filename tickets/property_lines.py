"""Lines of a conversation about the properties of the ticket: icons, and the thing done to in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tickets.languages import language_name
from tickets.worked_minutes import write_minutes

PROPERTY_ICONS = {
    "tickets.type_changed": "forms",
    "tickets.tags_changed": "tag",
    "tickets.language_changed": "language",
    "tickets.fields_changed": "forms",
    "tickets.snoozed": "alarm-snooze",
    "tickets.woken": "alarm",
    "tickets.time_logged": "clock",
    "tickets.macro_applied": "bolt",
}
LONGEST = 160


def words_of_property(verb: str, detail: Mapping[str, Any]) -> str | None:
    """Return the end of a line about a property, None for other lines. Erased details leave it empty."""
    match verb:
        case "tickets.type_changed":
            return pgettext("changed the type", "to %s") % (detail.get("name") or _("none"))
        case "tickets.tags_changed":
            return _tags(detail)
        case "tickets.language_changed":
            code = str(detail.get("to") or "")
            return pgettext("changed the language", "to %s") % (language_name(code) if code else _("none"))
        case "tickets.fields_changed":
            return _fields(detail)
        case "tickets.snoozed":
            return pgettext("put the ticket aside", "until %s") % _moment(detail.get("until"))
        case "tickets.woken":
            return {
                "time": pgettext("woke the ticket", "at its time"),
                "customer_wrote": pgettext("woke the ticket", "by writing"),
            }.get(str(detail.get("reason")), "")
        case "tickets.time_logged":
            return _time(detail)
        case "tickets.macro_applied":
            return str(detail.get("name") or "")
    return None


def _tags(detail: Mapping[str, Any]) -> str:
    added = [f"+{name}" for name in detail.get("added", ())]
    return " ".join([*added, *(f"\u2212{name}" for name in detail.get("removed", ()))])[:LONGEST]


def _fields(detail: Mapping[str, Any]) -> str:
    changes = [one for one in detail.get("changes", ()) if isinstance(one, dict)]
    told = [
        f"{one.get('label')}: {one.get('words') or (_('empty') if one.get('to') is None else _('changed'))}"
        for one in changes
    ]
    return " · ".join(told)[:LONGEST]


def _moment(written: object) -> str:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return "?"
    return date_format(timezone.localtime(moment), "D j M, H:i")


def _time(detail: Mapping[str, Any]) -> str:
    minutes = write_minutes(int(detail.get("minutes") or 0))
    if detail.get("act") == "removed":
        return _("%s, taken back") % minutes
    return f"{minutes} {detail.get('note') or ''}".strip()[:LONGEST]
