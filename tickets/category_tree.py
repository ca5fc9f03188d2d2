"""Which categories are kinds of which, kept in the process (``core.kept_rows``): for names, lists and filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from core.kept_rows import KeptRows
from tickets.models import Category


@dataclass(frozen=True)
class CategoryTree:
    """The categories by primary key: ``rows`` holds name and parent. Nobody changes it."""

    rows: Mapping[int, tuple[str, int | None]]

    def lineage(self, pk: int | None) -> list[int]:
        """Return a category and those above it, itself first; empty for one that is not known."""
        found: list[int] = []
        while pk is not None and pk in self.rows and pk not in found:
            found.append(pk)
            pk = self.rows[pk][1]
        return found

    def names(self, pk: int) -> list[str]:
        """Return the names from the top down to the category."""
        return [self.rows[one][0] for one in reversed(self.lineage(pk))]

    @cached_property
    def under(self) -> Mapping[int, frozenset[int]]:
        """Every category with all that lie under it."""
        found: dict[int, set[int]] = {pk: set() for pk in self.rows}
        for pk in self.rows:
            for above in self.lineage(pk)[1:]:
                found[above].add(pk)
        return {pk: frozenset(kinds) for pk, kinds in found.items()}

    @cached_property
    def in_order(self) -> list[int]:
        """Every category, each followed by its kinds, by name."""
        return sorted(self.rows, key=lambda pk: [name.casefold() for name in self.names(pk)])

    def levels(self, pk: int) -> int:
        """Return how many levels the category and what lies under it take, at least 1."""
        own = len(self.lineage(pk))
        return 1 + max((len(self.lineage(kind)) - own for kind in self.under[pk]), default=0)

    def possible_parents(self, pk: int | None) -> list[int]:
        """Return what a category (None: a new one) can be a kind of, in order: no cycle, no level too many."""
        taken = set() if pk is None else {pk, *self.under[pk]}
        room = Category.MOST_LEVELS - (1 if pk is None else self.levels(pk))
        return [one for one in self.in_order if one not in taken and len(self.lineage(one)) <= room]


def read_tree() -> CategoryTree:
    """Return the tree as it is now. One query."""
    rows = Category.objects.order_by().values_list("pk", "name", "parent_id")
    return CategoryTree({pk: (name, parent) for pk, name, parent in rows})


_kept = KeptRows(read_tree, Category)


def category_path(pk: int | None) -> str:
    """Return "Hardware > Laptop"; "" for none. A category that is newer than what is kept is read."""
    if pk is None:
        return ""
    if pk not in _kept.get().rows:
        _kept.forget()
    return " > ".join(_kept.get().names(pk))


def with_kinds(pk: int) -> frozenset[int]:
    """Return a category with all that lie under it, as it was two seconds ago at the latest."""
    return _kept.get().under.get(pk, frozenset()) | {pk}


def sorted_by_path(categories: list[Category]) -> list[Category]:
    """Return them as a tree is read: each followed by its kinds."""
    return sorted(categories, key=lambda one: category_path(one.pk).casefold().split(" > "))
