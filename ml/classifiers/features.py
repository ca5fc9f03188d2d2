"""Word and character n-gram features of support texts, and which of their terms a person can read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SIDES = ("word", "char")
MAX_CHARACTERS = 20_000
MANY_ROWS = 3_000
WORD_FEATURES = 60_000
CHAR_FEATURES = 60_000

_SPACES = re.compile(r"\s+")
_WORD = r"(?u)\b\w[\w'.-]*\w\b|\b\w\b"
# Function words say nothing to an agent; a term made only of them is never a reason.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
a about after again all also am an and any are as at be because been before being but by can could
did do does doing down for from further had has have having he her here hers him his how i if in
into is it its just me more most my no nor not now of off on once only or other our ours out over
own please same she should so some such than that the their theirs them then there these they this
those through to too under until up very was we were what when where which while who whom why will
with would you your yours hello hi dear regards thanks thank like want need know please still since
yet get got getting week day days help way
""",
    )
)


def prepare(text: str) -> str:
    """One line of lower-case text, cut at 20,000 characters."""
    return _SPACES.sub(" ", text[:MAX_CHARACTERS]).strip().lower()


def _vectorizer(name: str, **options: Any) -> Any:
    """An unfitted TF-IDF vectorizer: "word" = words and word pairs, "char" = 2 to 5 characters within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if name == "word":
        options |= {"ngram_range": (1, 2), "token_pattern": _WORD, "max_features": WORD_FEATURES}
    else:
        options |= {"ngram_range": (2, 5), "analyzer": "char_wb", "max_features": CHAR_FEATURES}
    return TfidfVectorizer(lowercase=False, sublinear_tf=True, **options)


def build_vectorizers(prepared: Sequence[str]) -> dict[str, Any]:
    """Vectorizers "word" and "char" fitted on prepared texts.

    A side that finds no feature at all (empty texts, only signs) gets the single feature "text", to keep its shape valid.
    """
    fitted = {}
    for name in SIDES:
        try:
            fitted[name] = _vectorizer(name, min_df=2 if len(prepared) > MANY_ROWS else 1).fit(prepared)
        except ValueError:  # "empty vocabulary"
            fitted[name] = restore_vectorizer(name, ["text"], np.ones(1))
    return fitted


def restore_vectorizer(name: str, terms: Sequence[str], idf: npt.NDArray[np.float64]) -> Any:
    """The fitted vectorizer whose features are ``terms`` in this order with these inverse document frequencies.

    Plain lists load far faster than a dump of the vectorizer, and cannot carry code.
    """
    vectorizer = _vectorizer(name, vocabulary=list(terms))
    vectorizer.idf_ = idf
    return vectorizer


def readable_terms(ranked: Iterable[tuple[str, float]], limit: int) -> list[tuple[str, float]]:
    """The first ``limit`` terms that tell an agent something, without one that another chosen term contains."""
    chosen: list[tuple[str, float]] = []
    for term, weight in ranked:
        words = term.split()
        informative = [
            word for word in words if len(word) > 1 and word not in _FUNCTION_WORDS and not word.isdigit()
        ]
        if not informative or words[0] in _FUNCTION_WORDS or words[-1] in _FUNCTION_WORDS:
            continue
        if any(set(words) & set(other.split()) for other, _ in chosen):
            continue
        chosen.append((term, weight))
        if len(chosen) == limit:
            break
    return chosen
