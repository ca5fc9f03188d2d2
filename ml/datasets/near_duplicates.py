"""Texts that say almost the same: MinHash over sequences of five words finds them without comparing all with all.

A newsletter, an alert or a forwarded answer comes in many copies that differ in a name or a date. One of them among the rows
that measure a model, and another among those it learned from, is remembered and not understood.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

SHINGLE = 5
ALIKE = 0.9
# Sixteen bands of eight: two texts with a Jaccard similarity of 0.9 share one with a probability above 0.999.
BANDS, ROWS = 16, 8
# Of one bucket, each text is compared with so many before it: a bucket of thousands holds copies of the same few.
MOST_COMPARED = 50
_WORD = re.compile(r"\w+")
_ODD = np.uint64(0x9E3779B97F4A7C15)


def groups_of_near_duplicates(texts: Sequence[str]) -> list[int]:
    """For each text the index of the first one of its group; texts are alike whose sets of five-word sequences have a Jaccard
    similarity of at least 0.9, and groups are what that connects.

    A text of fewer words is one sequence; one without words is alone. The same texts give the same groups on every machine.
    """
    words: dict[str, int] = {}
    sets = [_shingles(text, words) for text in texts]
    first = list(range(len(texts)))
    known: dict[bytes, int] = {}
    kept: list[int] = []
    for number, hashes in enumerate(sets):
        if len(hashes):
            first[number] = known.setdefault(hashes.tobytes(), number)
            if first[number] == number:
                kept.append(number)
    for one, other in _candidates(kept, sets):
        if _root(first, one) != _root(first, other) and _jaccard(sets[one], sets[other]) >= ALIKE:
            left, right = sorted((_root(first, one), _root(first, other)))
            first[right] = left
    return [_root(first, number) for number in range(len(texts))]


def _shingles(text: str, words: dict[str, int]) -> Hashes:
    """The distinct hashes of the text's sequences of five words, ascending."""
    found = _WORD.findall(text.casefold())
    if not found:
        return np.empty(0, dtype=np.uint64)
    codes = np.array([_code(word, words) for word in found], dtype=np.uint64)
    width = min(SHINGLE, len(codes))
    hashes = np.zeros(len(codes) - width + 1, dtype=np.uint64)
    for place in range(width):
        # A polynomial modulo 2^64: the order of the words counts.
        hashes = hashes * _ODD + codes[place : len(codes) - width + 1 + place]
    return np.unique(hashes)


def _code(word: str, words: dict[str, int]) -> int:
    if word not in words:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        words[word] = int.from_bytes(digest, "big")
    return words[word]


def _candidates(numbers: Sequence[int], sets: Sequence[Hashes]) -> Iterable[tuple[int, int]]:
    """Pairs that share a band of their signatures."""
    chance = np.random.default_rng(0)
    factors = chance.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = chance.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    buckets: dict[bytes, list[int]] = defaultdict(list)
    for number in numbers:
        signature = (factors[:, None] * sets[number][None, :] + shifts[:, None]).min(axis=1)
        for band in range(BANDS):
            key = bytes([band]) + signature[band * ROWS : (band + 1) * ROWS].tobytes()
            for other in buckets[key][:MOST_COMPARED]:
                yield other, number
            buckets[key].append(number)


def _jaccard(left: Hashes, right: Hashes) -> float:
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def _root(first: list[int], number: int) -> int:
    while first[number] != number:
        first[number] = first[first[number]]
        number = first[number]
    return number
