"""What the importers of JSON share: which files are theirs, how a broken object is told, where a file of a message lies."""

from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from imports.neutral import FileData, Record, Unreadable, text_of
from imports.registry import Reading
from imports.sources import JsonObject

LARGEST_FILE = 100 * 1024 * 1024


def file_of(number: str, name: str, content_type: str, reading: Reading) -> FileData:
    """Keep the file ``attachments/<number>/…`` of the upload, or say that it is not there."""
    member = reading.members.get(f"attachments/{number}/{name}") or reading.members.get(
        f"attachments/{number}"
    )
    if member is None:
        return {"name": name, "missing": _("the upload does not hold it")}
    return reading.keep(name, member.read(LARGEST_FILE), content_type)


def read_safely(found: JsonObject, read: Callable[[JsonObject], Iterator[Record]]) -> Iterator[Record]:
    """Yield what ``read`` makes of an object; what cannot be understood becomes a record that says why."""
    if found.error:
        yield Record("", "", line=found.at, error=found.error)
        return
    try:
        if not isinstance(found.value, dict):
            raise Unreadable(_("It is no object."))
        yield from read(found)
    except Unreadable as error:
        number = found.value.get("id") if isinstance(found.value, dict) else None
        yield Record("", text_of(number, 60), line=found.at, error=str(error))
    except (AttributeError, TypeError, ValueError, KeyError):
        yield Record("", "", line=found.at, error=_("It is not built as documented."))


def is_attachment(name: str) -> bool:
    return name.startswith("attachments/")


def is_json(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return not last.startswith((".", "__")) and last.endswith((".json", ".jsonl", ".ndjson", ".txt"))
