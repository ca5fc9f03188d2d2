"""The language of the search field.

``refund "credit note" -draft invo* from:mette status:open``: words, phrases in quotes, a minus for what must not be there,
a star for any ending, and operators ``name:value`` (``name:"two words"``), which a minus turns around. Every text can be
read: what is no operator is searched for as words. ``#4711`` is short for ``number:4711``.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from core.search.words import words_of

LONGEST_QUERY = 300
MOST_PARTS = 20
SHORTEST_PREFIX = 3

_PART = re.compile(r'(?P<minus>-?)(?:(?P<name>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)(?:"|$)|(?P<bare>\S+))')
_NUMBER = re.compile(r"#(\d+)$")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand next to each other; with ``prefix`` the last may go on, with ``negated`` they must not be there."""

    words: tuple[str, ...]
    prefix: bool = False
    negated: bool = False

    def __str__(self) -> str:
        text = " ".join(self.words) + ("*" if self.prefix else "")
        return f"{'-' if self.negated else ''}" + (f'"{text}"' if len(self.words) > 1 else text)


@dataclass(frozen=True, slots=True)
class Operator:
    """``name:value`` for the app that searches."""

    name: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        return f'{"-" if self.negated else ""}{self.name}:"{self.value}"'


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed. ``unknown`` are names before a colon that are no operators; their text is searched for as words."""

    terms: tuple[Term, ...] = ()
    operators: tuple[Operator, ...] = ()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(part) for part in (*self.terms, *self.operators))

    @property
    def wanted(self) -> tuple[Term, ...]:
        """The terms that must be there."""
        return tuple(term for term in self.terms if not term.negated)

    @property
    def unwanted(self) -> tuple[Term, ...]:
        """The terms that must not be there."""
        return tuple(term for term in self.terms if term.negated)


def parse(text: str, *, operators: Collection[str], live: bool = False) -> Query:
    """Read a query; never fails. ``live``: the last word may still be being typed, so any ending will do."""
    terms: list[Term] = []
    found: list[Operator] = []
    unknown: list[str] = []
    text = text.replace("\x00", " ")[:LONGEST_QUERY]
    last: Term | None = None
    for match in list(_PART.finditer(text))[:MOST_PARTS]:
        last = None
        operator = _operator(match, operators, unknown)
        if operator is not None:
            found.append(operator)
            continue
        term = _term(match)
        if term is not None:
            terms.append(term)
            last = term if match["quoted"] is None else None
    if live and last is not None and not text[-1:].isspace() and _may_go_on(last):
        terms[-1] = replace(last, prefix=True)
    return Query(tuple(dict.fromkeys(terms)), tuple(dict.fromkeys(found)), tuple(dict.fromkeys(unknown)))


def _operator(match: re.Match[str], known: Collection[str], unknown: list[str]) -> Operator | None:
    negated = bool(match["minus"])
    if match["name"] is None:
        number = _NUMBER.match(match["bare"] or "")
        if number is None or "number" not in known:
            return None
        return Operator("number", number[1], negated)
    name = match["name"].lower()
    value = " ".join(
        (match["quoted"] if match["quoted"] is not None else match["bare"]).replace('"', " ").split()
    )
    if name in known:
        return Operator(name, value, negated) if value else None
    if value and not value.startswith("/"):  # addresses of web pages are words
        unknown.append(name)
    return None


def _term(match: re.Match[str]) -> Term | None:
    quoted = match["quoted"]
    text = quoted if quoted is not None else match["bare"]
    if match["name"] is not None:
        text = f"{match['name']} {text}"
    words = tuple(words_of(text))
    if not words:
        return None
    return Term(words, prefix=text.rstrip().endswith("*"), negated=bool(match["minus"]))


def _may_go_on(term: Term) -> bool:
    return not term.negated and len(term.words[-1]) >= SHORTEST_PREFIX
