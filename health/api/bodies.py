"""Bodies of requests: a field that does not exist is refused by name."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from core.api.shapes import fields_of, taken


def body_of(
    shape: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False
) -> dict[str, Any]:
    """Return the checked values of a body; raises ValidationError naming the field."""
    values: dict[str, Any] = taken(shape, request.data, partial=partial)
    unknown = sorted(set(request.data) - fields_of(shape))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    return dict(values)
