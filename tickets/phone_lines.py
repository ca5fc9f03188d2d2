"""Whose phone rings: the lines of an inbox and the people behind them; and how a number is dialled from a page."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from core.kept_rows import KeptRows
from customers.phone_numbers import e164
from people.models import TeamMembership, User
from people.roles import PERMISSIONS
from tickets.models import Inbox

MOST_RUNG = 50
DIAL = "tel:{number}"


def people_at(inbox: Inbox, lines: Iterable[str]) -> list[int]:
    """Return the ids of the active people behind lines: a mail address, or what the inbox says whose line it is."""
    known = inbox.config.get("lines") or {}
    emails = {one.lower() if "@" in one else known.get(line_key(one), "").lower() for one in lines if one} - {
        ""
    }
    if not emails:
        return []
    found = User.objects.filter(is_active=True).values_list("pk", "email")
    return sorted(pk for pk, email in found if email.lower() in emails)


def people_free(inbox: Inbox) -> list[int]:
    """Return the ids of those who could answer: the available people of the inbox's team, without a team all."""
    answering = [role for role, held in PERMISSIONS.items() if "tickets.reply" in held]
    people = User.objects.filter(is_active=True, availability=User.Availability.AVAILABLE, role__in=answering)
    if inbox.default_team_id is not None:
        members = TeamMembership.objects.filter(team_id=inbox.default_team_id)
        people = people.filter(pk__in=members.values("user_id"))
    return list(people.order_by("pk").values_list("pk", flat=True)[:MOST_RUNG])


def line_key(line: str) -> str:
    """Return a line as the settings keep it: a number in its one form, an extension as it is."""
    return e164(line) if len(line) > 6 else line.strip()


def dial_url(number: str) -> str:
    """Return the address that calls a number, empty for none: ``tel:``, or what the telephone inbox says."""
    if not number.startswith("+"):
        return ""
    template = _dial.get() or DIAL
    return template.replace("{number}", number if template == DIAL else quote(number, safe=""))


def is_phone_connected() -> bool:
    """Say whether a telephone system tells of its calls. No query while it is kept."""
    return _dial.get() is not None


def _read_dial() -> str | None:
    """The template of the oldest active telephone inbox, None while there is none."""
    configs: Collection[Mapping[str, Any]] = (
        Inbox.objects.filter(is_active=True, channel="phone").order_by("pk").values_list("config", flat=True)
    )
    return next((str(config.get("dial_url") or DIAL) for config in configs if config.get("system")), None)


_dial = KeptRows(_read_dial, Inbox)
