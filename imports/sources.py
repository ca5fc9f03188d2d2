"""Reads uploads that nobody vouches for: plain files, ZIP and TAR files, JSON of any size.

Nothing is unpacked to disk and no name inside an upload becomes part of a path: the files inside are read as streams. What an
upload may swell to is limited, whatever its headers say.
"""

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

import ijson
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from ijson.common import ObjectBuilder

from tickets.message_text import storable

MOST_MEMBERS = 200_000
# An upload may hold so many times its own size, at least so many bytes.
MOST_GROWTH = 100
LEAST_BUDGET = 1024 * 1024 * 1024
LONGEST_RECORD = 64 * 1024 * 1024
# What describes one file of a TAR file, and all of them: names and attributes, all held in memory.
LONGEST_HEADER = 1024 * 1024
MOST_HEADERS = 512 * 1024 * 1024
_CHUNK = 256 * 1024
_PACKED: dict[bytes, Callable[[Path, Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,
}


class Refused(Exception):
    """The upload, or a file in it, cannot be read; the message is for people."""


@dataclass
class Budget:
    """How many bytes may still come out of an upload."""

    left: int

    def take(self, size: int) -> None:
        """Use some up; raises Refused when there is none left."""
        self.left -= size
        if self.left < 0:
            raise Refused(_("The upload swells to far more than its own size and was given up."))


class Limited(io.RawIOBase):
    """A stream that uses up the budget and, while ``watched``, gives up on a record without an end; ``begin`` marks a new one."""

    def __init__(self, inner: IO[bytes], budget: Budget) -> None:
        self._inner = inner
        self._budget = budget
        self._record = 0
        self.watched = True

    def begin(self) -> None:
        """Say that a record was taken from the stream."""
        self._record = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on; raises Refused at a limit or for a damaged file."""
        try:
            data = self._inner.read(len(buffer))
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, RuntimeError, ValueError) as error:
            raise Refused(_("The file is damaged: %s") % error) from error
        except Exception as error:  # zlib, lzma and bz2 have errors of their own
            raise Refused(_("The file is damaged: %s") % error) from error
        self._budget.take(len(data))
        self._record += len(data)
        if self.watched and self._record > LONGEST_RECORD:
            raise Refused(_("A record is longer than %d MB.") % (LONGEST_RECORD // 1024 // 1024))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close what is below, too."""
        if not self.closed:
            self._inner.close()
        super().close()


@dataclass(frozen=True)
class Member:
    """One file of an upload. ``name`` is for display and for guessing what is in it, never for a path."""

    name: str
    size: int
    start: Callable[[], Limited]

    def open(self) -> Limited:
        """Return the content as a limited stream."""
        return self.start()

    def read(self, limit: int) -> bytes:
        """Return the whole content; raises Refused when it is longer than ``limit`` bytes."""
        with self.open() as stream:
            stream.watched = False
            content = _take(stream, limit + 1)
        if len(content) > limit:
            raise Refused(
                _("“%(name)s” is larger than %(size)d MB.") % {"name": self.name, "size": limit >> 20}
            )
        return content


class _TarStream:
    """What is below a TAR file. While it is listed, nothing behind byte ``most`` is unpacked and headers have a limit: few bytes
    may claim to be followed by terabytes."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        self._inner = inner
        self._most = most
        self._headers = MOST_HEADERS
        self.is_listing = True

    def tell(self) -> int:
        """Return the place."""
        return self._inner.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place; raises Refused for one that is too far."""
        if self.is_listing and place > self._most:
            Budget(0).take(1)
        return self._inner.seek(place, whence)

    def read(self, size: int = -1) -> bytes:
        """Read on; raises Refused for a header that is too long, and for too many of them."""
        if self.is_listing:
            self._headers -= max(size, 0)
            if not 0 <= size <= LONGEST_HEADER or self._headers < 0 or self._inner.tell() > self._most:
                Budget(0).take(1)
        return self._inner.read(size)


class SourceFiles:
    """The files of an import, those inside ZIP and TAR files, too; a context manager."""

    def __init__(self, files: Sequence[Mapping[str, Any]]) -> None:
        self._files = files
        self._stack = ExitStack()

    def __enter__(self) -> "SourceFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def members(self) -> list[Member]:
        """Return every file, in an order that is the same each time. Raises Refused."""
        found: list[Member] = []
        for file in self._files:
            path = self._local(file)
            size = path.stat().st_size
            found += self._inside(path, str(file["name"]), Budget(max(LEAST_BUDGET, MOST_GROWTH * size)))
            if len(found) > MOST_MEMBERS:
                raise Refused(_("There are more than %d files in it.") % MOST_MEMBERS)
        return found

    def _local(self, file: Mapping[str, Any]) -> Path:
        """Where the file lies on this machine; a storage elsewhere is copied from first."""
        if "path" in file:
            return Path(file["path"])
        try:
            return Path(default_storage.path(file["key"]))
        except NotImplementedError:
            copy = self._stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115 - the stack closes it
            with default_storage.open(file["key"], "rb") as content:
                while chunk := content.read(_CHUNK):
                    copy.write(chunk)
            copy.flush()
            return Path(copy.name)

    def _inside(self, path: Path, name: str, budget: Budget) -> list[Member]:
        if path.is_dir():
            return self._folder(path, budget)
        with path.open("rb") as file:
            head = file.read(512)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return self._zip(path, budget)
        if (archive := self._opened_tar(path, head, budget)) is not None:
            return self._tar(*archive, budget)
        if head.startswith(b"\x1f\x8b"):
            plain = name.removesuffix(".gz")
            return [
                Member(
                    plain,
                    path.stat().st_size,
                    lambda: Limited(cast(IO[bytes], gzip.open(path, "rb")), budget),
                )
            ]
        return [Member(name, path.stat().st_size, lambda: Limited(path.open("rb"), budget))]

    def _folder(self, folder: Path, budget: Budget) -> list[Member]:
        """The files of a folder that a command named; links out of it are left alone."""
        return [
            Member(
                storable(str(path.relative_to(folder))),
                path.stat().st_size,
                lambda path=path: Limited(path.open("rb"), budget),  # type: ignore[misc]
            )
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        ]

    def _zip(self, path: Path, budget: Budget) -> list[Member]:
        try:
            archive = self._stack.enter_context(zipfile.ZipFile(path))
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise Refused(_("The ZIP file is damaged: %s") % error) from error
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > MOST_MEMBERS:
            raise Refused(_("There are more than %d files in it.") % MOST_MEMBERS)
        if any(info.flag_bits & 1 for info in infos):
            raise Refused(_("The ZIP file is encrypted. Upload it without a password."))

        def starter(info: zipfile.ZipInfo) -> Callable[[], Limited]:
            def start() -> Limited:
                try:
                    return Limited(archive.open(info), budget)
                except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
                    raise Refused(_("The file is damaged: %s") % error) from error

            return start

        return [Member(storable(info.filename), info.file_size, starter(info)) for info in infos]

    def _opened_tar(
        self, path: Path, head: bytes, budget: Budget
    ) -> "tuple[tarfile.TarFile, _TarStream] | None":
        """The TAR file, packed or not, with the stream below; None for another file."""
        unpacked = next((start for magic, start in _PACKED.items() if head.startswith(magic)), None)
        content = self._stack.enter_context(path.open("rb") if unpacked is None else unpacked(path, "rb"))
        stream = _TarStream(content, budget.left)
        try:
            return self._stack.enter_context(tarfile.open(fileobj=stream, mode="r:")), stream  # type: ignore[call-overload]
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            return None

    def _tar(self, archive: tarfile.TarFile, stream: "_TarStream", budget: Budget) -> list[Member]:
        try:
            # Links and devices are no files of the upload, but are listed, too.
            infos = []
            for number, info in enumerate(archive, start=1):
                if info.isreg():
                    infos.append(info)
                if number > MOST_MEMBERS:
                    raise Refused(_("There are more than %d files in it.") % MOST_MEMBERS)
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise Refused(_("The TAR file is damaged: %s") % error) from error
        stream.is_listing = False

        def starter(info: tarfile.TarInfo) -> Callable[[], Limited]:
            def start() -> Limited:
                content = archive.extractfile(info)
                if content is None:
                    raise Refused(_("The file is damaged: %s") % info.name)
                return Limited(content, budget)

            return start

        return [Member(storable(info.name), info.size, starter(info)) for info in infos]


def _take(stream: Limited, limit: int) -> bytes:
    parts, left = [], limit
    while left > 0 and (part := stream.read(min(_CHUNK, left))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


@dataclass(frozen=True)
class JsonObject:
    """One object of a JSON file: the name of the list it stood in, where (line or place), and its value or what is wrong."""

    list_name: str
    at: int
    value: Any
    error: str = ""


_BLANK = re.compile(rb"[\s\xef\xbb\xbf]*")


def json_objects(member: Member, lists: Collection[str] = ()) -> Iterator[JsonObject]:
    """Yield the objects of a file: one a line (JSON Lines), the elements of a list, or those of the lists named ``lists``
    inside objects, as pages of an API have them. A broken line is told and passed; a broken list ends there.

    Raises Refused for what cannot be read at all.
    """
    with member.open() as raw, io.BufferedReader(raw, _CHUNK) as stream:
        head = stream.peek(_CHUNK)[:_CHUNK]
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Refused(_("The file is not UTF-8. Save it as UTF-8 and try again."))
        blank = _BLANK.match(head)
        begin = head[blank.end() if blank else 0 :][:1]
        if begin == b"{" and _is_lines(head):
            yield from _lines(stream, raw, lists)
        elif begin in (b"{", b"["):
            stream.read(3 if head.startswith(b"\xef\xbb\xbf") else 0)
            yield from _streamed(stream, raw, lists)
        elif begin:
            raise Refused(_("“%s” is not JSON.") % member.name)


def _is_lines(head: bytes) -> bool:
    """Whether the first line is an object of its own."""
    first, newline, _rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not newline:
        return len(head) < _CHUNK and _parses(first)
    return _parses(first) or not first.strip().endswith((b"{", b"[", b","))


def _parses(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _lines(
    stream: "io.BufferedReader[Limited]", raw: Limited, lists: Collection[str]
) -> Iterator[JsonObject]:
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_RECORD), b""), start=1):
        raw.begin()
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            value = json.loads(text)
        except UnicodeDecodeError:
            yield JsonObject("", number, None, _("The line is not UTF-8."))
            continue
        except (ValueError, RecursionError) as error:
            yield JsonObject("", number, None, _("The line is not JSON: %s") % str(error)[:200])
            continue
        pages = [name for name in lists if isinstance(value, dict) and isinstance(value.get(name), list)]
        if pages:
            for name in pages:
                yield from (JsonObject(name, number, one) for one in value[name])
        else:
            yield JsonObject("", number, value)


def _streamed(
    stream: "io.BufferedReader[Limited]", raw: Limited, lists: Collection[str]
) -> Iterator[JsonObject]:
    """Elements of a top-level list, or of the named lists of top-level objects, without holding more than one of them."""
    wanted = {"item": "", **{f"{name}.item": name for name in lists}}
    builder: ObjectBuilder | None = None
    inside, number, depth = "", 0, 0
    try:
        for prefix, event, value in ijson.parse(stream, multiple_values=True, use_float=True):
            if builder is None:
                if prefix not in wanted or event in ("end_map", "end_array", "map_key"):
                    continue
                builder, inside, depth = ObjectBuilder(), prefix, 0
            builder.event(event, value)
            depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
            if prefix == inside and depth == 0:
                number += 1
                raw.begin()
                yield JsonObject(wanted[inside], number, builder.value)
                builder = None
    except (ijson.JSONError, UnicodeDecodeError, RecursionError, ValueError) as error:
        yield JsonObject("", number + 1, None, _("The rest of the file is not JSON: %s") % str(error)[:200])
