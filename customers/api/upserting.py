"""How batches of rows are taken that another system sends again and again."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api.serializers import BulkUpsertOut
from customers.upserts import MOST_ROWS, Upserted
from people.api.permissions import viewer_of


def upserted(
    request: Request, row: type[Any], upsert: Callable[..., list[Upserted]], most: int = MOST_ROWS
) -> Response:
    """Judge the rows of a body one by one by their shape, hand the good ones to ``upsert``, tell of all.

    Raises ValidationError for what is no list of 1 to ``most``.
    """
    items = request.data.get("items") if isinstance(request.data, Mapping) else None
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        raise ValidationError({"items": [_("Give a list of 1 to %d.") % most]})
    shape = row(partial=True)
    done: dict[int, Upserted] = {}
    good: list[tuple[int, Mapping[str, Any]]] = []
    for index, item in enumerate(items):
        named = item.get("external_id") if isinstance(item, Mapping) else None
        try:
            values = shape.run_validation(item)
            if unknown := sorted(set(item) - set(shape.fields)):
                raise ValidationError({name: [_("There is no such field.")] for name in unknown})
            if "external_id" not in values:
                raise ValidationError({"external_id": [_("This field is required.")]})
            good.append((index, values))
        except ValidationError as error:
            errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
            done[index] = Upserted.refusal(index, named if isinstance(named, str) else "", errors)
    for (index, _values), one in zip(
        good, upsert(rows=[values for _index, values in good], by=viewer_of(request)), strict=True
    ):
        done[index] = replace(one, index=index)
    rows = [done[index] for index in range(len(items))]
    counts = Counter(one.status for one in rows)
    answer = {name: counts[name] for name in ("created", "updated", "unchanged", "refused")}
    return Response(BulkUpsertOut({**answer, "items": rows}).data)
