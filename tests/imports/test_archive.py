"""Archives of everything: what is in them, that they come back equal, that secrets and other people's eyes stay out."""

import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Event, Setting
from core.sealing import seal_events, verify_events
from core.secret_box import seal
from customers.models import Contact
from imports.archive_tables import APPS, LEFT_OUT, archived_columns, archived_tables, line_of, values_of
from imports.models import Archive, ExternalRef
from imports.services.restore_archive import restore_archive
from people.models import User
from people.viewer import system_viewer
from tests.imports.conftest import DUMPS, zipped
from tickets.models import Attachment, ChannelPayload, Inbox, Ticket, ViewCount
from tickets.stored_files import read_file

PAYLOAD = b"\x00\xff{}\n"
# A value of every kind of column, none of which is the default.
VALUES: dict[str, Any] = {
    "BigAutoField": 7,
    "AutoField": 7,
    "BigIntegerField": -(2**60),
    "IntegerField": -7,
    "SmallIntegerField": -7,
    "PositiveIntegerField": 7,
    "PositiveSmallIntegerField": 7,
    "PositiveBigIntegerField": 2**60,
    "BooleanField": True,
    "CharField": '"ü\n',
    "TextField": '"ü\n',
    "EmailField": "a@b.example",
    "URLField": "https://b.example/",
    "SlugField": "a-b",
    "FloatField": 0.1,
    "DecimalField": Decimal("7.25"),
    "DateField": date(2026, 2, 28),
    "DateTimeField": datetime(2026, 2, 28, 23, 59, 59, 1, tzinfo=UTC),
    "TimeField": time(23, 59, 59),
    "DurationField": timedelta(days=1, microseconds=1),
    "UUIDField": UUID(int=7),
    "JSONField": {"a": ["ü", 1, None]},
    "BinaryField": PAYLOAD,
}


@pytest.fixture
def full(
    upload: Any, finish: Any, agent: User, contact: Contact, inbox: Inbox, settings: Any, tmp_path: Path
) -> Path:
    """An installation with tickets, files, a sealed log and a secret; returns a folder that is still to be made."""
    finish(
        upload(
            "zendesk",
            {"d.zip": zipped(DUMPS / "zendesk", **{"attachments/498483/invoice.pdf": b"%PDF-fake"})},
        )
    )
    Inbox.objects.filter(pk=inbox.pk).update(
        config={"password": "hunter2", "kept": [seal("hunter3", purpose="x")], "port": 1}
    )
    ChannelPayload.objects.create(
        inbox=inbox, delivery_id="d1", body=PAYLOAD, received_at=timezone.now(), state="processed"
    )
    while seal_events():
        pass
    return tmp_path / "first"


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def counted() -> list[tuple[str, int]]:
    """The counters of views."""
    rows = ViewCount.objects.exclude(view="~").filter(count__gt=0).order_by("view", "team")
    return list(rows.values_list("view", "count"))


def empty_everything() -> None:
    """Bring the database to where an installation is right after its migrations, but for the rows that these make."""
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        tables = [
            model._meta.db_table
            for model in apps.get_models(include_auto_created=True)
            if model._meta.app_label in APPS
        ]
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
    Setting.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_what_was_exported_comes_back_equal(full: Path, tmp_path: Path, settings: Any) -> None:
    call_command("export_everything", str(full), "--json", stdout=io.StringIO())
    first = files_of(full)
    tickets, contents = Ticket.objects.count(), list(Attachment.objects.values_list("storage_key", flat=True))
    counters = counted()
    empty_everything()
    settings.MEDIA_ROOT = tmp_path / "other-media"
    out = io.StringIO()
    call_command("import_data", "cs_ops", str(full), "--json", stdout=out, stderr=io.StringIO())
    done = json.loads(out.getvalue().splitlines()[-1])
    assert Ticket.objects.count() == tickets
    assert [read_file(key) for key in contents] == [b"%PDF-fake"]
    assert bytes(ChannelPayload.objects.get().body) == PAYLOAD
    assert counted() == counters
    assert verify_events().ok
    call_command("export_everything", str(tmp_path / "second"), stdout=io.StringIO())
    second = files_of(tmp_path / "second")
    # The log has gone on by the restoring, the import that made the references stays behind, and the manifest has the time.
    # Everything else is the same byte for byte.
    log = (
        "rows/core.Event",
        "rows/core.Sequencer",
        "rows/imports.ExternalRef",
        "rows/core.Setting",
        "manifest.json",
    )
    same = {name for name in first if not name.startswith(log)}
    assert {name for name in second if not name.startswith(log)} == same
    assert [name for name in same if first[name] != second[name]] == []
    before = first["rows/core.Event/000001.jsonl"].splitlines()
    after = second["rows/core.Event/000001.jsonl"].splitlines()
    assert after[: len(before)] == before
    assert [json.loads(line)["verb"] for line in after[len(before) :]] == ["imports.archive_restored"]
    assert done["rows"] == sum(json.loads(first["manifest.json"])["counts"].values())
    references = [json.loads(line) for line in second["rows/imports.ExternalRef/000001.jsonl"].splitlines()]
    assert {one["made_by_id"] for one in references} == {None}
    assert not User.objects.filter(password="").exists()
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_no_secret_is_in_it(full: Path, admin: User) -> None:
    call_command("export_everything", str(full), stdout=io.StringIO())
    everything = b"".join(files_of(full).values())
    assert b"hunter2" not in everything
    assert b"gAAAAA" not in everything
    assert admin.password.encode() not in everything
    names = {field.name for model in archived_tables() for field in archived_columns(model)}
    assert not [
        name for name in names if "password" in name or "secret" in name or name.startswith("sealed_p")
    ]
    lines = files_of(full)["rows/tickets.Inbox/000001.jsonl"].splitlines()
    [inbox] = [json.loads(line) for line in lines if b"Support" in line]
    assert inbox["config"] == {"password": None, "kept": [None], "port": 1}


def test_every_kind_of_column_has_a_form_that_comes_back() -> None:
    for model in archived_tables():
        values = {}
        for field in archived_columns(model):
            target: Any = field
            while target.is_relation:
                target = target.target_field
            values[field.attname] = VALUES[target.get_internal_type()]
        found = values_of(model, line_of(model, values))
        for name, value in values.items():
            back = bytes(found[name]) if isinstance(found[name], memoryview) else found[name]
            assert back == value, f"{model._meta.label}.{name}"


def test_every_table_that_is_left_out_exists() -> None:
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    assert set(LEFT_OUT) <= labels


@pytest.mark.django_db(transaction=True)
def test_a_changed_archive_and_a_used_installation_are_refused(full: Path, tmp_path: Path) -> None:
    call_command("export_everything", str(full), stdout=io.StringIO())
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_everything", str(full), stdout=io.StringIO())
    with pytest.raises(CommandError, match="in use"):
        call_command("import_data", "cs_ops", str(full), stdout=io.StringIO())
    part = full / "rows/tickets.Ticket/000001.jsonl"
    part.write_bytes(part.read_bytes().replace(b"Invoice", b"Invoyce"))
    empty_everything()
    with pytest.raises(ValidationError, match="was changed"):
        restore_archive(path=full, by=system_viewer("command"))
    assert not Ticket.objects.exists()


def test_an_archive_by_the_page_is_only_for_who_asked(
    full: Path, admin: User, login: Callable[[User], Client], work: Any, lead_user: User
) -> None:
    browser = login(admin)
    browser.post(reverse("settings-archives"))
    assert "so far" in browser.get(reverse("settings-archives")).content.decode()
    work()
    archive = Archive.objects.get()
    address = reverse("settings-archive-file", args=[archive.reference])
    assert address in browser.get(reverse("settings-archives")).content.decode()
    content = b"".join(browser.get(address).streaming_content)  # type: ignore[attr-defined]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert manifest["counts"]["tickets.Ticket"] == Ticket.objects.count()
    assert sum(name.startswith("files/") for name in names) == manifest["files"]["count"] > 0
    other = User.objects.create_user("boss@desk.example", name="Boss", role="admin")
    assert login(other).get(address).status_code == 404
    assert login(lead_user).get(address).status_code == 403
    assert Event.objects.filter(verb="imports.archive_fetched").count() == 1
    browser.post(reverse("settings-archive-discard", args=[archive.reference]))
    assert browser.get(address).status_code == 404


def test_a_killed_archive_goes_on_behind_its_last_whole_piece(
    full: Path, admin: User, work: Any, monkeypatch: Any
) -> None:
    from imports.services import make_archive

    archive = make_archive.request_archive(by=admin.as_viewer())
    monkeypatch.setattr(make_archive, "SLICE_SECONDS", -1.0)
    state, whole = make_archive.write_slice(archive, {})
    assert not whole
    path = make_archive._work_file(archive)
    with path.open("ab") as torn:
        torn.write(b"half a piece of a worker that was killed")
    archive.job.cursor = state
    archive.job.save()
    work()
    archive.refresh_from_db()
    with (
        make_archive.fetch_archive(archive=archive, by=admin.as_viewer()) as content,
        tarfile.open(fileobj=content) as tar,
    ):
        names = tar.getnames()
    assert len(names) == len(set(names))
    assert "manifest.json" in names
    assert ExternalRef.objects.exists()
