"""Files by content: one key per content, never a half file, never a name from outside."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage, default_storage

from tickets.stored_files import read_file, store_file

pytestmark = pytest.mark.django_db


def test_the_same_content_is_one_file(settings: Any) -> None:
    content = b"\x00raw\r\nmail"
    sha256, key = store_file(content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert key == f"{sha256[:2]}/{sha256[2:]}"
    assert store_file(content) == (sha256, key)
    assert read_file(key) == content
    assert [path.is_file() for path in (Path(settings.MEDIA_ROOT) / sha256[:2]).iterdir()] == [True]


def test_a_half_written_file_is_written_again(settings: Any) -> None:
    _sha256, key = store_file(b"a whole mail")
    (Path(settings.MEDIA_ROOT) / key).write_bytes(b"a wh")
    store_file(b"a whole mail")
    assert read_file(key) == b"a whole mail"


@pytest.mark.parametrize("key", ["../../etc/passwd", "ab/cd", "/etc/passwd", "AB/" + "c" * 62])
def test_only_keys_are_read(key: str) -> None:
    with pytest.raises(ValueError):
        read_file(key)


def test_a_file_that_was_erased_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        read_file("")


def test_other_storages_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_storage, "_wrapped", InMemoryStorage())
    _sha256, key = store_file(b"content")
    assert store_file(b"content")[1] == key
    assert read_file(key) == b"content"
