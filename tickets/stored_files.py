"""Files of messages and raw mails, kept by the SHA-256 of their content under the media storage.

A key is ``<2 hex>/<62 hex>`` and nothing a sender wrote is part of it. Storing the same bytes again changes nothing,
so a repeated or interrupted intake leaves no second copy and no half file. Each content has a row
(``tickets.models.StoredFile``), by which the scanner finds it.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.functional import LazyObject

from tickets.models import StoredFile

_THREADS = 8
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")


def storage_key(sha256: str) -> str:
    """The key of content with this SHA-256 in hex."""
    return f"{sha256[:2]}/{sha256[2:]}"


def store_file(content: bytes) -> tuple[str, str]:
    """Keep ``content`` durably and return (SHA-256 in hex, storage key). Raises OSError when it cannot be kept."""
    return store_files([content])[0]


def store_files(contents: Sequence[bytes]) -> list[tuple[str, str]]:
    """Keep several contents, as ``store_file`` does each, with one query for all of them."""
    if len(contents) < 2:
        places = [_keep(content) for content in contents]
    else:
        # Threads share the waits for the disk: eight files at once take a third of the time.
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="store") as threads:
            places = list(threads.map(_keep, contents))
    note_contents({sha256: len(content) for (sha256, _key), content in zip(places, contents, strict=True)})
    return places


def _keep(content: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    key = storage_key(sha256)
    if isinstance(_backend(), FileSystemStorage):
        _write(Path(default_storage.path(key)), content)
    elif not default_storage.exists(key):
        default_storage.save(key, ContentFile(content))
    return sha256, key


def note_contents(sizes: Mapping[str, int]) -> None:
    """Make the rows of stored contents, given as size by SHA-256, that have none yet, for the scanner to look at. One query."""
    rows = [StoredFile(sha256=sha256, size=size) for sha256, size in sizes.items()]
    StoredFile.objects.bulk_create(rows, ignore_conflicts=True)


def note_stored(sha256s: Collection[str]) -> None:
    """Do the same for those of these contents that are in the storage."""
    sizes = {}
    for sha256 in sha256s:
        key = storage_key(sha256)
        if _KEY.fullmatch(key) and default_storage.exists(key):
            sizes[sha256] = default_storage.size(key)
    note_contents(sizes)


def read_file(key: str) -> bytes:
    """The content stored under ``key``. Raises FileNotFoundError, also for the empty key of what was erased, and ValueError
    for what is no key."""
    if not key:
        raise FileNotFoundError("erased")
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    with default_storage.open(key, "rb") as file:
        return bytes(file.read())


def delete_file(key: str) -> None:
    """Delete the file stored under ``key``, if there is one, and what is known about it. Raises ValueError for what is no key."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a storage key: {key!r}")
    default_storage.delete(key)
    StoredFile.objects.filter(sha256=key.replace("/", "")).delete()


def _backend() -> object:
    if isinstance(default_storage, LazyObject):
        default_storage.exists("")  # makes the lazy object build its backend
    return getattr(default_storage, "_wrapped", default_storage)


def _write(path: Path, content: bytes) -> None:
    """Write beside, force to disk, then rename: the key never names a partly written file."""
    if path.is_file() and path.stat().st_size == len(content):
        return
    path.parent.mkdir(mode=settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS or 0o750, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o640)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
