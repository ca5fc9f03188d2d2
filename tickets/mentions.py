"""Mentions of colleagues in notes: ``@Priya Raman``, or ``@[Priya Raman](user:7)`` where a name alone is not enough."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from people.models import User
from people.roles import PERMISSIONS
from tickets.models import Ticket

_SEEING = sorted(role for role, held in PERMISSIONS.items() if "tickets.view" in held)
_SEEING_ALL = sorted(role for role, held in PERMISSIONS.items() if "tickets.all_teams" in held)
_TOKEN = re.compile(r"@\[([^\]\n]{1,120})\]\(user:(\d{1,12})\)", re.ASCII)
_TAG = re.compile(r"(<[^>]*>)")
# An address (anna@halden.example) mentions nobody, nor does an "@" whose meaning a backslash takes away.
_START = re.compile(r"(?<![\w@.+\\-])@(?=\w)")
MOST = 50


@dataclass(frozen=True)
class Mentioned:
    """A colleague named in a text: characters ``start`` to ``start + length``."""

    user_id: int
    start: int
    length: int


def people_who_see(ticket: Ticket) -> QuerySet[User]:
    """Return the active people who may see the ticket."""
    people = User.objects.filter(is_active=True, role__in=_SEEING)
    if ticket.team is None or not ticket.team.is_private:
        return people
    members = Q(memberships__team_id=ticket.team_id)
    return people.filter(Q(role__in=_SEEING_ALL) | Q(pk=ticket.assignee_id) | members).distinct()


def sees(user: User, team_ids: Collection[int], ticket: Ticket) -> bool:
    """Say the same of one person with its teams, without a query when the ticket's team is loaded."""
    if not user.is_active or user.role not in _SEEING:
        return False
    if ticket.team is None or not ticket.team.is_private or user.role in _SEEING_ALL:
        return True
    return ticket.assignee_id == user.pk or ticket.team_id in team_ids


def find_mentions(text: str, people: Sequence[User]) -> tuple[str, list[Mentioned]]:
    """Return the text with its tokens as plain ``@Name``, and who is mentioned where.

    A name counts in full, without regard to case, the longest that fits; a first name alone when only one of ``people`` has it.
    """
    by_id = {user.pk: user for user in people}
    names = _names(people)
    longest = sorted(names, key=len, reverse=True)
    plain, found, position = [], [], 0
    length = 0
    for match in _TOKEN.finditer(text):
        before = text[position : match.start()]
        found += _by_name(before, length, names, longest)
        user = by_id.get(int(match.group(2)))
        shown = f"@{user.name if user else match.group(1)}"
        plain += [before, shown]
        length += len(before)
        if user is not None:
            found.append(Mentioned(user.pk, length, len(shown)))
        length += len(shown)
        position = match.end()
    rest = text[position:]
    found += _by_name(rest, length, names, longest)
    return "".join([*plain, rest]), found[:MOST]


def _names(people: Iterable[User]) -> dict[str, int]:
    """Names in lower case with whom they mean; those that mean several are missing."""
    meant: dict[str, set[int]] = {}
    for user in people:
        for name in {user.name.lower(), user.name.lower().partition(" ")[0]} - {""}:
            meant.setdefault(name, set()).add(user.pk)
    return {name: next(iter(ids)) for name, ids in meant.items() if len(ids) == 1}


def _by_name(text: str, offset: int, names: dict[str, int], longest: Sequence[str]) -> list[Mentioned]:
    found = []
    lowered = text.lower()
    if len(lowered) != len(text):
        # A few letters grow when they become small: places would be wrong.
        lowered = text
    for match in _START.finditer(text):
        for name in longest:
            end = match.end() + len(name)
            if lowered.startswith(name, match.end()) and not _goes_on(text, end):
                found.append(Mentioned(names[name], offset + match.start(), len(name) + 1))
                break
    return found


def _goes_on(text: str, end: int) -> bool:
    return end < len(text) and (text[end].isalnum() or text[end] == "_")


def with_chips(html: str, names: Iterable[str]) -> SafeString:
    """Return clean HTML with the mentioned ``names`` ("@Priya Raman") as chips; what is inside of tags stays."""
    wanted = sorted({escape(name) for name in names if len(name) > 1}, key=len, reverse=True)
    if not wanted:
        return mark_safe(html)
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, wanted))})(?!\\w)", re.IGNORECASE)
    parts = [
        part if part.startswith("<") else pattern.sub(r'<span class="at">\g<0></span>', part)
        for part in _TAG.split(str(html))
    ]
    return mark_safe("".join(parts))
