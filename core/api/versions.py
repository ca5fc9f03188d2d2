"""Versions of rows: an ETag with each read, If-Match with each change, so that nobody overwrites what they have not seen.

The version of a row is the digest of what can be changed on it through this API (ADR 0023): what the product itself counts or
scores does not make a client's copy old, and no writer can forget to raise it.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.reading import field_names, wanted_fields


class Overtaken(exceptions.APIException):
    """The row is not as the client saw it."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "overtaken"

    def __init__(self, version: str) -> None:
        super().__init__(_("It has been changed since: its version is %s now.") % version)
        self.extra = {"version": version}


def digest_version(shown: Mapping[str, Any], names: Collection[str]) -> str:
    """Return the ETag of a row: its fields ``names`` as they are shown."""
    told = {name: shown[name] for name in sorted(names) if name in shown}
    text = json.dumps(told, cls=DjangoJSONEncoder, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def check_if_match(request: Request, version: Callable[[], str]) -> None:
    """Let the request pass when it names no version, ``*``, or the present one; raises Overtaken.

    Call it in the transaction of the change, with the row locked.
    """
    sent = request.headers.get("If-Match", "").strip()
    if not sent or sent == "*":
        return
    present = version()
    if present not in {one.strip() for one in sent.split(",")}:
        raise Overtaken(present)


class Versioned:
    """A view of one row whose reads tell a version and whose changes honour ``If-Match``.

    ``shape`` is how the row is shown, ``changes`` what can be sent to change it.
    """

    shape: ClassVar[type[serializers.Serializer[Any]]]
    changes: ClassVar[type[serializers.Serializer[Any]]]

    def version_of(self, shown: Mapping[str, Any]) -> str:
        """Return the version of a row as it is shown, quoted as in the header."""
        return digest_version(shown, field_names(self.changes) & field_names(self.shape))

    def check_version(self, request: Request, shown: Callable[[], Mapping[str, Any]]) -> None:
        """Refuse a change of a row that is not as the client saw it; ``shown`` is called when the client names a version."""
        check_if_match(request, lambda: self.version_of(shown()))

    def answer(self, request: Request, shown: Mapping[str, Any], code: int = status.HTTP_200_OK) -> Response:
        """Answer the row with its version, of a read only the fields asked for."""
        told: Mapping[str, Any] = shown
        if request.method == "GET" and (wanted := wanted_fields(request, self.shape)) is not None:
            told = {name: value for name, value in shown.items() if name in wanted}
        return Response(told, status=code, headers={"ETag": self.version_of(shown)})
