"""Fixtures of the imports tests: uploads of the sample dumps, and the jobs run to their end."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.job_runner import run_jobs
from core.models import Job
from imports.models import Import
from imports.services.run_import import check_import, start_import
from imports.services.upload_import import upload_import
from people.models import User
from tickets.models import Inbox

DUMPS = Path(__file__).parent / "dumps"


def zipped(folder: Path, **more: bytes) -> bytes:
    """All files of a folder, and more, as a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
        for name, data in more.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def work(db: None) -> Callable[[], None]:
    """Return a function that runs the jobs there are until none is due."""

    def run() -> None:
        while run_jobs("batch"):
            pass
        failed = Job.objects.filter(attempts__gt=0).first()
        assert failed is None or not failed.error, list(failed.log.values_list("line", flat=True))

    return run


@pytest.fixture
def upload(admin: User, inbox: Inbox, work: Callable[[], None]) -> Callable[..., Import]:
    """Return a function that uploads files (name → content) and reads them."""

    def send(source: str, files: dict[str, bytes], **options: Any) -> Import:
        run = upload_import(
            source=source,
            uploads=[SimpleUploadedFile(name, content) for name, content in files.items()],
            by=admin.as_viewer(),
            inbox=inbox,
            **options,
        )
        work()
        run.refresh_from_db()
        return run

    return send


@pytest.fixture
def finish(admin: User, work: Callable[[], None]) -> Callable[[Import], Import]:
    """Return a function that checks and runs an import to its end."""

    def go(run: Import) -> Import:
        check_import(run=run, by=admin.as_viewer())
        work()
        start_import(run=run, by=admin.as_viewer())
        work()
        run.refresh_from_db()
        return run

    return go
