"""Store what texts say as vectors; ``forget_vectors`` takes them away with the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db import transaction

from ml.encoders import sentence_encoder
from ml.models import SubjectVector


@dataclass(frozen=True)
class EncodedText:
    """A text's unit vector (zero for an empty text) and the digest by which a change is noticed."""

    vector: npt.NDArray[np.float32]
    text_digest: str


def encoder_digest() -> str:
    """The encoder in use as it stands in rows; raises ModelUnavailable."""
    return sentence_encoder().digest[:64]


def encode_texts(texts: Mapping[int, str]) -> dict[int, EncodedText]:
    """Encode texts by the id of their subject. Slow: not for a transaction or a web process; raises ModelUnavailable."""
    encoder = sentence_encoder()
    vectors = encoder.encode(list(texts.values()))
    return {
        subject: EncodedText(vector if text.strip() else np.zeros_like(vector), _digest(text))
        for (subject, text), vector in zip(texts.items(), vectors, strict=True)
    }


@transaction.atomic
def store_vectors(kind: str, encoded: Mapping[int, EncodedText]) -> int:
    """Store vectors in place of earlier ones whose texts have changed; returns how many were written. Telemetry: no event."""
    encoder = encoder_digest()
    rows = SubjectVector.objects.filter(subject_kind=kind, encoder=encoder, subject_id__in=list(encoded))
    known = dict(rows.values_list("subject_id", "text_digest"))
    fresh = [subject for subject, one in encoded.items() if known.get(subject) != one.text_digest]
    rows.filter(subject_id__in=fresh).delete()
    SubjectVector.objects.bulk_create(
        [
            SubjectVector(
                subject_kind=kind,
                subject_id=subject,
                encoder=encoder,
                vector=encoded[subject].vector.astype("<f2").tobytes(),
                text_digest=encoded[subject].text_digest,
            )
            for subject in fresh
        ],
        # Another worker may have stored the same text at this moment.
        ignore_conflicts=True,
    )
    return len(fresh)


def forget_other_encoders(kind: str) -> int:
    """Delete vectors of encoders that are not in use any more; returns how many."""
    return SubjectVector.objects.filter(subject_kind=kind).exclude(encoder=encoder_digest()).delete()[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
