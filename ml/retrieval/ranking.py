"""Scores of texts by their words, and the mix of several scores into one order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ml.metrics import Floats

# BM25 as in Robertson & Zaragoza 2009, with the usual constants.
_K1 = 1.2
_B = 0.75
_WORD = re.compile(r"\w+")


def bm25_scores(questions: Sequence[str], documents: Sequence[str]) -> Floats:
    """BM25 of every question over every document: ``(questions, documents)``, 0 where no word is shared."""
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer

    cutter = CountVectorizer(analyzer=lambda text: _WORD.findall(text.lower()))
    counts = cutter.fit_transform(documents).astype(float).tocsr()
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    in_documents = np.asarray((counts > 0).sum(axis=0)).ravel()
    rarity = np.log(1 + (len(documents) - in_documents + 0.5) / (in_documents + 0.5))
    entries = counts.tocoo()
    damped = _K1 * (1 - _B + _B * lengths[entries.row] / lengths.mean())
    weights = entries.data * (_K1 + 1) / (entries.data + damped) * rarity[entries.col]
    weighed = sparse.csr_matrix((weights, (entries.row, entries.col)), shape=counts.shape)
    asked = (cutter.transform(questions) > 0).astype(float)
    scores: Floats = (asked @ weighed.T).toarray()
    return scores


def tfidf_scores(questions: Sequence[str], documents: Sequence[str]) -> Floats:
    """Cosine of TF-IDF over character 3- to 5-grams within words, which forgives endings: ``(questions, documents)``."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    cutter = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    columns = cutter.fit_transform(documents)
    scores: Floats = (cutter.transform(questions) @ columns.T).toarray()
    return scores


def standardised(scores: Floats) -> Floats:
    """Each row with mean 0 and deviation 1, so that scores of different scales can be added."""
    spread = scores.std(axis=1, keepdims=True)
    result: Floats = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    return result


def mixed(scores: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighed sum of standardised scores of the same shape."""
    total: Floats = np.zeros_like(scores[0], dtype=float)
    for one, weight in zip(scores, weights, strict=True):
        if weight:
            total = total + weight * standardised(one)
    return total


def ranks_of(scores: Floats, wanted: Sequence[int]) -> Floats:
    """The rank, from 1, of the wanted column in each row; ties count against it."""
    held = scores[np.arange(len(scores)), np.asarray(wanted)]
    ranks: Floats = (scores >= held[:, None]).sum(axis=1).astype(float)
    return ranks
