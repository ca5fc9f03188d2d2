"""Uploads that nobody vouches for: whatever is in them, records or a refusal come out, within limits."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports import sources
from imports.importers.csv_tables import CsvTables
from imports.importers.freshdesk import Freshdesk
from imports.importers.mails import mails_of
from imports.importers.zammad import Zammad
from imports.importers.zendesk import Zendesk
from imports.neutral import FileData, Unreadable, moment_of
from imports.registry import Importer, Reading
from imports.sources import Budget, Limited, Member, Refused, SourceFiles, json_objects

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    [
        "id", "subject", "title", "status", "state", "requester_id", "customer_id", "comments", "articles", "conversations",
        "attachments", "author_id", "body", "created_at", "custom_fields", "tags", "role", "email", "domain_names", "number",
        "helpdesk_ticket", "user", "contact", "data", "sender", "metric_set", "public", "private", "incoming", "ticket_id",
    ]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)

OBJECTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=8), min_size=1, max_size=4)


def member_of(content: bytes, name: str = "tickets.json") -> Member:
    """A file as an upload holds it."""
    return Member(name, len(content), lambda: Limited(io.BytesIO(content), Budget(10**9)))


def keep(name: str, content: bytes, content_type: str) -> FileData:
    """Keep nothing."""
    return {"name": name, "content_type": content_type, "key": "k", "size": len(content), "sha256": "0"}


def reading() -> Reading:
    """What an importer may use."""
    return Reading({"table": "ticket"}, {}, keep)


def read_all(importer: Importer, content: bytes, name: str = "tickets.json") -> list[Any]:
    """Read everything and convert it; only the two declared errors may come out."""
    found = []
    try:
        for record in importer.records(member_of(content, name), reading()):
            json.dumps(record.data)
            found.append(record)
            if record.kind == "ticket" and not record.error:
                importer.convert("ticket", record.data, {"column": {"a": "subject", "b": "created_at"}})
    except (Refused, Unreadable):
        pass
    return found


@MANY
@given(OBJECTS, st.sampled_from([Zendesk, Freshdesk, Zammad]))
def test_objects_of_any_shape_become_records_or_say_why(objects: list[Any], importer: type[Importer]) -> None:
    for content in (json.dumps(objects), "\n".join(json.dumps(one) for one in objects)):
        read_all(importer(), content.encode())


@MANY
@given(st.binary(max_size=400), st.sampled_from(["", "{", "[", '{"tickets": ['.replace(" ", "")]))
def test_bytes_of_any_kind_are_records_or_a_refusal(content: bytes, head: str) -> None:
    read_all(Zendesk(), head.encode() + content)
    read_all(CsvTables(), head.encode() + content, "a.csv")
    assert all(isinstance(one, bytes) for one in mails_of(member_of(content)))


@MANY
@given(st.text(max_size=40) | st.integers() | st.floats())
def test_a_moment_is_one_with_a_zone_or_is_refused(value: Any) -> None:
    try:
        found = moment_of(value)
    except Unreadable:
        return
    assert found == "" or found.endswith("+00:00") or found[-6] in "+-"


def test_lists_in_pages_come_one_by_one_and_a_broken_end_is_told() -> None:
    page = b'\xef\xbb\xbf {"count": 2,\n "tickets": [{"id": 1, "x": [1, {"y": 2}]}, {"id": 2}], "users": [{"id": 3}]} '
    found = [(one.list_name, one.value) for one in json_objects(member_of(page), ("tickets", "users"))]
    assert found == [("tickets", {"id": 1, "x": [1, {"y": 2}]}), ("tickets", {"id": 2}), ("users", {"id": 3})]
    torn = list(json_objects(member_of(b'[{"id": 1}, {"id": 2}, {"id'), ()))
    assert [one.value for one in torn if not one.error] == [{"id": 1}, {"id": 2}]
    assert "not JSON" in torn[-1].error
    lines = list(json_objects(member_of(b'{"id": 1}\nnonsense\n\xff\xfe\n{"id": 2}\n'), ()))
    assert [one.value for one in lines if not one.error] == [{"id": 1}, {"id": 2}]
    assert [one.at for one in lines if one.error] == [2, 3]


def files(tmp_path: Path, name: str, content: bytes) -> list[dict[str, str]]:
    """An upload on this machine."""
    path = tmp_path / name
    path.write_bytes(content)
    return [{"name": name, "path": str(path)}]


def read_members(upload: list[dict[str, str]]) -> list[bytes]:
    """The contents of the files of an upload."""
    with SourceFiles(upload) as source:
        return [member.read(10**9) for member in source.members()]


@pytest.mark.parametrize("form", ["zip", "gz", "tar"])
def test_an_upload_that_swells_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(sources, "LEAST_BUDGET", 1_000_000)
    zeros = b"0" * 20_000_000
    packed = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tickets.json", zeros)
    elif form == "gz":
        packed.write(gzip.compress(zeros))
    else:
        with tarfile.open(fileobj=packed, mode="w:bz2") as archive_of:
            info = tarfile.TarInfo("tickets.json")
            info.size = len(zeros)
            archive_of.addfile(info, io.BytesIO(zeros))
    upload = files(tmp_path, f"tickets.json.{form}", packed.getvalue())
    with pytest.raises(Refused, match="swells"):
        read_members(upload)


@pytest.mark.parametrize("opened", [gzip.open, bz2.open, lzma.open, open])
def test_a_tar_of_every_packing_is_read(tmp_path: Path, opened: Any) -> None:
    plain = io.BytesIO()
    long_name = "é" * 90 + "/tickets.json"
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in ((long_name, b"[1]"), ("b.json", b"[2]" * 9000)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with opened(tmp_path / "d.tar", "wb") as file:
        file.write(plain.getvalue())
    upload = [{"name": "d.tar", "path": str(tmp_path / "d.tar")}]
    assert read_members(upload) == [b"[1]", b"[2]" * 9000]
    with SourceFiles(upload) as source:
        assert [member.name for member in source.members()] == [long_name, "b.json"]


def tar_of(kind: bytes, size: int) -> tarfile.TarInfo:
    """The head of a file of that kind that claims a size."""
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, size
    return info


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_a_tar_that_swells_is_given_up(tmp_path: Path, kind: bytes, first: bool) -> None:
    begin = b"" if first else tar_of(tarfile.REGTYPE, 0).tobuf()
    swollen = begin + tar_of(kind, 30_000_000).tobuf() + b"0" * 30_000_000
    with (
        pytest.raises(Refused, match="swells"),
        SourceFiles(files(tmp_path, "d.tar.gz", gzip.compress(swollen))) as source,
    ):
        source.members()


def test_a_listing_of_a_tar_has_the_budget_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LEAST_BUDGET", 1_000_000)
    swollen = (
        tar_of(tarfile.REGTYPE, 20_000_000).tobuf() + b"0" * 20_000_000 + tar_of(tarfile.REGTYPE, 0).tobuf()
    )
    with (
        pytest.raises(Refused, match="swells"),
        SourceFiles(files(tmp_path, "d.tar.bz2", bz2.compress(swollen))) as source,
    ):
        source.members()
    monkeypatch.setattr(sources, "MOST_HEADERS", 5_000)
    many = b"".join(tar_of(tarfile.DIRTYPE, 0).tobuf() for _number in range(20))
    with pytest.raises(Refused, match="swells"), SourceFiles(files(tmp_path, "e.tar", many)) as source:
        source.members()


def test_a_record_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_RECORD", 1_000_000)
    endless = b'[{"subject": "' + b"x" * 3_000_000
    with pytest.raises(Refused, match="longer"):
        list(json_objects(member_of(endless), ()))


def test_names_that_climb_out_of_the_upload_are_only_names(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../etc/cron.d/evil", b'[{"id": 1}]')
        archive.writestr("/etc/abs.json", b"[]")
    before = set(tmp_path.iterdir())
    with SourceFiles(files(tmp_path, "d.zip", packed.getvalue())) as source:
        members = source.members()
        assert [member.read(100) for member in members] == [b'[{"id": 1}]', b"[]"]
    assert set(tmp_path.iterdir()) - before == {tmp_path / "d.zip"}


def test_a_password_protected_zip_says_so(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tickets.json", b"[]")
    content = bytearray(packed.getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    upload = files(tmp_path, "d.zip", bytes(content))
    with pytest.raises(Refused, match="encrypted"):
        read_members(upload)
