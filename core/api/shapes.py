"""Serializers used without being built anew: DRF copies every declared field for each instance, which took a third of a request.

For serializers that are complete in themselves: no context, no keyword arguments.
"""

from functools import cache
from typing import Any

from rest_framework import serializers


@cache
def _shape(serializer: type[serializers.Serializer[Any]], partial: bool) -> serializers.Serializer[Any]:
    """The one instance of a serializer; reading and writing through it keeps nothing in it."""
    return serializer(partial=partial)


def shown(serializer: type[serializers.Serializer[Any]], row: Any) -> dict[str, Any]:
    """Return what ``serializer(row).data`` returns."""
    return _shape(serializer, False).to_representation(row)


def taken(serializer: type[serializers.Serializer[Any]], data: Any, *, partial: bool = False) -> Any:
    """Return what ``serializer(data=data, partial=partial)`` makes of a body; raises ValidationError naming the fields."""
    return _shape(serializer, partial).run_validation(data)


def fields_of(serializer: type[serializers.Serializer[Any]]) -> set[str]:
    """Return the names of the fields of a body."""
    return set(_shape(serializer, False).fields)
