"""The extension point of imports: kinds of sources. A new one is one class in ``imports/importers/<name>.py``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from core.registry import Label, Part, Registry
from imports.neutral import FileData, Record
from imports.sources import Member

PASSED = Record("note", "")


@dataclass(frozen=True)
class Reading:
    """What a part may use while it reads: the options of the import, every file of the upload, and the store of files.

    ``keep(name, content, content_type)`` stores a file and says how a message names it. While ``is_passing()``, the next record
    was stored before and is thrown away: an importer that works hard for a record may yield ``PASSED`` for it.
    """

    options: Mapping[str, Any]
    members: Mapping[str, Member]
    keep: Callable[[str, bytes, str], FileData]
    is_passing: Callable[[], bool] = lambda: False


class Importer(Part):
    """Reads the files of one kind of source into records of the neutral form.

    ``translated`` are the kinds of values that the mapping page asks about; ``guesses`` say by kind which of ours a value of
    theirs most likely is. ``is_table`` says that the mapping is about columns instead. Reading must be repeatable and give the
    same records in the same order: a killed worker goes on behind the last one that was stored.
    """

    label: ClassVar[Label] = ""
    description: ClassVar[Label] = ""
    files_help: ClassVar[Label] = ""
    accept: ClassVar[str] = ""
    guide: ClassVar[str] = ""
    translated: ClassVar[tuple[str, ...]] = ("status", "priority", "type", "group", "field")
    guesses: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    is_table: ClassVar[bool] = False

    def records(self, member: Member, reading: Reading) -> Iterator[Record]:
        """Yield the records of one file; nothing for a file that is none of the source's. Raises sources.Refused."""
        raise NotImplementedError

    def convert(self, kind: str, data: Mapping[str, Any], mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a stored record in the neutral form. Raises Unreadable. Only tables are stored otherwise."""
        return data

    def columns(self, options: Mapping[str, Any]) -> Iterable[tuple[str, Label]]:
        """Return the (key, label) pairs that columns of a table can be mapped to."""
        return ()


importers: Registry[Importer] = Registry(Importer, "importers")
