"""Keyset pages: constant cost at any depth, stable while rows arrive."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    """Newest first by primary key; ``limit`` up to 200."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Read one page; raises ValidationError for a ``cursor`` that none of our answers held."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError):
            if self.cursor_query_param not in request.query_params:
                raise
            raise ValidationError({self.cursor_query_param: [_("This cursor is not valid.")]}) from None
