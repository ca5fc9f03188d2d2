"""What becomes of the rows of a batch that another system sends again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

MOST_ROWS = 500


@dataclass(frozen=True)
class Upserted:
    """What became of row ``index``: created, updated, unchanged or refused; then ``errors`` names the fields."""

    index: int
    external_id: str
    status: str
    id: int | None = None
    errors: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, index: int, external_id: str, pk: int, changed: Mapping[str, Any] | None) -> "Upserted":
        """Return the result of a row that was written; ``changed`` is None for a new one."""
        status = "created" if changed is None else "updated" if changed else "unchanged"
        return cls(index, external_id, status, pk)

    @classmethod
    def refusal(cls, index: int, external_id: str, errors: Mapping[str, Any]) -> "Upserted":
        """Return the result of a row that was refused."""
        return cls(index, external_id, "refused", None, errors)


def refuse_repeated(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ("external_id",)
) -> dict[int, Mapping[str, Any]]:
    """Return the refusals of rows whose ``external_id`` (all of ``names``) an earlier row of the batch has."""
    seen: set[tuple[str, ...]] = set()
    refused: dict[int, Mapping[str, Any]] = {}
    for index, row in enumerate(rows):
        identity = tuple(str(row[name]) for name in names)
        if identity in seen:
            refused[index] = {"external_id": [_("An earlier row of this batch has the same one.")]}
        seen.add(identity)
    return refused
