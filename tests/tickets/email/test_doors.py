"""The ways in: files, folders, mboxes and maildirs by command, and the watched drop folder."""

import json
import os
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.tickets.email.mails import mail_of
from tickets.channels.email.mail_files import MailFiles
from tickets.channels.email.services import poll_drop_folder as polling
from tickets.channels.email.services.poll_drop_folder import drop_folder, poll_drop_folder, poll_drop_folders
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Inbox, MailLedger, Ticket

MBOX = (
    b"From mette@halden.example  Mon Mar  2 10:00:00 2026\n" + mail_of(body="one\n\nFrom now on it fails.\n>From here")
    + b"\nFrom ole@partner.example Tue Mar 03 11:00:00 2026\nSubject: two\nFrom: ole@partner.example\n\n"
    b"From Monday on, From: nobody\n\nFrom x@y.example Wed Mar  4 11:00:00 2026\nthis is no header\n"
)  # fmt: skip


def import_mail(*paths: Path, **options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "import_mail", *map(str, paths), inbox="Archive", json=True, stdout=out, stderr=StringIO(), **options
    )
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return result


def test_an_mbox_is_split_at_separators_only(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(MBOX)
    found = list(MailFiles([path]))
    assert [mail.source for mail in found] == [f"{path}#1", f"{path}#2"]
    assert found[0].raw == mail_of(body="one\n\nFrom now on it fails.\n>From here") + b"\n"
    assert found[1].raw.startswith(b"Subject: two")
    assert b"this is no header" in found[1].raw
    single = tmp_path / "single.eml"
    single.write_bytes(MBOX)
    assert [mail.raw for mail in MailFiles([single])] == [MBOX]


def test_folders_and_maildirs(tmp_path: Path) -> None:
    for name in (
        "a.eml",
        "b.msg",
        "c",
        "d.xml",
        ".hidden",
        "box/cur/1:2,S",
        "box/new/2",
        "box/tmp/3",
        "deep/er/e.eml",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail_of(subject=name))
    files = MailFiles([tmp_path])
    assert {Path(mail.source).name for mail in files} == {"a.eml", "b.msg", "c", "1:2,S", "2", "e.eml"}
    assert files.skipped == 2
    assert [mail.error for mail in MailFiles([tmp_path / "d.xml"])] == [""]
    [missing] = MailFiles([tmp_path / "gone.eml"])
    assert missing.error


@pytest.mark.django_db
def test_import_counts_every_mail_once(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "archive.mbox").write_bytes(MBOX)
    (folder / "broken.eml").write_bytes(b"\x00\x01")
    (folder / "spam.eml").write_bytes(mail_of(X_Spam_Flag="YES"))
    (folder / "copy.eml").write_bytes(mail_of(X_Spam_Flag="YES"))
    (folder / "empty.eml").write_bytes(b"")
    (folder / "expected.xml").write_bytes(b"<xml/>")
    states = {"duplicate": 1, "quarantined": 2, "spam": 1, "ticket": 2}
    assert import_mail(folder) == {"total": 6, "states": states, "errors": 0}
    assert Inbox.objects.get(name="Archive").channel == "email"
    assert import_mail(folder) == {"total": 6, "states": {"duplicate": 6}, "errors": 0}
    assert (MailLedger.objects.count(), Ticket.objects.count()) == (5, 2)


@pytest.mark.django_db
def test_import_finishes_what_a_killed_import_left(tmp_path: Path, inbox: Inbox) -> None:
    path = tmp_path / "1.eml"
    path.write_bytes(mail_of())
    archive = Inbox.objects.create(name="Archive", channel="email")
    left, _created = store_mail(raw=mail_of(), inbox=archive)
    MailLedger.objects.filter(pk=left.pk).update(
        attempts=1, leased_until=timezone.now() + timedelta(seconds=1)
    )
    assert import_mail(path) == {"total": 1, "states": {"ticket": 1}, "errors": 0}


@pytest.mark.django_db
def test_import_keeps_dates_on_request(tmp_path: Path) -> None:
    path = tmp_path / "old.eml"
    path.write_bytes(mail_of(Date="Mon, 2 Mar 2020 10:00:00 +0000"))
    assert import_mail(path, keep_dates=True)["states"] == {"ticket": 1}
    assert Ticket.objects.get().created_at.year == 2020


@pytest.mark.django_db
def test_import_of_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert import_mail(empty) == {"total": 0, "states": {}, "errors": 0}
    with pytest.raises(CommandError):
        import_mail(tmp_path / "missing")


def put(path: Path, content: bytes, age: float = 5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.django_db
def test_dropped_files_become_tickets(inbox: Inbox) -> None:
    folder = drop_folder(inbox)
    assert folder.name == "Support"
    taken = [
        put(folder / "1.eml", mail_of(subject="1")),
        put(folder / "new" / "2:2,", mail_of(subject="2"), age=0),
    ]
    waiting = [
        put(folder / "still-written.eml", mail_of(subject="3")[:20], age=0),
        put(folder / ".hidden", mail_of(subject="4")),
        put(folder / "tmp" / "5", mail_of(subject="5")),
    ]
    (folder / "link.eml").symlink_to(waiting[0])
    assert len(poll_drop_folders()) == 2
    assert not any(path.exists() for path in taken)
    assert all(path.exists() for path in waiting)
    assert process_waiting_mail() == 2
    assert set(Ticket.objects.values_list("subject", flat=True)) == {"1", "2"}
    assert poll_drop_folders() == []


@pytest.mark.django_db
def test_a_file_is_removed_only_when_it_is_stored(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(drop_folder(inbox) / "1.eml", mail_of())

    def full(**kwargs: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(polling, "store_mail", full)
        assert poll_drop_folder(inbox=inbox) == []
    [claim] = (drop_folder(inbox) / ".taken").iterdir()
    assert claim.read_bytes() == mail_of()
    assert poll_drop_folder(inbox=inbox) == []
    # What a killed worker had taken is taken up again after a while.
    os.utime(claim, (time.time() - 1000, time.time() - 1000))
    assert len(poll_drop_folder(inbox=inbox)) == 1
    assert list((drop_folder(inbox) / ".taken").iterdir()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["../outside", "a/b", "..", "."])
def test_an_inbox_name_never_leaves_the_drop_folder(name: str, settings: Any) -> None:
    folder = drop_folder(Inbox.objects.create(name=name, channel="email"))
    assert folder.parent == Path(settings.MAIL_DROP_DIR)
    assert folder.name not in ("", ".", "..")
