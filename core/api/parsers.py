"""How the API reads bodies."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class StorableJSONParser(JSONParser):
    """JSON without what no text column holds, null characters and halves of surrogate pairs; raises ParseError."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the parsed body."""
        data = super().parse(stream, media_type, dict(parser_context or {}))
        if _is_unstorable(data):
            raise ParseError(_("Text must not hold null characters or halves of surrogate pairs."))
        return data


def _is_unstorable(value: Any) -> bool:
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is not None
    if isinstance(value, dict):
        return any(_UNSTORABLE.search(key) or _is_unstorable(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_is_unstorable, value))
