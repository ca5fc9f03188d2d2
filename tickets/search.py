"""Ticket search: what is found for a query, only what the viewer may see, grouped by ticket, with the reasons marked."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.search.find import MOST, Found, find, without
from core.search.highlights import Piece, pieces, snippet
from core.search.language import Query, parse
from core.search.spelling import corrected
from people.viewer import Viewer
from tickets.list_rows import TicketRow, row_of, with_row_columns
from tickets.message_text import new_text
from tickets.models import Message, Status, Ticket
from tickets.rich_text import without_escapes
from tickets.search_index import MESSAGE, TICKET
from tickets.search_operators import OPERATORS, clauses_of
from tickets.selectors import CursorError, visible_tickets

PAGE_SIZE = 20
FEW = 3
HALF_LIFE_DAYS = 120.0

SORTS: dict[str, str | Promise] = {"relevance": _("Best match"), "newest": _("Newest message")}


@dataclass(frozen=True)
class FoundTicket:
    """A ticket that was found. ``message_id`` is the message that says why, None when the ticket's own text does."""

    row: TicketRow
    subject: Sequence[Piece]
    text: Sequence[Piece]
    message_id: int | None
    is_note: bool
    at: datetime

    @property
    def url(self) -> str:
        """The ticket, at the message."""
        anchor = f"#message-{self.message_id}" if self.message_id else ""
        return f"/inbox/{self.row.id}/{anchor}"


@dataclass(frozen=True)
class SearchPage:
    """One page of results. ``counts`` are tickets by category of status, over all pages; ``capped`` that only the newest
    matches were ranked. ``suggestion`` is a query that finds more; with ``instead`` its results are shown."""

    query: Query
    tickets: Sequence[FoundTicket] = ()
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    next_cursor: str = ""
    capped: bool = False
    hints: Sequence[str] = ()
    suggestion: str = ""
    instead: bool = False


@dataclass(frozen=True)
class _Candidate:
    """A ticket in the order of the results: best first is highest ``key`` first."""

    id: int
    category: str
    key: float
    message_id: int | None


def read_query(text: str, *, live: bool = True) -> Query:
    """Read what was typed with the operators of tickets; ``live`` lets the last word end in any way."""
    return parse(text, operators=OPERATORS.keys(), live=live)


def search_tickets(
    viewer: Viewer,
    text: str,
    *,
    sort: str = "relevance",
    category: str = "",
    cursor: str = "",
    limit: int = PAGE_SIZE,
    live: bool = True,
) -> SearchPage:
    """Return the tickets that a query finds among those the viewer may see.

    ``category`` keeps one category of status. Misspelt words are replaced when hardly anything is found as it is written.
    Raises LookupError for an unknown sort, CursorError.
    """
    if sort not in SORTS:
        raise LookupError(f"no order {sort!r}")
    query = read_query(text, live=live)
    if not query.wanted and not query.operators:
        return SearchPage(query, hints=clauses_of(query, viewer)[1])
    clause, hints = clauses_of(query, viewer)
    tickets = visible_tickets(viewer).filter(clause)
    narrowed = bool(query.operators) or not viewer.can("tickets.all_teams")
    shown, suggestion = query, ""
    found, candidates = _candidates(query, tickets, narrowed, sort)
    if len(candidates) < FEW:
        better = corrected(query)
        if better is not None:
            other, others = _candidates(better, tickets, narrowed, sort)
            if len(others) > len(candidates):
                suggestion = str(better)
                if not candidates:
                    shown, found, candidates = better, other, others
    counts = Counter(one.category for one in candidates)
    if category:
        candidates = [one for one in candidates if one.category == category]
    rest = _after(candidates, cursor)
    page = rest[: max(1, limit)]
    return SearchPage(
        query=shown,
        tickets=_load(viewer, page, shown),
        total=len(candidates),
        counts={str(key): counts[key] for key in Status.Category.values if counts[key]},
        next_cursor=_cursor(page[-1]) if len(rest) > len(page) else "",
        capped=found.capped,
        hints=hints,
        suggestion=suggestion,
        instead=shown is not query,
    )


def _candidates(
    query: Query, tickets: QuerySet[Ticket], narrowed: bool, sort: str
) -> tuple[Found, list[_Candidate]]:
    """Return every ticket found, in the order of the results; three to six queries however many there are."""
    if not query.wanted:
        return _without_words(query, tickets)
    found = find(query, streams=tickets.values("pk") if narrowed else None, heads=TICKET, bodies=MESSAGE)
    streams = {hit.stream_id for hit in found.hits}
    rows = tickets.filter(pk__in=streams).values_list("pk", "status_category", "last_message_at")
    scores, messages = _scores(found)
    made = [
        _Candidate(
            pk, category, at.timestamp() if sort == "newest" else round(scores[pk], 6), messages.get(pk)
        )
        for pk, category, at in rows
    ]
    return found, sorted(made, key=_order)


def _without_words(query: Query, tickets: QuerySet[Ticket]) -> tuple[Found, list[_Candidate]]:
    """Operators alone: the newest tickets."""
    rows = tickets.order_by("-last_message_at", "-pk").values_list("pk", "status_category", "last_message_at")
    newest = list(rows[: MOST + 1])
    made = [_Candidate(pk, category, at.timestamp(), None) for pk, category, at in newest[:MOST]]
    kept = without(query.unwanted, [one.id for one in made])
    return Found((), capped=len(newest) > MOST), [one for one in made if one.id in kept]


def _scores(found: Found) -> tuple[dict[int, float], dict[int, int]]:
    """Return how well each ticket matches (0..2), and its best message, if one matches.

    A match counts more the heavier its text (subject before people before bodies) and, in part, the newer it is.
    """
    heads: dict[int, float] = {}
    bodies: dict[int, tuple[float, int]] = {}
    if not found.hits:
        return {}, {}
    highest = max(hit.rank for hit in found.hits) or 1.0
    newest = max(hit.at for hit in found.hits)
    for hit in found.hits:
        age_days = (newest - hit.at).total_seconds() / 86_400
        score = 0.8 * hit.rank / highest + 0.2 * 0.5 ** (age_days / HALF_LIFE_DAYS)
        if hit.kind == TICKET:
            heads[hit.stream_id] = score
        elif score > bodies.get(hit.stream_id, (0.0, 0))[0]:
            bodies[hit.stream_id] = (score, hit.object_id)
    scores = {
        stream: heads.get(stream, 0.0) + bodies.get(stream, (0.0, 0))[0] for stream in {*heads, *bodies}
    }
    return scores, {stream: message for stream, (_score, message) in bodies.items()}


def _order(one: _Candidate) -> tuple[float, int]:
    return -one.key, -one.id


def _cursor(last: _Candidate) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.key, last.id]).encode()).decode().rstrip("=")


def _after(candidates: list[_Candidate], cursor: str) -> list[_Candidate]:
    if not cursor:
        return candidates
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = (-float(key), -int(pk))
    except (binascii.Error, ValueError, TypeError) as error:
        raise CursorError("this cursor is not valid") from error
    return [one for one in candidates if _order(one) > place]


def _load(viewer: Viewer, page: Iterable[_Candidate], query: Query) -> list[FoundTicket]:
    """Read the tickets and messages of one page: constant queries."""
    wanted = list(page)
    tickets = {
        ticket.pk: ticket
        for ticket in with_row_columns(visible_tickets(viewer)).filter(pk__in=[one.id for one in wanted])
    }
    messages = Message.objects.only("ticket_id", "kind", "body_text", "quote_offsets", "created_at").in_bulk(
        [one.message_id for one in wanted if one.message_id]
    )
    return [
        _found(tickets[one.id], messages.get(one.message_id or 0), query)
        for one in wanted
        if one.id in tickets
    ]


def _found(ticket: Ticket, message: Message | None, query: Query) -> FoundTicket:
    if message is not None and message.ticket_id != ticket.pk:
        message = None  # moved, and not indexed again yet: its text may be another team's
    text = ticket.last_message_preview if message is None else _telling(message, query)
    return FoundTicket(
        row=row_of(ticket),
        subject=pieces(ticket.subject, query.wanted),
        text=snippet(text, query.wanted),
        message_id=None if message is None else message.pk,
        is_note=message is not None and message.kind == Message.Kind.NOTE,
        at=ticket.last_message_at if message is None else message.created_at,
    )


def _telling(message: Message, query: Query) -> str:
    """Return what is new in a message when the words are there, else all of it, with what it quotes."""
    fresh = new_text(message.body_text, message.quote_offsets)
    told = fresh if any(piece.marked for piece in pieces(fresh, query.wanted)) else message.body_text
    return told if message.kind == Message.Kind.INBOUND else without_escapes(told)
