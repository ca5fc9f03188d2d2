"""REST of the search."""

from typing import Any, ClassVar

from django.utils.html import escape
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.search.highlights import Piece
from people.api.permissions import viewer_of
from tickets.models import Status
from tickets.search import PAGE_SIZE, SORTS, FoundTicket, search_tickets
from tickets.selectors import CursorError

MAX_PAGE_SIZE = 100


class HighlightsOut(serializers.Serializer[Any]):
    """Escaped HTML in which ``<mark>`` surrounds what matched."""

    subject = serializers.CharField()
    text = serializers.CharField(
        help_text=_("The stretch of the best message, or the last line of the ticket.")
    )


class FoundTicketOut(serializers.Serializer[Any]):
    """The ticket of a result; read it by its id for more."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    subject = serializers.CharField()
    status = serializers.CharField()
    status_category = serializers.CharField()
    priority = serializers.CharField()
    contact = serializers.CharField()
    account_id = serializers.IntegerField(allow_null=True)
    assignee_id = serializers.IntegerField(allow_null=True)


class SearchResultOut(serializers.Serializer[Any]):
    """One result. ``message`` is the id of the message that matched, null when the ticket's own text did."""

    ticket = FoundTicketOut()
    message = serializers.IntegerField(allow_null=True)
    is_note = serializers.BooleanField()
    at = serializers.DateTimeField()
    highlights = HighlightsOut()


class SearchOut(serializers.Serializer[Any]):
    """A page of results. ``capped``: more texts match than were ranked. ``suggestion`` is a query that finds more; with
    ``suggestion_used`` the results are its own, because the query as it was sent finds nothing."""

    count = serializers.IntegerField()
    capped = serializers.BooleanField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text=_("Tickets by category of status.")
    )
    hints = serializers.ListField(child=serializers.CharField())
    suggestion = serializers.CharField(allow_blank=True)
    suggestion_used = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    results = SearchResultOut(many=True)


class TicketSearch(APIView):
    """Tickets and messages by words and operators."""

    required_permissions: ClassVar = {"GET": "tickets.view"}

    @extend_schema(
        operation_id="search",
        parameters=[
            OpenApiParameter(
                "q", str, required=True, description='refund "credit note" -draft from:mette status:open'
            ),
            OpenApiParameter("sort", str, enum=list(SORTS), description="relevance when absent"),
            OpenApiParameter("status_category", str, enum=Status.Category.values),
            OpenApiParameter("limit", int, description=f"1 to {MAX_PAGE_SIZE}, {PAGE_SIZE} when absent"),
            OpenApiParameter("cursor", str, description="next_cursor of the page before"),
        ],
        responses={
            200: SearchOut,
            400: OpenApiResponse(description="No query, or an unknown order or cursor."),
        },
    )
    def get(self, request: Request) -> Response:
        """Search what this key may see. The last word of the query is taken as it is; a star makes it a beginning."""
        asked = request.query_params
        query = asked.get("q", "").strip()
        if not query:
            raise ValidationError({"q": [_("Say what to search for.")]})
        try:
            page = search_tickets(
                viewer_of(request),
                query,
                sort=asked.get("sort", "relevance"),
                category=_category(asked.get("status_category", "")),
                cursor=asked.get("cursor", ""),
                limit=_limit(asked.get("limit", "")),
                live=False,
            )
        except LookupError as error:
            raise ValidationError({"sort": [_("Choose one of: %s.") % ", ".join(SORTS)]}) from error
        except CursorError as error:
            raise ValidationError({"cursor": [_("This cursor is not valid.")]}) from error
        answer = {
            "count": page.total,
            "capped": page.capped,
            "counts": page.counts,
            "hints": page.hints,
            "suggestion": page.suggestion,
            "suggestion_used": page.instead,
            "next_cursor": page.next_cursor or None,
            "results": [_result(one) for one in page.tickets],
        }
        return Response(SearchOut(answer).data)


def _result(one: FoundTicket) -> dict[str, Any]:
    return {
        "ticket": one.row,
        "message": one.message_id,
        "is_note": one.is_note,
        "at": one.at,
        "highlights": {"subject": _marked(one.subject), "text": _marked(one.text)},
    }


def _marked(pieces: Any) -> str:
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: Piece) -> str:
    return f"<mark>{escape(piece.text)}</mark>" if piece.marked else str(escape(piece.text))


def _limit(value: str) -> int:
    if not value:
        return PAGE_SIZE
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value[:6]) <= MAX_PAGE_SIZE:
        raise ValidationError({"limit": [_("Give a number from 1 to %d.") % MAX_PAGE_SIZE]})
    return int(value)


def _category(value: str) -> str:
    if value and value not in Status.Category.values:
        raise ValidationError(
            {"status_category": [_("Choose one of: %s.") % ", ".join(Status.Category.values)]}
        )
    return value
