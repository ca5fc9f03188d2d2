"""Why a text was found: the stretch of it that holds the words, with the words marked. Pages escape the pieces themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.search.language import Term
from core.search.words import Place, composed, places

AROUND = 60
LENGTH = 220


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; ``marked`` ones are what was searched for."""

    text: str
    marked: bool


def pieces(text: str, terms: Sequence[Term]) -> list[Piece]:
    """Cut a text into marked and plain stretches; together they are ``composed(text)``."""
    text = composed(text)
    cut: list[Piece] = []
    position = 0
    for start, end in _matches(text, terms):
        if start < position:
            continue
        if start > position:
            cut.append(Piece(text[position:start], False))
        cut.append(Piece(text[start:end], True))
        position = end
    if position < len(text):
        cut.append(Piece(text[position:], False))
    return cut


def snippet(text: str, terms: Sequence[Term], *, length: int = LENGTH) -> list[Piece]:
    """Return the stretch of a text around the first match, on one line, with its matches marked; its start without one."""
    text = " ".join(composed(text).split())
    if len(text) <= length:
        return pieces(text, terms)
    found = next(iter(_matches(text, terms)), None)
    start = 0 if found is None or found[1] < length - AROUND else max(0, found[0] - AROUND)
    if start:
        start = text.find(" ", start, start + AROUND) + 1 or start
    end = min(len(text), start + length)
    if end < len(text):
        space = text.rfind(" ", start + length - AROUND, end)
        end = space if space > 0 else end
    cut = pieces(text[start:end], terms)
    if start:
        cut.insert(0, Piece("… ", False))
    if end < len(text):
        cut.append(Piece(" …", False))
    return cut


def _matches(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Return where the wanted terms stand, in the order of their places."""
    words = list(places(text))
    found = {
        (words[first].start, words[first + len(term.words) - 1].end)
        for term in terms
        if not term.negated
        for first in range(len(words) - len(term.words) + 1)
        if _holds(words, first, term)
    }
    return sorted(found)


def _holds(words: Sequence[Place], first: int, term: Term) -> bool:
    """Whether a term stands at a place."""
    last = len(term.words) - 1
    for offset, wanted in enumerate(term.words):
        word = words[first + offset].word
        if word != wanted and not (term.prefix and offset == last and word.startswith(wanted)):
            return False
    return True
