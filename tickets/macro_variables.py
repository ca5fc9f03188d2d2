"""Variables in canned texts: ``{{contact.first_name}}``; ``{{contact.first_name|there}}`` has words for when there is no value.

No logic and no attributes: a name is looked up in a fixed list of values and replaced once. What is unknown or has no value
stays as it is written, so that its writer sees it before the customer does. What others are called or have written is shown as
it is and gives the text no form: no link, no emphasis, no mention (``tickets.rich_text.literal``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from people.models import User
from people.viewer import Viewer
from tickets.models import Ticket
from tickets.rich_text import code_of, literal, without_escapes

VARIABLE = re.compile(r"\{\{[ \t]*([A-Za-z0-9_.:-]{1,60})[ \t]*(?:\|([^{}\n]{0,200}))?\}\}")
# With the "@" before it, which a name would turn into a mention of whoever is called so.
_PLACE = re.compile(rf"(@?){VARIABLE.pattern}")
# Stand for the variables while the text around them is read.
_MARKER = "variable{}in0question"
_MARKED = re.compile(r"variable(\d{1,6})in0question")
# The person's own Markdown.
_OWN_WORDS = frozenset({"agent.signature"})
# Values come from customers: no line of theirs may pass for one of ours, nothing in them may be invisible.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Rendered:
    """A text with its variables replaced; ``unfilled`` names those that stayed, in their order, each once."""

    text: str
    unfilled: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The text as it reads, without what keeps values from having a form."""
        return without_escapes(self.text)


def _first_name(name: str) -> str:
    return name.split()[0] if name.split() else ""


def _contact(ticket: Ticket) -> str:
    return ticket.contact.name if ticket.contact else ""


def _signature(ticket: Ticket, agent: User | None) -> str:
    own = "" if agent is None else str(agent.preferences.get("signature", ""))
    return own or (ticket.inbox.signature if ticket.inbox else "") or ("" if agent is None else agent.name)


_Value = Callable[[Ticket, User | None], str]
# name → (what it is, value). Several lines are allowed in the signature only.
VARIABLES: Mapping[str, tuple[str | Promise, _Value]] = {
    "contact.first_name": (_("first name of the customer's person"), lambda t, _a: _first_name(_contact(t))),
    "contact.name": (_("name of the customer's person"), lambda t, _a: _contact(t)),
    "contact.email": (_("address of the customer's person"), lambda t, _a: t.contact.email or ""),
    "account.name": (_("the customer"), lambda t, _a: t.account.name if t.account else ""),
    "ticket.reference": (_("the reference that customers see"), lambda t, _a: t.reference),
    "ticket.subject": (_("subject"), lambda t, _a: t.subject),
    "ticket.status": (_("status as customers see it"), lambda t, _a: t.status.customer_label),
    "agent.name": (_("your name"), lambda _t, a: a.name if a else ""),
    "agent.first_name": (_("your first name"), lambda _t, a: _first_name(a.name) if a else ""),
    "agent.signature": (_("your signature, or the inbox's; mails carry it by themselves"), _signature),
    "team.name": (_("the ticket's team"), lambda t, _a: t.team.name if t.team else ""),
    "inbox.name": (
        _("the sender's name of the inbox"),
        lambda t, _a: (t.inbox.from_name or t.inbox.name) if t.inbox else "",
    ),
    "inbox.address": (_("the address of the inbox"), lambda t, _a: t.inbox.address if t.inbox else ""),
}


def values_for(ticket: Ticket, by: Viewer) -> dict[str, str]:
    """Return the value of every variable for a ticket and the person who writes; one query for the person."""
    agent = User.objects.filter(pk=by.user_id).first() if by.user_id is not None else None
    return values_of(ticket, agent)


def values_of(ticket: Ticket, agent: User | None) -> dict[str, str]:
    """Return the value of every variable for a ticket and the person whose words these are; None for nobody's."""
    values = {name: value(ticket, agent) for name, (_label, value) in VARIABLES.items()}
    return {
        name: value.strip() if name == "agent.signature" else _UNSEEN.sub(" ", value).strip()
        for name, value in values.items()
    }


def render(text: str, values: Mapping[str, str]) -> Rendered:
    """Replace the variables of a text, which is read as Markdown afterwards. Never raises; a value is never looked at again, so
    a name cannot smuggle one in, and forms nothing, except the person's own signature."""
    unfilled: dict[str, None] = {}

    def filled(place: Callable[[int, str, str], str]) -> str:
        numbers = count()

        def replaced(match: re.Match[str]) -> str:
            number, at, name, default = next(numbers), match.group(1), match.group(2), match.group(3)
            value = values.get(name)
            if value and name in _OWN_WORDS:
                return ("\\@" if at else "") + value
            if value:
                return place(number, at, value)
            if default is not None and name in values:
                return at + default.strip()
            unfilled[name] = None
            return match.group(0)

        return _PLACE.sub(replaced, text)

    in_code = _in_code(filled(lambda number, _at, _value: _MARKER.format(number)))
    shown = filled(lambda number, at, value: _placed(at, value, number in in_code))
    return Rendered(shown, tuple(unfilled))


def _in_code(marked: str) -> set[int]:
    """The numbers of the markers that stand in code; the text is read once, and not at all when it has none."""
    if "`" not in marked and "~~~" not in marked:
        return set()
    return {int(number) for number in _MARKED.findall(code_of(marked))}


def _placed(at: str, value: str, in_code: bool) -> str:
    """A value in its place: an "@" before it names nobody, and in code, where nothing has a form, it stands as it is, unless it
    could end the code."""
    if in_code and not set("`~@") & {at, *value}:
        return value
    return ("\\@" if at else "") + literal(value)


def render_plain(text: str, values: Mapping[str, str]) -> str:
    """A plain text with its variables replaced, for a reader whom nobody stands before: what has no value is left out."""
    rendered = render(text, values)
    if not rendered.unfilled:
        return rendered.plain.strip()
    lines = (
        VARIABLE.sub("", line).rstrip() if VARIABLE.search(line) else line
        for line in rendered.plain.split("\n")
    )
    return "\n".join(lines).strip()


def unknown_variables(text: str) -> list[str]:
    """Return the names in a text that no variable has, each once."""
    return list(dict.fromkeys(name for name, _default in VARIABLE.findall(text) if name not in VARIABLES))
