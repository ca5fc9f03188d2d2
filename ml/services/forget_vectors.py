"""Take vectors away with the texts that they stand for."""

from collections.abc import Collection

from ml.models import SubjectVector


def forget_vectors(kind: str, subject_ids: Collection[int]) -> int:
    """Delete the vectors of subjects, of every encoder; searches leave them out from now on."""
    rows = SubjectVector.objects.filter(subject_kind=kind, subject_id__in=list(subject_ids))
    return rows.delete()[0]
