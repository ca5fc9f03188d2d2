"""Cutting texts into words, in one way for index, queries and highlights, whatever the database.

A word is a run of letters and digits in lower case without accents ("Crème" and "creme" are the same); Chinese and
Japanese, which put no spaces, give one word per character.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_WORD = 64

_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A word with the stretch of the text it was read from."""

    word: str
    start: int
    end: int


def composed(text: str) -> str:
    """Return the text with each accented letter as one character; ``places`` are counted in this form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order."""
    if text.isascii():
        return [word[:LONGEST_WORD] for word in _ASCII_WORD.findall(text.lower())]
    return [place.word for place in places(text)]


def places(text: str) -> Iterator[Place]:
    """Yield the words of a text with their places in ``composed(text)``."""
    for match in _WORD.finditer(composed(text)):
        word = folded(match.group())
        if word:
            yield Place(word, match.start(), match.end())


def folded(word: str) -> str:
    """Return a word as it is indexed: lower case, without accents, at most 64 characters."""
    if word.isascii():
        return word.lower()[:LONGEST_WORD]
    plain = unicodedata.normalize("NFKD", word.casefold())
    # Once more: taking a letter apart can bring capitals out.
    return "".join(letter for letter in plain.casefold() if letter.isalnum())[:LONGEST_WORD]
