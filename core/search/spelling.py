"""Misspelt words: what the index holds that looks like them."""

from dataclasses import replace

from core.search.backend import backend
from core.search.language import Query, Term

SHORTEST = 4


def corrected(query: Query) -> Query | None:
    """Return the query with each word that hardly occurs replaced by the most common word close to it; None without one.

    Quoted phrases and words with digits are meant as they are.
    """
    terms = tuple(_corrected(term) for term in query.terms)
    return None if terms == query.terms else replace(query, terms=terms)


def _corrected(term: Term) -> Term:
    word = term.words[0]
    if term.negated or len(term.words) > 1 or len(word) < SHORTEST or not word.isalpha():
        return term
    near = [
        (distance(word, other), -count, other)
        for other, count in backend().similar_words(word)
        if other != word and abs(len(other) - len(word)) <= 2
    ]
    allowed = 1 if len(word) < 7 else 2
    close = sorted(one for one in near if one[0] <= allowed)
    return replace(term, words=(close[0][2],), prefix=False) if close else term


def distance(one: str, other: str, at_most: int = 3) -> int:
    """Return how many letters are added, left out, changed or swapped with their neighbour between two words."""
    if abs(len(one) - len(other)) > at_most:
        return at_most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before = before, row
        row = [i]
        for j, opposite in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != opposite))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == opposite:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
