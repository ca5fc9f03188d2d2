"""Exact search by cosine in the process, among at most the newest 200,000 vectors of a kind.

Vectors are held as float16 (154 MB for 200,000 of 384 numbers) and multiplied as float32 block by block: numpy has no
float16 product worth the name. Several questions at once cost little more than one. An approximate index does not earn
its place at this size: exact search takes less time than encoding the question (bench/similar.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from django.db.models import Count, Sum

from ml.models import SubjectVector

MOST_VECTORS = 200_000
BLOCK = 8_192
# So often the process looks for rows that are gone, or were committed after later ones.
COMPARE_SECONDS = 60.0
_NOBODY = -1
# So many rows are turned into float32 at once: they stay in the cache of the processor.
CONVERTED = 1_024
_SIGN_AND_NUMBER = np.int32(np.uint32(0x8FFFE000).astype(np.int32))


@dataclass(frozen=True)
class Nearest:
    """A subject and the cosine -1..1 of its vector to the question."""

    subject_id: int
    cosine: float


@dataclass
class _Block:
    """Up to ``BLOCK`` rows; a row whose subject is gone has the id -1 and the zero vector."""

    vectors: npt.NDArray[np.float16]
    keys: npt.NDArray[np.int64]
    subjects: npt.NDArray[np.int64]
    used: int = 0


@dataclass
class VectorIndex:
    """The vectors of one kind and encoder in this process; thread-safe.

    ``refresh`` reads what was stored since; ``search`` answers from what was read. ``total`` counts the stored rows as of
    the last comparison: more than ``len(index)`` means that only the newest are searched.
    """

    kind: str
    encoder: str
    dimension: int
    most: int = MOST_VECTORS
    total: int = 0
    _blocks: list[_Block] = field(default_factory=list)
    _place: dict[int, tuple[_Block, int]] = field(default_factory=dict)
    _last: int = 0
    _compared: float | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __len__(self) -> int:
        return len(self._place)

    def refresh(self) -> None:
        """Read new rows, in blocks; from time to time also find those that are gone or came late."""
        with self._lock:
            if not self._last:
                self._last = self._oldest_wanted() - 1
            self._read_on()
            if self._compared is None or time.monotonic() - self._compared > COMPARE_SECONDS:
                self._compare()
                self._compared = time.monotonic()

    def search(self, questions: npt.NDArray[np.float32], count: int) -> list[list[Nearest]]:
        """Return for each row of ``questions`` (unit vectors) the ``count`` nearest subjects that still have their vector.

        The nearest comes first; subjects at a cosine of zero or less are left out.
        """
        with self._lock:
            # A few more than asked for: some may have been deleted since.
            found = self._best(questions, count + 10)
        named = {one.subject_id for row in found for one in row}
        rows = SubjectVector.objects.filter(
            subject_kind=self.kind, encoder=self.encoder, subject_id__in=named
        )
        kept = set(rows.values_list("subject_id", flat=True)) if named else set()
        return [[one for one in row if one.subject_id in kept][:count] for row in found]

    def _best(self, questions: npt.NDArray[np.float32], count: int) -> list[list[Nearest]]:
        scores = np.zeros((len(questions), 0), dtype=np.float32)
        subjects = np.zeros((len(questions), 0), dtype=np.int64)
        for block in self._blocks:
            cosines = _cosines(questions, block.vectors[: block.used])
            ids = np.broadcast_to(block.subjects[: block.used], cosines.shape)
            if block.used > count:
                best = np.argpartition(cosines, block.used - count, axis=1)[:, -count:]
                cosines = np.take_along_axis(cosines, best, axis=1)
                ids = np.take_along_axis(ids, best, axis=1)
            scores = np.concatenate([scores, cosines], axis=1)
            subjects = np.concatenate([subjects, ids], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        scores = np.take_along_axis(scores, order, axis=1)
        subjects = np.take_along_axis(subjects, order, axis=1)
        return [
            [
                Nearest(int(subject), float(min(score, 1.0)))
                for subject, score in zip(ids, row, strict=True)
                if score > 0 and subject != _NOBODY
            ]
            for ids, row in zip(subjects, scores, strict=True)
        ]

    # --- reading rows --------------------------------------------------------------------------------------------------

    def _oldest_wanted(self) -> int:
        """The primary key of the oldest of the newest ``most`` rows, 1 when there are fewer."""
        rows = SubjectVector.objects.filter(subject_kind=self.kind, encoder=self.encoder).order_by("-pk")
        return rows.values_list("pk", flat=True)[self.most - 1 : self.most].first() or 1

    def _read_on(self) -> None:
        rows = SubjectVector.objects.filter(subject_kind=self.kind, encoder=self.encoder).order_by("pk")
        while found := list(rows.filter(pk__gt=self._last).values_list("pk", "subject_id", "vector")[:BLOCK]):
            self._add(found)
            self._last = found[-1][0]

    def _add(self, rows: Iterable[tuple[int, int, bytes | memoryview]]) -> None:
        for key, subject, vector in rows:
            self._drop(subject)
            block = self._room()
            block.vectors[block.used] = np.frombuffer(vector, dtype="<f2", count=self.dimension)
            block.keys[block.used], block.subjects[block.used] = key, subject
            self._place[subject] = (block, block.used)
            block.used += 1

    def _room(self) -> _Block:
        """The block for the next row; the oldest one goes when the others hold ``most`` rows."""
        if not self._blocks or self._blocks[-1].used == BLOCK:
            if len(self._blocks) > 1 and (len(self._blocks) - 1) * BLOCK >= self.most:
                for subject in self._blocks.pop(0).subjects.tolist():
                    self._place.pop(subject, None)
            self._blocks.append(
                _Block(
                    np.zeros((BLOCK, self.dimension), dtype=np.float16),
                    np.zeros(BLOCK, dtype=np.int64),
                    np.full(BLOCK, _NOBODY, dtype=np.int64),
                )
            )
        return self._blocks[-1]

    def _drop(self, subject: int) -> None:
        block, row = self._place.pop(subject, (None, 0))
        if block is not None:
            block.vectors[row] = 0
            block.subjects[row] = _NOBODY

    def _compare(self) -> None:
        """Bring the index in line with the rows when their number or the sum of their keys differs."""
        rows = SubjectVector.objects.filter(subject_kind=self.kind, encoder=self.encoder)
        self.total = rows.count()
        held = {int(block.keys[row]): subject for subject, (block, row) in self._place.items()}
        if self.total > self.most and held:
            rows = rows.filter(pk__gte=min(held))
        told = rows.aggregate(number=Count("pk"), keys=Sum("pk"))
        if (told["number"], told["keys"] or 0) == (len(held), sum(held)):
            return
        stored = dict(rows.values_list("pk", "subject_id"))
        for key in held.keys() - stored.keys():
            self._drop(held[key])
        for late in _slices(sorted(stored.keys() - held.keys())):
            self._add(list(rows.filter(pk__in=late).order_by("pk").values_list("pk", "subject_id", "vector")))


def _cosines(questions: npt.NDArray[np.float32], rows: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """The products of float32 questions with float16 rows: ``(questions, rows)``.

    numpy turns float16 into float32 number by number. Moving the bits of a float16 into the places of a float32 gives the
    number times 2**-112, exactly, and six times faster; the questions make up for the factor.
    """
    scaled = questions * np.float32(2.0**112)
    found = np.empty((len(questions), len(rows)), dtype=np.float32)
    bits = np.empty((CONVERTED, rows.shape[1]), dtype=np.int32)
    for start in range(0, len(rows), CONVERTED):
        part = rows[start : start + CONVERTED].view(np.int16)
        held = bits[: len(part)]
        np.left_shift(part, 13, out=held, dtype=np.int32)
        np.bitwise_and(held, _SIGN_AND_NUMBER, out=held)
        np.matmul(scaled, held.view(np.float32).T, out=found[:, start : start + len(part)])
    return found


def _slices(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), 500):
        yield keys[start : start + 500]


_indexes: dict[str, VectorIndex] = {}


def vector_index(kind: str, encoder: str, dimension: int) -> VectorIndex:
    """Return the index of a kind in this process, brought up to date; one of another encoder is let go."""
    index = _indexes.get(kind)
    if index is None or index.encoder != encoder:
        index = _indexes[kind] = VectorIndex(kind, encoder, dimension)
    index.refresh()
    return index


def forget_indexes() -> None:
    """Let every index of the process go; for tests, whose databases change behind the back of the process."""
    _indexes.clear()
