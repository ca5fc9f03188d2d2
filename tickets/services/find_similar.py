"""Find what says the same as tickets: vectors of tickets and macros, the nearest of them, and incidents among new ones.

Runs in ml workers and commands only. Encoding and searching happen outside transactions; each thing found is written in a short
one, and all of it may be repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from ml.models import SubjectVector
from ml.retrieval import MOST_VECTORS, Nearest, vector_index
from ml.retrieval.catalogue import Catalogue, Entry
from ml.services.forget_vectors import forget_vectors
from ml.services.store_vectors import (
    EncodedText,
    encode_texts,
    encoder_digest,
    forget_other_encoders,
    store_vectors,
)
from tickets.models import Macro, SimilarTickets, Status, Ticket
from tickets.personal_data import ERASED_SUBJECT
from tickets.routing import ticket_texts
from tickets.services.propose_incidents import propose_incidents
from tickets.similar import MACRO_NAME_VECTORS, MACRO_VECTORS, TICKET_VECTORS
from tickets.similar_rules import similar_rules

KEPT_TICKETS = 40
KEPT_MACROS = 20
# Below these nothing is worth a look.
LEAST_TICKET = 0.45
LEAST_MACRO = 0.35
MOST_MACROS = 1_000
# What is found beside a ticket that is worked on is at most so old.
FRESH = timedelta(hours=1)
AT_ONCE = 50


def learn_tickets(ticket_ids: Collection[int]) -> int:
    """Store the vectors of tickets and what is near to them, then look for incidents; returns how many tickets there are.

    Raises ModelUnavailable while there is no encoder.
    """
    tickets = list(Ticket.objects.filter(pk__in=ticket_ids).exclude(subject=ERASED_SUBJECT).order_by("pk"))
    texts = {ticket.pk: text for ticket, text in zip(tickets, ticket_texts(tickets), strict=True)}
    if not texts:
        return 0
    _store_tickets(texts, encode_texts(texts))
    propose_incidents(near=search_again(list(texts)))
    return len(texts)


@transaction.atomic
def _store_tickets(texts: Mapping[int, str], encoded: Mapping[int, EncodedText]) -> None:
    """Store the vectors of tickets that still say the same: whoever erases or deletes one takes its lock before its vector."""
    rows = Ticket.objects.select_for_update(of=("self",)).filter(pk__in=list(texts)).order_by("pk")
    alive = [ticket for ticket in rows if ticket.subject != ERASED_SUBJECT]
    same = {
        ticket.pk for ticket, text in zip(alive, ticket_texts(alive), strict=True) if text == texts[ticket.pk]
    }
    store_vectors(TICKET_VECTORS, {pk: one for pk, one in encoded.items() if pk in same})


def learn_macros(macro_ids: Collection[int]) -> None:
    """Store the vectors of macros, or forget those of macros that are gone or out of use."""
    macros = {macro.pk: macro for macro in Macro.objects.filter(pk__in=macro_ids, is_active=True)}
    for kind in (MACRO_VECTORS, MACRO_NAME_VECTORS):
        forget_vectors(kind, set(macro_ids) - macros.keys())
    if macros:
        store_vectors(MACRO_VECTORS, encode_texts({pk: _entry(macro).whole for pk, macro in macros.items()}))
        store_vectors(
            MACRO_NAME_VECTORS, encode_texts({pk: _entry(macro).title for pk, macro in macros.items()})
        )


def search_again(ticket_ids: Sequence[int]) -> dict[int, list[Nearest]]:
    """Store what is near to tickets that have a vector; returns the near tickets of each."""
    encoder = encoder_digest()
    rows = SubjectVector.objects.filter(
        subject_kind=TICKET_VECTORS, encoder=encoder, subject_id__in=list(ticket_ids)
    ).order_by("subject_id")
    vectors = {
        pk: np.frombuffer(vector, dtype="<f2") for pk, vector in rows.values_list("subject_id", "vector")
    }
    if not vectors:
        return {}
    asked = np.stack(list(vectors.values())).astype(np.float32)
    index = vector_index(TICKET_VECTORS, encoder, asked.shape[1])
    found = index.search(asked, KEPT_TICKETS + 1)
    near = {
        pk: [one for one in row if one.subject_id != pk and one.cosine >= LEAST_TICKET][:KEPT_TICKETS]
        for pk, row in zip(vectors, found, strict=True)
    }
    macros = _near_macros(list(vectors), asked, encoder)
    searched, total = len(index), max(index.total, len(index))
    with transaction.atomic():
        locked = Ticket.objects.select_for_update(of=("self",)).filter(pk__in=near).order_by("pk")
        alive = set(locked.exclude(subject=ERASED_SUBJECT).values_list("pk", flat=True))
        SimilarTickets.objects.bulk_create(
            [
                SimilarTickets(
                    ticket_id=pk,
                    tickets=[[one.subject_id, round(one.cosine, 4)] for one in near[pk]],
                    macros=macros.get(pk, []),
                    searched=searched,
                    total=total,
                    searched_at=timezone.now(),
                )
                for pk in near
                if pk in alive
            ],
            update_conflicts=True,
            unique_fields=["ticket"],
            update_fields=["tickets", "macros", "searched", "total", "searched_at"],
        )
    return near


def _near_macros(
    ticket_ids: Sequence[int], asked: npt.NDArray[np.float32], encoder: str
) -> dict[int, list[list[float]]]:
    """The best macros by ticket, ranked by names, texts and words, as far as their cosine says that they are near."""
    macros = {macro.pk: macro for macro in Macro.objects.filter(is_active=True).order_by("-pk")[:MOST_MACROS]}
    wholes, names = _vectors(MACRO_VECTORS, encoder, macros), _vectors(MACRO_NAME_VECTORS, encoder, macros)
    known = [pk for pk in macros if pk in wholes and pk in names]
    if not known:
        return {}
    catalogue = Catalogue(
        [_entry(macros[pk]) for pk in known],
        np.stack([names[pk] for pk in known]).astype(np.float32),
        np.stack([wholes[pk] for pk in known]).astype(np.float32),
    )
    tickets = Ticket.objects.in_bulk(list(ticket_ids))
    present = [pk for pk in ticket_ids if pk in tickets]
    rows = asked[[place for place, pk in enumerate(ticket_ids) if pk in tickets]]
    scores = catalogue.scores(ticket_texts([tickets[pk] for pk in present]), rows)
    cosines = catalogue.cosines(rows)
    best: dict[int, list[list[float]]] = {}
    for row, pk in enumerate(present):
        order = [place for place in np.argsort(-scores[row]) if cosines[row, place] >= LEAST_MACRO]
        best[pk] = [[known[place], round(float(cosines[row, place]), 4)] for place in order[:KEPT_MACROS]]
    return best


def _vectors(kind: str, encoder: str, subjects: Mapping[int, object]) -> dict[int, npt.NDArray[np.float16]]:
    rows = SubjectVector.objects.filter(subject_kind=kind, encoder=encoder, subject_id__in=list(subjects))
    return {pk: np.frombuffer(vector, dtype="<f2") for pk, vector in rows.values_list("subject_id", "vector")}


def _entry(macro: Macro) -> Entry:
    return Entry(macro.name, macro.reply)


def catch_up(*, most: int = 200) -> int:
    """Learn what has no vector of this encoder yet, newest first, and look again beside open tickets; returns how many.

    Finds what no event told of: what was imported, is older than the encoder, or came while the search was switched off.
    """
    if not similar_rules().is_on:
        return 0
    encoder = encoder_digest()
    learn_macros(
        _without_vector(MACRO_VECTORS, encoder, Macro.objects.filter(is_active=True), MOST_MACROS)[:most]
    )
    fresh = _without_vector(
        TICKET_VECTORS, encoder, Ticket.objects.exclude(subject=ERASED_SUBJECT), MOST_VECTORS
    )[:most]
    for start in range(0, len(fresh), AT_ONCE):
        learn_tickets(fresh[start : start + AT_ONCE])
    if not fresh:
        for kind in (TICKET_VECTORS, MACRO_VECTORS, MACRO_NAME_VECTORS):
            forget_other_encoders(kind)
    stale = list(
        SimilarTickets.objects.filter(
            searched_at__lt=timezone.now() - FRESH, ticket__status_category__in=Status.ACTIVE
        )
        .order_by("searched_at")
        .values_list("pk", flat=True)[:most]
    )
    for start in range(0, len(stale), AT_ONCE):
        search_again(stale[start : start + AT_ONCE])
    return len(fresh) + len(stale)


def _without_vector(kind: str, encoder: str, rows: object, most: int) -> list[int]:
    """The newest of ``most`` rows that have no vector yet, newest first."""
    stored = SubjectVector.objects.filter(subject_kind=kind, encoder=encoder)
    newest = rows.order_by("-pk").values_list("pk", flat=True)  # type: ignore[attr-defined]
    oldest = newest[most - 1 : most].first()
    if oldest is not None:
        newest = newest.filter(pk__gte=oldest)
    missing = newest.filter(~Exists(stored.filter(subject_id=OuterRef("pk"))))
    return list(missing[:most])
