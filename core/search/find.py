"""Finding indexed texts: all words in one text first, then all words within one case.

At most ``MOST`` texts are ranked, the newest ones: a common word costs no more than a rare one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from core.search.backend import Hit, Wanted, backend
from core.search.language import Query, Term

MOST = 1_000
MOST_HEADS = 300
FEW = 20


@dataclass(frozen=True)
class Found:
    """What was found, newest first. ``capped`` says that there are more texts than were ranked."""

    hits: tuple[Hit, ...]
    capped: bool = False


def find(query: Query, *, streams: "QuerySet | None", heads: str, bodies: str) -> Found:  # type: ignore[type-arg]
    """Return the hits of a query with at least one wanted term; without one, nothing.

    ``streams`` is a query for one column of stream ids: nothing outside it is found or counted (None: everything may be).
    ``heads`` is the kind of the texts that describe a whole case (its subject and people), ``bodies`` that of what is said in
    it. Each has a share of its own, so that a common word in the bodies cannot push the subjects out.
    """
    if not query.wanted:
        return Found(())
    kinds = (heads, bodies)
    try:
        found = _within_texts(query.wanted, streams, kinds)
        if len(query.wanted) > 1 and len({hit.stream_id for hit in found.hits}) < FEW:
            found = _within_cases(query.wanted, streams, kinds, found)
    except EmptyResultSet:
        return Found(())
    if not query.unwanted:
        return found
    kept = without(query.unwanted, {hit.stream_id for hit in found.hits})
    return Found(tuple(hit for hit in found.hits if hit.stream_id in kept), found.capped)


def _within_texts(terms: Sequence[Term], streams: "QuerySet | None", kinds: tuple[str, str]) -> Found:  # type: ignore[type-arg]
    of_heads, more_heads = _newest(Wanted(terms, MOST_HEADS, kinds[0], streams))
    others, more = _newest(Wanted(terms, MOST, kinds[1], streams))
    return Found((*of_heads, *others), capped=more or more_heads)


def _newest(wanted: Wanted) -> tuple[list[Hit], bool]:
    """Return the newest hits within the streams, and whether there are more.

    Asked without the streams first: a rare word has so few hits that looking them up afterwards costs least.
    """
    everywhere = Wanted(wanted.terms, wanted.limit + 1, wanted.kind)
    hits = backend().newest(everywhere)
    if wanted.streams is None or not hits:
        return hits[: wanted.limit], len(hits) > wanted.limit
    if len(hits) <= wanted.limit:
        allowed = among(wanted.streams, {hit.stream_id for hit in hits})
        return [hit for hit in hits if hit.stream_id in allowed], False
    inside = Wanted(wanted.terms, wanted.limit + 1, wanted.kind, wanted.streams)
    hits = backend().newest(inside)
    return hits[: wanted.limit], len(hits) > wanted.limit


def among(streams: "QuerySet", ids: Collection[int]) -> set[int]:  # type: ignore[type-arg]
    """Return those of ``ids`` that the query of streams holds."""
    return set(streams.filter(pk__in=list(ids)).values_list("pk", flat=True))


def _within_cases(
    terms: Sequence[Term],
    streams: "QuerySet | None",  # type: ignore[type-arg]
    kinds: tuple[str, str],
    found: Found,
) -> Found:
    """Add the cases in which the terms stand in different texts: one in the subject, one in an answer."""
    by_term = [(term, _within_texts([term], streams, kinds)) for term in terms]
    by_term.sort(key=lambda pair: (pair[1].capped, len(pair[1].hits)))
    (_rarest, first), others = by_term[0], by_term[1:]
    best: dict[int, Hit] = {}
    for hit in first.hits:
        if hit.stream_id not in best or hit.rank > best[hit.stream_id].rank:
            best[hit.stream_id] = hit
    for known in found.hits:
        best.pop(known.stream_id, None)
    for term, hits in others:
        if not best:
            break
        kept = (
            backend().streams_with(term, list(best)) if hits.capped else {hit.stream_id for hit in hits.hits}
        )
        best = {stream: hit for stream, hit in best.items() if stream in kept}
    # Words apart weigh less than words together.
    apart = (Hit(hit.kind, hit.object_id, hit.stream_id, hit.at, hit.rank / 4) for hit in best.values())
    return Found((*found.hits, *apart), found.capped or first.capped)


def without(terms: Sequence[Term], stream_ids: Collection[int]) -> set[int]:
    """Return the streams in which none of the terms occurs."""
    kept = set(stream_ids)
    for term in terms:
        kept -= backend().streams_with(term, sorted(kept)) if kept else set()
    return kept
