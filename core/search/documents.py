"""Writing the index. Callers are services, in the transaction of the change."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from core.models import SearchDocument
from core.search.backend import Document, backend

SLICE = 500

__all__ = ["Document", "forget", "put"]


def put(documents: Iterable[Document]) -> int:
    """Index texts, in place of what was indexed for the same objects; returns how many."""
    waiting = list(documents)
    for start in range(0, len(waiting), SLICE):
        backend().put(waiting[start : start + SLICE])
    return len(waiting)


@transaction.atomic
def forget(kind: str, ids: Sequence[int]) -> int:
    """Take the texts of some objects out of the index, and the words that stand nowhere else; returns how many texts."""
    documents = SearchDocument.objects.filter(kind=kind, object_id__in=ids)
    keys = list(documents.values_list("pk", flat=True))
    words = backend().words_in(keys)
    SearchDocument.objects.filter(pk__in=keys).delete()
    backend().forget_words(words)
    return len(keys)
