"""How the API reads bodies."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StorableJSONParser(JSONParser):
    """JSON without null characters, which no text column of PostgreSQL holds; raises ParseError."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed body."""
        data = super().parse(stream, media_type, dict(parser_context or {}))
        if _holds_null(data):
            raise ParseError(_("Text must not hold null characters (\\u0000)."))
        return data


def _holds_null(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_null(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_holds_null, value))
